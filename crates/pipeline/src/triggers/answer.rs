//! The answer to a trigger, as it lies below `intermediary/results/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Mode};

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It was not done, and `why` says which rule it breaks.
    Refused,
    /// It is under way; the answer is written again when it ends.
    Accepted,
    /// It is done.
    Succeeded,
    /// It ended otherwise; `why` says how.
    Failed,
    /// There was nothing to do.
    NothingToDo,
}

impl State {
    /// Whether the answer is the last one.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Accepted)
    }

    /// As it is spelled.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "REFUSED",
            Self::Accepted => "ACCEPTED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::NothingToDo => "NOTHING_TO_DO",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The request; none if the file has no readable id.
    pub request_id: Option<String>,
    /// Its kind.
    pub kind: Kind,
    /// Who asked; none in the answer to a file that breaks the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The reason given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far it has come.
    pub state: State,
    /// Why it was refused, or failed, or what else there is to know about its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it was answered first (RFC 3339).
    pub answered_at: String,
    /// When its last state was found (RFC 3339).
    pub updated_at: String,
    /// What was found in the landing zone (copyglue with keys or a prefix).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// The run that was asked for (copyglue, glue2, optimization).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// What was open when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// What a cleanup did, or would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Cleaned>,
}

/// Files that the ledger was looked up for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Versions that were found in the landing zone.
    pub versions: usize,
    /// Those that the ledger had.
    pub known: usize,
    /// Those that it lacked and that were taken in.
    pub taken_in: usize,
    /// There are more versions below the prefix than were looked at.
    pub more: bool,
    /// What was put once more (`reland`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relanded: Vec<Relanded>,
    /// Keys that have no current version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A file that was put once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relanded {
    /// Its key.
    pub key: String,
    /// The version that was copied; none if only the copy was found, after a retry.
    pub from_version_id: Option<String>,
    /// The new version.
    pub version_id: String,
}

/// What Glue made of the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The job.
    pub job: String,
    /// The run that it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Why it started none now. No failure: the next run takes the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_now: Option<String>,
    /// Runs that were active then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active_runs: Vec<String>,
}

/// Open work at the time of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// How many items; at least so many, if there are `more`.
    pub count: usize,
    /// Not all were counted.
    pub more: bool,
    /// The first of them, by partition key of the ledger.
    pub items: Vec<String>,
}

/// How the run ended, or who else did the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// What Glue says of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glue_state: Option<String>,
    /// What the ledger says: COMMITTED or VOID; none if it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_state: Option<String>,
    /// The run's counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// How many of `open.items` each run has taken.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken_by: BTreeMap<String, usize>,
}

/// A cleanup, object by object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// Nothing was touched.
    pub dry_run: bool,
    /// How it was removed.
    pub mode: Option<Mode>,
    /// The request that was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Objects that are concerned.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Each.
    pub list: Vec<CleanedObject>,
    /// Keys that have no version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One object of a cleanup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanedObject {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The version that was current.
    pub version_id: String,
    /// Bytes.
    pub size: u64,
    /// What was done about it, or would be: `removed`, `restored`, `left`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// Why it was left, or what to know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The delete marker that hides it; none where the version itself is gone (landing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_marker: Option<String>,
    /// Where the copy is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopiedTo>,
    /// The version that an undoing has made of it, where the old one was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_as: Option<String>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It is removed.
    Removed,
    /// It is back.
    Restored,
    /// It was not touched.
    Left,
}

/// A copy of a removed object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedTo {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Version.
    pub version_id: String,
}
