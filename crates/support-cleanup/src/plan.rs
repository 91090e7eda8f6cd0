//! What may be removed. No I/O, no clock.

use std::collections::BTreeMap;

use pipeline::protocol::{RunState, Stage};
use pipeline::triggers::{CleanedObject, Done};
use serde::{Deserialize, Serialize};

/// What a request has set itself to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// The objects; those with `done: left` are only told of.
    pub objects: Vec<CleanedObject>,
    /// What to know about it.
    pub note: Option<String>,
    /// There are more than were listed.
    pub more: bool,
    /// Keys that have no version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// To undo: of each landing key, the versions that the cleanup saw, oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub landed: BTreeMap<String, Vec<String>>,
    /// To undo: the request that set out to before, and is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Todo {
    /// Itself, if it touches so many objects at most.
    ///
    /// # Errors
    /// It would touch more; the text says how many.
    pub fn within(self, limit: u32) -> Result<Self, String> {
        let count = self
            .objects
            .iter()
            .filter(|object| object.done != Some(Done::Left))
            .count();
        if self.more || count > limit as usize {
            let at_least = if self.more { "at least " } else { "" };
            return Err(format!(
                "limit: there are {at_least}{count} objects, more than {limit}; nothing was touched"
            ));
        }
        Ok(self)
    }
}

/// What is to be done about a run's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunFate {
    /// They may go.
    Remove,
    /// They may go once the run is VOID in the ledger, so that its process, should it go on, can't commit.
    VoidFirst,
    /// They may go once the ledger has a VOID item of the run, which it has none of, for the same reason.
    PutVoidFirst,
    /// They stay, and why.
    Refuse(String),
}

/// Decides by the state of the run's item and by whether Glue says that it ended (`None`: not known).
#[must_use]
pub fn run_fate(
    stage: Stage,
    run_id: &str,
    state: Option<RunState>,
    ended: Option<bool>,
) -> RunFate {
    match (state, ended) {
        (Some(RunState::Committed), _) => RunFate::Refuse(format!(
            "run_id: the stage {stage} run {run_id} has committed; what it wrote is in use"
        )),
        (Some(RunState::Void), _) => RunFate::Remove,
        (Some(RunState::Started), Some(true)) => RunFate::VoidFirst,
        (None, Some(true)) => RunFate::PutVoidFirst,
        (Some(RunState::Started), _) | (None, Some(false)) => RunFate::Refuse(format!(
            "run_id: the stage {stage} run {run_id} is alive, or not known to have ended"
        )),
        (None, None) => RunFate::Refuse(format!(
            "run_id: neither the ledger nor Glue knows a stage {stage} run {run_id}"
        )),
    }
}

/// What is to be done about a landed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFate {
    /// It may go.
    Remove,
    /// It may go once the ledger knows it, as then its books have it.
    TakeInFirst,
    /// It stays, and why.
    Leave(String),
}

/// Decides about a landed version by its item's holder (outer `None`: no item) and that run's state.
#[must_use]
pub fn file_fate(
    holder: Option<Option<&str>>,
    state: Option<RunState>,
    ended: Option<bool>,
) -> FileFate {
    let Some(holder) = holder else {
        return FileFate::TakeInFirst;
    };
    let Some(run_id) = holder else {
        return FileFate::Remove;
    };
    match (state, ended) {
        (Some(RunState::Void), _) => FileFate::Remove,
        (Some(RunState::Committed), _) => FileFate::Leave(format!("the run {run_id} has done it")),
        // Its process may go on and have copied the file; once the run is VOID, what it does never counts.
        (Some(RunState::Started), Some(true)) => FileFate::Leave(format!(
            "the run {run_id} has ended and is not void yet; reconcile sees to that"
        )),
        (Some(RunState::Started) | None, _) => {
            FileFate::Leave(format!("the run {run_id} holds it"))
        }
    }
}

/// A version that a landing key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its id.
    pub version_id: String,
    /// If an undoing has put it back since the cleanup: which version it was, and the request.
    pub restored: Option<(String, String)>,
}

/// What is to be done about a landed version that a cleanup has removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LandedFate {
    /// It is put back.
    PutBack,
    /// It is back already.
    Is {
        /// As this version.
        version_id: String,
        /// On this request.
        by: String,
    },
    /// It stays away: put back, it would count as newer than this one.
    Newer {
        /// The newer version.
        version_id: String,
    },
}

/// Decides by the versions that its key has now, and by those that the cleanup saw, oldest first. A version that was put
/// back counts for the one that it was. What the cleanup did not see has landed since.
#[must_use]
pub fn landed_fate(known: &[String], version_id: &str, present: &[Present]) -> LandedFate {
    for one in present {
        if let Some((from, by)) = &one.restored
            && from == version_id
        {
            return LandedFate::Is {
                version_id: one.version_id.clone(),
                by: by.clone(),
            };
        }
    }
    let is_older = |one: &&Present| {
        let was = match &one.restored {
            Some((from, _)) => from,
            None => &one.version_id,
        };
        known
            .iter()
            .take_while(|id| *id != version_id)
            .any(|id| id == was)
    };
    match present.iter().find(|one| !is_older(one)) {
        Some(newer) => LandedFate::Newer {
            version_id: newer.version_id.clone(),
        },
        None => LandedFate::PutBack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_commit_is_removed() {
        use RunState::{Committed, Started, Void};
        let cases = [
            (Some(Void), None, "Remove"),
            (Some(Void), Some(false), "Remove"),
            (Some(Committed), Some(true), "has committed"),
            (Some(Started), Some(true), "VoidFirst"),
            (Some(Started), Some(false), "is alive"),
            (Some(Started), None, "is alive"),
            (None, Some(true), "PutVoidFirst"),
            (None, Some(false), "is alive"),
            (None, None, "neither the ledger nor Glue"),
        ];
        for (state, ended, said) in cases {
            let fate = format!("{:?}", run_fate(Stage::Ingest, "jr", state, ended));
            assert!(fate.contains(said), "{state:?} {ended:?}: {fate}");
        }
    }

    #[test]
    fn a_file_that_a_run_has_done_or_may_hold_stays() {
        use RunState::{Committed, Started, Void};
        let cases = [
            (Some(None), None, None, "Remove"),
            (Some(Some("jr")), Some(Void), None, "Remove"),
            (Some(Some("jr")), Some(Committed), Some(true), "has done it"),
            (Some(Some("jr")), Some(Started), Some(false), "holds it"),
            (Some(Some("jr")), Some(Started), None, "holds it"),
            (Some(Some("jr")), Some(Started), Some(true), "not void yet"),
            (Some(Some("jr")), None, None, "holds it"),
            (None, None, None, "TakeInFirst"),
        ];
        for (holder, state, ended, said) in cases {
            let fate = format!("{:?}", file_fate(holder, state, ended));
            assert!(
                fate.contains(said),
                "{holder:?} {state:?} {ended:?}: {fate}"
            );
        }
    }

    #[test]
    fn a_landed_version_comes_back_once_and_over_nothing_newer() {
        let known = ["v1", "v2", "v3"].map(str::to_owned);
        let put_back = |id: &str, from: &str| Present {
            version_id: id.to_owned(),
            restored: Some((from.to_owned(), "u".to_owned())),
        };
        let plain = |id: &str| Present {
            version_id: id.to_owned(),
            restored: None,
        };
        let cases = [
            ("the key is empty", vec![], "PutBack"),
            ("older, back", vec![put_back("r1", "v1")], "PutBack"),
            ("older, left by the cleanup", vec![plain("v1")], "PutBack"),
            (
                "itself",
                vec![put_back("r2", "v2"), put_back("r1", "v1")],
                r#"Is { version_id: "r2""#,
            ),
            (
                "itself, under newer ones",
                vec![plain("v4"), plain("v3"), put_back("r2", "v2")],
                r#"Is { version_id: "r2""#,
            ),
            (
                "newer, back",
                vec![put_back("r3", "v3"), put_back("r1", "v1")],
                r#"Newer { version_id: "r3""#,
            ),
            (
                "newer, left by the cleanup",
                vec![plain("v3"), plain("v1")],
                r#"Newer { version_id: "v3""#,
            ),
            (
                "landed since",
                vec![put_back("r1", "v1"), plain("v4")],
                r#"Newer { version_id: "v4""#,
            ),
            (
                "put back from another cleanup",
                vec![put_back("r9", "v9")],
                r#"Newer { version_id: "r9""#,
            ),
        ];
        for (what, present, said) in cases {
            let fate = format!("{:?}", landed_fate(&known, "v2", &present));
            assert!(fate.starts_with(said), "{what}: {fate}");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused_with_the_count() {
        let object = CleanedObject::default();
        let left = CleanedObject {
            done: Some(Done::Left),
            ..CleanedObject::default()
        };
        let todo = Todo {
            objects: vec![object.clone(), object, left],
            ..Todo::default()
        };
        assert_eq!(todo.clone().within(2), Ok(todo.clone()));
        let refused = todo.clone().within(1).unwrap_err();
        assert!(
            refused.contains("there are 2 objects, more than 1"),
            "{refused}"
        );
        let more = Todo { more: true, ..todo };
        assert!(more.within(5).unwrap_err().contains("at least 2"));
    }
}
