//! Where triggers, answers and plans lie in the state bucket.

use super::Kind;

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
