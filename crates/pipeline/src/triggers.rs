//! Trigger files: what engineers ask of the support functions, and what these answer.
//!
//! A trigger is JSON below `intermediary/scripts/<kind>/` of the state bucket; its answer lies under the
//! same name below `intermediary/results/`. The functions and the command line share these types, so that
//! neither writes what the other refuses. `docs/triggers.md` is the schema in words.

mod answer;
mod desk;
mod event;
mod files;
mod places;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::Stage;
pub use answer::*;
pub use desk::{Admission, Admitted, Desk, Owner};
pub use event::{TriggerObject, triggers_of};
pub use places::{
    REQUESTS_PREFIX, RESULTS_PREFIX, SCRIPTS_PREFIX, TriggerPlace, answer_key, copy_source,
    plan_key,
};

/// Most bytes of a trigger file.
pub const LARGEST_FILE: usize = 512 * 1024;
/// Most characters of a request id.
pub const LONGEST_REQUEST_ID: usize = 128;
/// Most characters of `requested_by`.
pub const LONGEST_REQUESTED_BY: usize = 200;
/// Most characters of `reason`.
pub const LONGEST_REASON: usize = 1_000;
/// Most keys that a trigger names.
pub const MOST_KEYS: usize = 200;
/// Objects that a cleanup may touch unless its `limit` says otherwise.
pub const DEFAULT_LIMIT: u32 = 1_000;
/// The highest `limit`.
pub const HIGHEST_LIMIT: u32 = 10_000;

/// Metadata of a landing file that an undoing has put back: on whose request.
pub const RESTORED_BY: &str = "restore-request-id";
/// Metadata of the same: which version it was.
pub const RESTORED_FROM: &str = "restored-version-id";

/// What a trigger asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Glue 1 on what is open.
    Copyglue,
    /// Glue 2.
    Glue2,
    /// Glue 3.
    Optimization,
    /// Removing what a run, or a batch, left.
    Cleanup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Copyglue,
        Self::Glue2,
        Self::Optimization,
        Self::Cleanup,
    ];

    /// As it is spelled, in folders too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copyglue => "copyglue",
            Self::Glue2 => "glue2",
            Self::Optimization => "optimization",
            Self::Cleanup => "cleanup",
        }
    }

    /// Reads that spelling.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The stage whose job it starts; none for a cleanup.
    #[must_use]
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::Copyglue => Some(Stage::Ingest),
            Self::Glue2 => Some(Stage::Classify),
            Self::Optimization => Some(Stage::Conform),
            Self::Cleanup => None,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A trigger that keeps all rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// Names the request: the same id twice is one request.
    pub request_id: String,
    /// Who asks.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// What for.
    #[serde(flatten)]
    pub task: Task,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Task {
    /// Start Glue 1, perhaps after looking for files.
    Copyglue(Copyglue),
    /// Start Glue 2.
    Glue2 {},
    /// Start Glue 3.
    Optimization {},
    /// Clean up.
    Cleanup(Cleanup),
}

/// Which files Glue 1 is to see before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Copyglue {
    /// What is open is enough.
    Open {},
    /// All versions of these keys, taken in if the ledger lacks them; or, with `reland`, their current
    /// version put once more, as a new one.
    Keys {
        /// Keys below the landing prefix.
        keys: Vec<String>,
        /// Put them once more.
        reland: bool,
    },
    /// The versions below a prefix that landed in a time, taken in if the ledger lacks them.
    Prefix {
        /// The prefix; the landing prefix, or longer.
        prefix: String,
        /// Landed then or later.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
        /// Landed before then.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<Timestamp>,
    },
}

/// What to clean up, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cleanup {
    /// What.
    #[serde(flatten)]
    pub target: Target,
    /// Only say what would be done.
    pub dry_run: bool,
    /// How to remove; none in a dry run that does not say, and in an undoing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Most objects; more are refused before one is touched.
    pub limit: u32,
}

/// What a cleanup is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Target {
    /// What a run that did not commit wrote.
    Run {
        /// Its stage.
        stage: Stage,
        /// Its job run id.
        run_id: String,
    },
    /// Landing files that no run has done or holds.
    Files {
        /// Their keys.
        keys: Vec<String>,
    },
    /// What an earlier cleanup removed, to be put back.
    Undo {
        /// That cleanup's request id.
        undo: String,
    },
}

/// How a cleanup removes an object. Both can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A copy stays below quarantine.
    Quarantine,
    /// Only S3's noncurrent version stays, as long as the bucket keeps those.
    Delete,
}

/// Why a trigger is refused. The field comes first, so that one knows where to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct TriggerError {
    /// Name of the field, or `file` for the file as a whole.
    pub field: Cow<'static, str>,
    /// The rule that it breaks, with what it holds.
    pub rule: String,
}

impl Trigger {
    /// Reads a trigger file of this kind and holds it to all rules that need nothing but the file.
    ///
    /// # Errors
    /// [`TriggerError`]: the field and the rule.
    pub fn parse(kind: Kind, content: &[u8], landing_prefix: &str) -> Result<Self, TriggerError> {
        files::parse(kind, content, landing_prefix)
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.task {
            Task::Copyglue(_) => Kind::Copyglue,
            Task::Glue2 {} => Kind::Glue2,
            Task::Optimization {} => Kind::Optimization,
            Task::Cleanup(_) => Kind::Cleanup,
        }
    }

    /// The trigger as its file: what [`Trigger::parse`] reads back.
    ///
    /// # Errors
    /// Never, for what it is made of.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// A hash of kind and content, however the file is laid out: what makes two files the same request.
    ///
    /// # Errors
    /// Never, for what it is made of.
    pub fn hash(&self) -> serde_json::Result<String> {
        let content = serde_json::to_string(self)?;
        Ok(crate::protocol::sha256_hex(&format!(
            "{}\n{content}",
            self.kind()
        )))
    }
}

/// The request id of a file that may be refused for something else, if it has a good one.
#[must_use]
pub fn request_id_of(content: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(files::text(content)).ok()?;
    let request_id = value.get("request_id")?.as_str()?;
    files::check_request_id("request_id", request_id)
        .is_ok()
        .then(|| request_id.to_owned())
}
