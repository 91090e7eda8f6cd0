//! What can be wrong with a manifest.

use aws_sdk_s3::{error::SdkError, operation::get_object::GetObjectError};
use thiserror::Error;

/// Why a manifest is refused, or could not be read.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The location in the ledger is no `s3://bucket/key`.
    #[error("{0:?} is no s3:// location")]
    Location(String),
    /// S3 did not hand out the object.
    #[error("manifest s3://{bucket}/{key} could not be opened")]
    Open {
        /// Bucket that was asked.
        bucket: String,
        /// Key that was asked for.
        key: String,
        /// What S3 said.
        #[source]
        source: Box<SdkError<GetObjectError>>,
    },
    /// The connection broke in the middle.
    #[error("manifest could not be read to its end")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A line is not JSON, or not of the shape that it should have.
    #[error("line {line} of the manifest is not valid")]
    Syntax {
        /// Line number, from 1.
        line: u64,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A line is well-formed and still has no business where it is.
    #[error("line {line} of the manifest: {what}")]
    Unexpected {
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The header names another version, stage or run.
    #[error("the manifest is for {found}, not for {expected}")]
    Stranger {
        /// What the header says.
        found: String,
        /// What the reader asked for.
        expected: String,
    },
    /// There is no end line: the upload, or the download, was cut off.
    #[error("the manifest stops without an end line after {lines} lines")]
    Truncated {
        /// Number of lines that were read.
        lines: u64,
    },
    /// The end line counts other entries than there were.
    #[error("the manifest ends with {said} but holds {found}")]
    Counts {
        /// What the end line says.
        said: String,
        /// What was read.
        found: String,
    },
    /// An output lies where the run may not delete.
    #[error("output s3://{bucket}/{key} does not belong below {expected}")]
    Foreign {
        /// Bucket of the output.
        bucket: String,
        /// Key of the output.
        key: String,
        /// Where it should have been.
        expected: String,
    },
}

impl ManifestError {
    /// Whether the manifest itself is at fault, so that reading it again can't help.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Open { .. } | Self::Read(_))
    }
}
