//! Who is to be told what about a run that ended. No I/O, no clock.

use pipeline::ledger::{Matter, RunItem};
use pipeline::protocol::{RunState, Settle, Stage, VoidReason};
use pipeline::state_change::GlueState;

/// What is to be told about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Nothing: the run goes on, or it was told before.
    Nothing(&'static str),
    /// Nobody needs to know, but it is settled: the run ended well and had found nothing to do.
    Quietly,
    /// A mail: there was nothing to classify this week.
    NothingToClassify,
    /// A mail: the run committed.
    Success,
    /// An incident.
    Incident(Fault),
}

/// In which way a run went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It had committed, and then failed: its work counts all the same.
    AfterCommit,
    /// It ended without having committed.
    NotCommitted,
    /// It never got as far as to write its ledger item.
    NeverStarted,
    /// It committed, and what it consumed can't be removed from temp.
    NotCleaned,
}

impl Telling {
    /// What of the run it tells.
    #[must_use]
    pub const fn matter(self) -> Matter {
        match self {
            Self::Incident(fault) => fault.matter(),
            _ => Matter::End,
        }
    }
}

impl Fault {
    /// What of the run is wrong.
    #[must_use]
    pub const fn matter(self) -> Matter {
        match self {
            Self::NotCleaned => Matter::Cleaning,
            Self::AfterCommit | Self::NotCommitted | Self::NeverStarted => Matter::End,
        }
    }
}

/// What to write to the ledger before anything is told of a run that ended: from then on it can't commit,
/// so that nobody is told of a failure that a process which Glue has given up turns into a success.
#[must_use]
pub fn settle(state: &GlueState, run: Option<&RunItem>) -> Option<Settle> {
    match run.map(|run| run.state) {
        _ if !state.has_ended() => None,
        None => Some(Settle::NeverStarted),
        Some(RunState::Started) => Some(Settle::Void),
        Some(RunState::Committed | RunState::Void) => None,
    }
}

/// Decides what is to be told, given what Glue says and what the ledger knows.
#[must_use]
pub fn plan(stage: Stage, state: &GlueState, run: Option<&RunItem>) -> Telling {
    if !state.has_ended() {
        return Telling::Nothing("the run has not ended");
    }
    let Some(run) = run else {
        return Telling::Incident(Fault::NeverStarted);
    };
    let succeeded = *state == GlueState::Succeeded;
    if run.told_at.is_some() {
        return if succeeded && is_stuck(stage, run) {
            Telling::Incident(Fault::NotCleaned)
        } else {
            Telling::Nothing("it was told before")
        };
    }
    match (run.state, run.reason) {
        (RunState::Committed, _) if succeeded => Telling::Success,
        (RunState::Committed, _) => Telling::Incident(Fault::AfterCommit),
        (RunState::Void, Some(VoidReason::Empty)) if succeeded && stage == Stage::Classify => {
            Telling::NothingToClassify
        }
        (RunState::Void, Some(VoidReason::Empty)) if succeeded => Telling::Quietly,
        (RunState::Void, Some(VoidReason::NeverStarted)) => Telling::Incident(Fault::NeverStarted),
        _ => Telling::Incident(Fault::NotCommitted),
    }
}

/// Whether `clean-prefix` has failed on what the run consumed, still is not through, and nobody knows.
/// The first event of a run's end finds the run untold, so this is asked of an event that `reconcile`
/// has sent since: a failure that a retry mends within that time is no incident.
fn is_stuck(stage: Stage, run: &RunItem) -> bool {
    stage == Stage::Classify
        && run.state == RunState::Committed
        && run.cleaned_at.is_none()
        && run.cleaning_error.is_some()
        && run.cleaning_told_at.is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;

    fn run(state: RunState, reason: Option<VoidReason>) -> RunItem {
        RunItem {
            stage: Stage::Ingest,
            run_id: "jr".to_owned(),
            job: "glue".to_owned(),
            state,
            reason,
            started_by: None,
            started_at: None,
            committed_at: None,
            manifest: None,
            report: None,
            counts: BTreeMap::new(),
            assigned_to: None,
            cleaned_at: None,
            telling_at: None,
            cleaning_error: None,
            cleaning_alerted_at: None,
            cleaning_told_at: None,
            alerted_at: None,
            told_at: None,
        }
    }

    #[test]
    fn only_committed_is_success_and_whatever_else_ended_is_an_incident() {
        use Fault::{AfterCommit, NeverStarted, NotCommitted};
        use Telling::{Incident, NothingToClassify, Quietly, Success};
        let committed = || Some(run(RunState::Committed, None));
        let started = || Some(run(RunState::Started, None));
        let void = |reason| Some(run(RunState::Void, Some(reason)));
        let cases = [
            (Stage::Ingest, "SUCCEEDED", committed(), Success),
            (Stage::Classify, "SUCCEEDED", committed(), Success),
            (Stage::Conform, "SUCCEEDED", committed(), Success),
            (Stage::Ingest, "FAILED", committed(), Incident(AfterCommit)),
            (Stage::Ingest, "TIMEOUT", committed(), Incident(AfterCommit)),
            (
                Stage::Ingest,
                "SUCCEEDED",
                started(),
                Incident(NotCommitted),
            ),
            (Stage::Ingest, "FAILED", started(), Incident(NotCommitted)),
            (
                Stage::Ingest,
                "STOPPED",
                void(VoidReason::Ended),
                Incident(NotCommitted),
            ),
            (
                Stage::Ingest,
                "SUCCEEDED",
                void(VoidReason::Ended),
                Incident(NotCommitted),
            ),
            (
                Stage::Ingest,
                "FAILED",
                void(VoidReason::Empty),
                Incident(NotCommitted),
            ),
            (
                Stage::Ingest,
                "ERROR",
                void(VoidReason::NeverStarted),
                Incident(NeverStarted),
            ),
            (Stage::Ingest, "EXPIRED", None, Incident(NeverStarted)),
            (Stage::Ingest, "SUCCEEDED", None, Incident(NeverStarted)),
            (Stage::Ingest, "SUCCEEDED", void(VoidReason::Empty), Quietly),
            (
                Stage::Classify,
                "SUCCEEDED",
                void(VoidReason::Empty),
                NothingToClassify,
            ),
            (
                Stage::Conform,
                "SUCCEEDED",
                void(VoidReason::Empty),
                Quietly,
            ),
        ];
        for (stage, state, run, telling) in cases {
            assert_eq!(
                plan(stage, &GlueState::of(state), run.as_ref()),
                telling,
                "{stage} {state} {run:?}"
            );
        }
    }

    #[test]
    fn a_run_that_ended_is_settled_before_it_is_told_unless_it_is_decided() {
        let of = |state| Some(run(state, None));
        for state in ["SUCCEEDED", "FAILED", "TIMEOUT"] {
            let state = GlueState::of(state);
            assert_eq!(settle(&state, None), Some(Settle::NeverStarted));
            let settled = |state_in_ledger| settle(&state, of(state_in_ledger).as_ref());
            assert_eq!(settled(RunState::Started), Some(Settle::Void));
            assert_eq!(settled(RunState::Committed), None);
            assert_eq!(settled(RunState::Void), None);
        }
        let running = GlueState::of("RUNNING");
        assert_eq!(settle(&running, None), None);
        assert_eq!(settle(&running, of(RunState::Started).as_ref()), None);
    }

    #[test]
    fn a_clean_up_that_failed_and_is_not_over_is_an_incident_once() {
        let told = Some(Timestamp::UNIX_EPOCH);
        let stuck = RunItem {
            stage: Stage::Classify,
            told_at: told,
            cleaning_error: Some("a manifest is gone".to_owned()),
            ..run(RunState::Committed, None)
        };
        let plan = |run: &RunItem| plan(run.stage, &GlueState::Succeeded, Some(run));
        assert_eq!(plan(&stuck), Telling::Incident(Fault::NotCleaned));
        let untold = RunItem {
            told_at: None,
            ..stuck.clone()
        };
        assert_eq!(plan(&untold), Telling::Success);
        for settled in [
            RunItem {
                cleaned_at: told,
                ..stuck.clone()
            },
            RunItem {
                cleaning_error: None,
                ..stuck.clone()
            },
            RunItem {
                cleaning_told_at: told,
                ..stuck.clone()
            },
        ] {
            assert!(matches!(plan(&settled), Telling::Nothing(_)), "{settled:?}");
        }
    }

    #[test]
    fn a_void_run_without_a_known_reason_is_no_success() {
        let telling = plan(
            Stage::Ingest,
            &GlueState::Succeeded,
            Some(&run(RunState::Void, None)),
        );
        assert_eq!(telling, Telling::Incident(Fault::NotCommitted));
    }

    #[test]
    fn a_run_is_told_once_and_not_before_it_ends() {
        let told = RunItem {
            told_at: Some(Timestamp::UNIX_EPOCH),
            ..run(RunState::Void, None)
        };
        assert!(matches!(
            plan(Stage::Ingest, &GlueState::of("FAILED"), Some(&told)),
            Telling::Nothing(_)
        ));
        for state in [
            "STARTING",
            "RUNNING",
            "STOPPING",
            "WAITING",
            "SOMETHING_NEW",
        ] {
            for run in [None, Some(run(RunState::Started, None))] {
                let telling = plan(Stage::Ingest, &GlueState::of(state), run.as_ref());
                assert!(matches!(telling, Telling::Nothing(_)), "{state}");
            }
        }
    }
}
