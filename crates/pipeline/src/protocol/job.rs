//! What a job run decides about itself, from its first write to its last.
//!
//! The job itself is Python; `tui_etl.protocol` has these functions under the same names, and the model
//! takes its steps by the ones here. `tests/decisions/job.json` holds both to the same answers.

use serde::Deserialize;

use super::{RunState, Stage};

/// What a run does once its item was put as STARTED, if there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Begin {
    /// Take what is open.
    GoOn,
    /// End as a failure: it was given up, or has ended before.
    Refuse,
}

/// Step 1 of a run: whether it may go on, given the state of its item after the put.
#[must_use]
pub const fn decide_begin(found: Option<RunState>) -> Begin {
    match found {
        Some(RunState::Started) => Begin::GoOn,
        Some(RunState::Committed | RunState::Void) | None => Begin::Refuse,
    }
}

/// What a run does once it has looked at what is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AfterTaking {
    /// Process what it holds.
    Process,
    /// End VOID and successfully, with nothing written.
    EndEmpty,
}

/// What a run does that holds so many items.
#[must_use]
pub const fn decide_after_taking(held: usize) -> AfterTaking {
    match held {
        0 => AfterTaking::EndEmpty,
        _ => AfterTaking::Process,
    }
}

/// What a run does once it has tried to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AfterCommit {
    /// It is committed: the markers of its items go.
    DropMarkers,
    /// It was given up for dead: it ends as a failure and deletes nothing.
    Refuse,
}

/// Step 5 of a run. `found` is the state of its item, read again after a commit that was not `accepted`:
/// a retry whose first try went through is refused as well, and finds itself COMMITTED.
#[must_use]
pub const fn decide_after_commit(accepted: bool, found: Option<RunState>) -> AfterCommit {
    match (accepted, found) {
        (true, _) | (false, Some(RunState::Committed)) => AfterCommit::DropMarkers,
        (false, Some(RunState::Started | RunState::Void) | None) => AfterCommit::Refuse,
    }
}

/// A write that a run makes after it has processed its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Write {
    /// What it took and what it wrote.
    Manifest,
    /// Its books.
    Report,
    /// Its marker as work of the next stage.
    NextMarker,
    /// STARTED -> COMMITTED.
    Commit,
    /// The markers of its items go.
    DropMarkers,
}

/// The order of these writes.
#[must_use]
pub const fn commit_order(stage: Stage) -> &'static [Write] {
    use Write::{Commit, DropMarkers, Manifest, NextMarker, Report};
    match stage {
        Stage::Ingest | Stage::Classify => &[Manifest, Report, NextMarker, Commit, DropMarkers],
        Stage::Conform => &[Manifest, Report, Commit, DropMarkers],
    }
}
