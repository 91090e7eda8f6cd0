//! What may be cleaned: decisions over ledger items that were read. No I/O, no clock.

use pipeline::ledger::RunItem;
use pipeline::protocol::{ItemKey, RunState, Stage};
use thiserror::Error;

/// What to do about a classify run.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan<'a> {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Clean up after it; its manifest is there.
    Clean {
        /// `s3://` location.
        manifest: &'a str,
    },
}

/// Why what a run consumed is not deleted although it is committed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A committed run must have a manifest.
    #[error("run {0} is committed without a manifest")]
    NoManifest(String),
    /// The manifest of the classify run lists something that is no ingest run.
    #[error("{0:?} is no ingest run")]
    NotAnIngestRun(String),
    /// The ledger has no such run.
    #[error("run {0} is not in the ledger")]
    Unknown(String),
    /// It never published its outputs: nothing is known of them.
    #[error("run {0} is not committed")]
    NotCommitted(String),
    /// Another classify run holds it and may be reading its outputs.
    #[error("run {run} is assigned to {to:?}, not to {by}")]
    HeldByAnother {
        /// The ingest run.
        run: String,
        /// Who holds it.
        to: Option<String>,
        /// Who cleans.
        by: String,
    },
}

/// Decides about the classify run that an event named. Its state in Glue does not matter: what is
/// committed was consumed, what isn't was not.
///
/// # Errors
/// [`Refusal::NoManifest`].
pub fn plan(run: Option<&RunItem>) -> Result<Plan<'_>, Refusal> {
    let Some(run) = run else {
        return Ok(Plan::Nothing("the ledger does not know the run"));
    };
    if run.state != RunState::Committed {
        return Ok(Plan::Nothing("the run is not committed"));
    }
    if run.cleaned_at.is_some() {
        return Ok(Plan::Nothing("it was cleaned up before"));
    }
    match run.manifest.as_deref() {
        Some(manifest) => Ok(Plan::Clean { manifest }),
        None => Err(Refusal::NoManifest(run.run_id.clone())),
    }
}

/// The ingest run that `item` of a classify run's manifest stands for.
///
/// # Errors
/// [`Refusal::NotAnIngestRun`].
pub fn ingest_run(item: &str) -> Result<&str, Refusal> {
    match ItemKey::parse(item) {
        Some(ItemKey::Run(Stage::Ingest, run_id)) => Ok(run_id),
        _ => Err(Refusal::NotAnIngestRun(item.to_owned())),
    }
}

/// Where the manifest of ingest run `run_id` is, if classify run `by` consumed it.
///
/// # Errors
/// [`Refusal`], if its outputs must stay.
pub fn consumed<'a>(run_id: &str, run: Option<&'a RunItem>, by: &str) -> Result<&'a str, Refusal> {
    let run = run.ok_or_else(|| Refusal::Unknown(run_id.to_owned()))?;
    if run.state != RunState::Committed {
        return Err(Refusal::NotCommitted(run_id.to_owned()));
    }
    if run.assigned_to.as_deref() != Some(by) {
        return Err(Refusal::HeldByAnother {
            run: run_id.to_owned(),
            to: run.assigned_to.clone(),
            by: by.to_owned(),
        });
    }
    run.manifest
        .as_deref()
        .ok_or_else(|| Refusal::NoManifest(run_id.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;

    fn run(stage: Stage, state: RunState) -> RunItem {
        RunItem {
            stage,
            run_id: "jr_1".to_owned(),
            job: "glue".to_owned(),
            state,
            reason: None,
            started_by: None,
            started_at: None,
            committed_at: None,
            manifest: Some("s3://state/m".to_owned()),
            report: None,
            counts: BTreeMap::new(),
            assigned_to: Some("jr_2".to_owned()),
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
    fn only_a_committed_run_that_was_not_cleaned_is_cleaned() {
        let committed = run(Stage::Classify, RunState::Committed);
        assert_eq!(
            plan(Some(&committed)),
            Ok(Plan::Clean {
                manifest: "s3://state/m"
            })
        );
        assert!(matches!(plan(None), Ok(Plan::Nothing(_))));
        for state in [RunState::Started, RunState::Void] {
            assert!(
                matches!(
                    plan(Some(&run(Stage::Classify, state))),
                    Ok(Plan::Nothing(_))
                ),
                "{state}"
            );
        }
        let cleaned = RunItem {
            cleaned_at: Some(Timestamp::UNIX_EPOCH),
            ..committed.clone()
        };
        assert!(matches!(plan(Some(&cleaned)), Ok(Plan::Nothing(_))));
        let without = RunItem {
            manifest: None,
            ..committed
        };
        assert_eq!(
            plan(Some(&without)),
            Err(Refusal::NoManifest("jr_1".to_owned()))
        );
    }

    #[test]
    fn an_ingest_run_is_cleaned_only_if_it_is_committed_and_held_by_this_classify_run() {
        let good = run(Stage::Ingest, RunState::Committed);
        assert_eq!(consumed("jr_1", Some(&good), "jr_2"), Ok("s3://state/m"));
        let cases = [
            ("unknown", None),
            ("started", Some(run(Stage::Ingest, RunState::Started))),
            ("void", Some(run(Stage::Ingest, RunState::Void))),
            (
                "held by another",
                Some(RunItem {
                    assigned_to: Some("jr_3".to_owned()),
                    ..good.clone()
                }),
            ),
            (
                "held by nobody",
                Some(RunItem {
                    assigned_to: None,
                    ..good.clone()
                }),
            ),
            (
                "no manifest",
                Some(RunItem {
                    manifest: None,
                    ..good.clone()
                }),
            ),
        ];
        for (what, run) in cases {
            assert!(consumed("jr_1", run.as_ref(), "jr_2").is_err(), "{what}");
        }
    }

    #[test]
    fn only_ingest_runs_are_work_of_a_classify_run() {
        assert_eq!(ingest_run("RUN#1#jr_1"), Ok("jr_1"));
        for item in ["RUN#2#jr_1", "RUN#1#", "FILE#b/k#v", "jr_1", ""] {
            assert!(ingest_run(item).is_err(), "{item}");
        }
    }
}
