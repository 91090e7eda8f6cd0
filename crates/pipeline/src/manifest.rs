//! The manifest of a job run, read as a stream.
//!
//! A manifest is JSON Lines: one header, the items that the run took, the objects that it wrote,
//! and an end line with the counts of both. It can list millions of objects, so it is never held
//! in memory: [`Manifest::next`] hands out one entry at a time. Readers must not act on an entry
//! before they know that the manifest is whole, which is when `next` has answered `None`; until
//! then a cut-off upload looks just like a short manifest.
//!
//! [`KeysToDelete`] is the view for whoever deletes: each output must be where this run, and no
//! other, wrote its temporary files. One output that is not refuses the whole manifest.

mod error;
#[cfg(test)]
mod fuzz;
mod keys_to_delete;
mod parser;
#[cfg(test)]
mod tests;

use aws_sdk_s3::primitives::ByteStream;
use serde::Deserialize;

use crate::protocol::Stage;
pub use error::ManifestError;
pub use keys_to_delete::KeysToDelete;
use parser::Parser;

/// What a run put where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// Bucket of the object.
    pub bucket: String,
    /// Its key, as S3 knows it (not URL-encoded).
    pub key: String,
    /// Dataset that its rows belong to.
    pub dataset: String,
    /// Which kind of place it is.
    pub zone: Zone,
    /// Rows in it.
    pub records: u64,
    /// Bytes.
    pub size: u64,
}

/// The kinds of places that jobs write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Zone {
    /// Below raw's temp prefix, until it is classified.
    Temp,
    /// Classified, anybody with access to legacy data may read it.
    Legacy,
    /// Classified as secured, or not classified at all.
    Secured,
}

/// Only its name: a derived enum would also be read from an object that holds the name as a key.
impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "temp" => Ok(Self::Temp),
            "legacy" => Ok(Self::Legacy),
            "secured" => Ok(Self::Secured),
            _ => Err(format!("{name:?} is no zone: temp, legacy or secured")),
        }
    }
}

/// One line between the header and the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `pk` of a ledger item that the run took.
    Item(String),
    /// An object that the run wrote.
    Output(Output),
}

/// A manifest that is being read.
pub struct Manifest {
    body: ByteStream,
    parser: Parser,
    whole: bool,
}

impl Manifest {
    /// Reads `body` as the manifest of that run; any other run's is refused.
    #[must_use]
    pub fn new(body: ByteStream, stage: Stage, run_id: &str) -> Self {
        Self {
            body,
            parser: Parser::new(stage, run_id),
            whole: false,
        }
    }

    /// The next item or output; `None` once the end line was read and matched, and nothing follows.
    ///
    /// # Errors
    /// [`ManifestError`]; what was handed out before must not be acted on then.
    pub async fn next(&mut self) -> Result<Option<Entry>, ManifestError> {
        while !self.whole {
            if let Some(entry) = self.parser.next()? {
                return Ok(Some(entry));
            }
            match self.body.try_next().await {
                Ok(Some(bytes)) => self.parser.push(&bytes),
                Ok(None) => {
                    self.parser.finish()?;
                    self.whole = true;
                }
                Err(error) => return Err(ManifestError::Read(error.into())),
            }
        }
        Ok(None)
    }

    /// Reads to the end and keeps the items only: what the run took.
    ///
    /// # Errors
    /// As [`Manifest::next`]; there is no partial answer.
    pub async fn items(mut self) -> Result<Vec<String>, ManifestError> {
        let mut items = Vec::new();
        while let Some(entry) = self.next().await? {
            if let Entry::Item(item) = entry {
                items.push(item);
            }
        }
        Ok(items)
    }
}

/// Where an object lies, as the ledger writes it: `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Bucket name.
    pub bucket: String,
    /// Key, as S3 knows it.
    pub key: String,
}

impl Location {
    /// Splits `s3://bucket/key`.
    ///
    /// # Errors
    /// [`ManifestError::Location`] if it is anything else, or lies in another bucket than
    /// `bucket`: only the state bucket holds manifests and reports, whatever a ledger item says.
    pub fn within(bucket: &str, uri: &str) -> Result<Self, ManifestError> {
        uri.strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(found, key)| *found == bucket && !key.is_empty())
            .map(|(bucket, key)| Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            })
            .ok_or_else(|| ManifestError::Location(uri.to_owned()))
    }
}

/// Opens a manifest; answers its entity tag too, so that it can be opened a second time
/// (`etag`) with the certainty that it is the same one.
///
/// # Errors
/// [`ManifestError::Open`]; also if the object's entity tag isn't `etag` (any more).
pub async fn open(
    s3: &aws_sdk_s3::Client,
    at: &Location,
    (stage, run_id): (Stage, &str),
    etag: Option<&str>,
) -> Result<(Manifest, Option<String>), ManifestError> {
    let answer = s3
        .get_object()
        .bucket(&at.bucket)
        .key(&at.key)
        .set_if_match(etag.map(str::to_owned))
        .send()
        .await
        .map_err(|source| ManifestError::Open {
            bucket: at.bucket.clone(),
            key: at.key.clone(),
            source: Box::new(source),
        })?;
    Ok((Manifest::new(answer.body, stage, run_id), answer.e_tag))
}
