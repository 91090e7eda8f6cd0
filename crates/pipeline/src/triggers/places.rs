//! Where triggers, answers and plans lie in the state bucket.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Kind;

/// All but what never means anything in a URL's path.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'/')
    .remove(b'_')
    .remove(b'~');

/// Below it, triggers by kind.
pub const SCRIPTS_PREFIX: &str = "intermediary/scripts/";
/// Below it, answers by kind.
pub const RESULTS_PREFIX: &str = "intermediary/results/";
/// Below it, what a request has set itself to do, by request id.
pub const REQUESTS_PREFIX: &str = "intermediary/requests/";
const SUFFIX: &str = ".json";

/// A trigger's name: its kind's folder, and the rest of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerPlace {
    /// The kind.
    pub kind: Kind,
    /// The name, without folder and `.json`.
    pub name: String,
}

impl TriggerPlace {
    /// Reads a trigger's key; any other object's gives nothing.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (kind, file) = key.strip_prefix(SCRIPTS_PREFIX)?.split_once('/')?;
        let name = file.strip_suffix(SUFFIX)?;
        (!name.is_empty()).then_some(())?;
        Some(Self {
            kind: Kind::of(kind)?,
            name: name.to_owned(),
        })
    }

    /// Key of the trigger file.
    #[must_use]
    pub fn trigger_key(&self) -> String {
        format!("{SCRIPTS_PREFIX}{}/{}{SUFFIX}", self.kind, self.name)
    }

    /// Key of its answer.
    #[must_use]
    pub fn result_key(&self) -> String {
        format!("{RESULTS_PREFIX}{}/{}{SUFFIX}", self.kind, self.name)
    }
}

/// Key of what a request has set itself to do.
#[must_use]
pub fn plan_key(request_id: &str) -> String {
    format!("{REQUESTS_PREFIX}{request_id}/plan{SUFFIX}")
}

/// Key of the answer that counts; what lies beside the trigger's name is a copy of it.
#[must_use]
pub fn answer_key(request_id: &str) -> String {
    format!("{REQUESTS_PREFIX}{request_id}/answer{SUFFIX}")
}

/// What S3 wants to hear as the source of a copy: encoded, but for the slashes.
#[must_use]
pub fn copy_source(bucket: &str, key: &str, version_id: Option<&str>) -> String {
    let key = utf8_percent_encode(key, KEY);
    match version_id {
        Some(version_id) => format!("{bucket}/{key}?versionId={version_id}"),
        None => format!("{bucket}/{key}"),
    }
}
