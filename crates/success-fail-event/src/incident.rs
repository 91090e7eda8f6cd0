//! The incident about a run that went wrong, and the alert for when it could not be raised.

use pipeline::ledger::{Matter, RunItem};
use pipeline::protocol::Stage;

use crate::config::IncidentFields;
use crate::mail::Message;
use crate::plan::Fault;
use crate::service_now::{Incident, Unreachable};
use crate::words::{cut, log_link, moment, run_link, subject};
use crate::{About, title};

/// ServiceNow cuts off what is longer.
const SHORT_DESCRIPTION: usize = 160;
/// Glue's message holds a stack trace at times; its beginning says what went wrong.
const MESSAGE: usize = 2_000;

/// One run, one incident about how it ended, and one about its clean-up.
#[must_use]
pub fn correlation_id(environment: &str, run_id: &str, matter: Matter) -> String {
    let what = match matter {
        Matter::End => "",
        Matter::Cleaning => "-cleaning",
    };
    format!("tui-etl-{environment}-{run_id}{what}")
}

/// What ServiceNow is told.
#[must_use]
pub fn incident(about: &About<'_>, fault: Fault, fields: &IncidentFields) -> Incident {
    let change = about.change;
    let severity = match fault {
        Fault::AfterCommit | Fault::NotCleaned => &fields.after_commit,
        Fault::NotCommitted | Fault::NeverStarted => &fields.not_committed,
    };
    Incident {
        short_description: cut(
            &format!(
                "[{}] {} {}: {}",
                about.environment,
                title(about.stage),
                how(about, fault),
                change.job
            ),
            SHORT_DESCRIPTION,
        ),
        description: description(about, fault),
        category: fields.category.clone(),
        subcategory: fields.subcategory.clone(),
        assignment_group: fields.assignment_group.clone(),
        urgency: severity.urgency.clone(),
        impact: severity.impact.clone(),
        correlation_id: correlation_id(about.environment, &change.run_id, fault.matter()),
        correlation_display: "tui-etl",
    }
}

/// What the operators are told by mail if ServiceNow can't be told.
#[must_use]
pub fn alert(about: &About<'_>, incident: &Incident, why: &Unreachable) -> Message {
    Message {
        subject: subject(&format!(
            "[{}] ServiceNow unreachable, incident waits: {}",
            about.environment,
            title(about.stage)
        )),
        body: format!(
            "ServiceNow could not be told about a failure: {}.\n\
             The incident is tried again every few minutes until ServiceNow has it; there is no second alert about it.\n\n\
             {}\n\n{}\n\nCorrelation id: {}\n",
            chain(why),
            incident.short_description,
            incident.description,
            incident.correlation_id,
        ),
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn how(about: &About<'_>, fault: Fault) -> String {
    let state = &about.change.state;
    match fault {
        Fault::AfterCommit => format!("ended as {state} after it had committed"),
        Fault::NotCommitted => format!("ended as {state} without committing"),
        Fault::NeverStarted => format!("ended as {state} without ever having begun its work"),
        Fault::NotCleaned => "committed, but its input can't be removed from temp".to_owned(),
    }
}

fn description(about: &About<'_>, fault: Fault) -> String {
    let change = about.change;
    let run = about.run;
    let unknown = || "unknown".to_owned();
    let facts = [
        ("job", change.job.clone()),
        ("run", change.run_id.clone()),
        ("started by", run.started_by.clone().unwrap_or_else(unknown)),
        ("started", run.started_at.map_or_else(unknown, moment)),
        ("in Glue", change.state.to_string()),
        ("in ledger", in_ledger(run)),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("  {name:<10}  {value}\n"))
        .collect();
    let message = match fault {
        Fault::NotCleaned => run.cleaning_error.as_deref().unwrap_or_default(),
        _ => &change.message,
    };
    let message = match message.trim() {
        "" => "(Glue gave no message; see the log.)".to_owned(),
        message => cut(message, MESSAGE),
    };
    format!(
        "{} {}.\n\n{facts}\nError message:\n{message}\n\nWhat happens next:\n{}\n\nRun: {}\nLog: {}",
        title(about.stage),
        how(about, fault),
        next(about.stage, fault),
        run_link(about.region, &change.job, &change.run_id),
        log_link(about.region, &change.job, &change.run_id),
    )
}

fn in_ledger(run: &RunItem) -> String {
    match run.reason {
        Some(reason) => format!("{}, {}", run.state, reason.as_str()),
        None => run.state.to_string(),
    }
}

/// What the pipeline does by itself, and what is left to a person.
fn next(stage: Stage, fault: Fault) -> &'static str {
    match (fault, stage) {
        (Fault::AfterCommit, _) => {
            "The run's work is complete and is used by the next stage. Nothing needs to be run again; find out what failed after the commit."
        }
        (Fault::NotCleaned, _) => {
            "Nothing is lost: the run's work is complete and is used by the next stage. What it read is still in temp, and only what a manifest lists is ever deleted. clean-prefix tries again every few minutes, and ends it once the cause is removed. A manifest that is gone or spoilt is to be had back from its earlier version in the bucket."
        }
        (_, Stage::Ingest) => {
            "Nothing is lost: the files stay open and the next run, started within minutes, takes them again. If that one fails too, the cause has to be removed."
        }
        (_, Stage::Classify) => {
            "Nothing is lost and nothing was deleted: the next scheduled run takes the same work again. To not wait for it, start the job by hand once the cause is removed."
        }
        (_, Stage::Conform) => {
            "Nothing is lost: the next run, started within minutes, takes the same work again. Tables show what was committed to them before. If the next run fails too, the cause has to be removed."
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::protocol::{RunState, VoidReason};
    use reqwest::StatusCode;

    use super::*;
    use crate::sample::{about, change, fields, run};

    #[test]
    fn an_incident_says_what_a_person_needs() {
        let change = change("TIMEOUT", "Job run exceeded its time-out");
        let run = RunItem {
            state: RunState::Started,
            ..run(Stage::Ingest)
        };
        let incident = incident(&about(&change, &run), Fault::NotCommitted, &fields());
        assert_eq!(
            incident.short_description,
            "[dev] Glue 1 (ingest) ended as TIMEOUT without committing: glue-x-dev"
        );
        assert_eq!(incident.correlation_id, "tui-etl-dev-jr_1");
        for part in [
            "Job run exceeded its time-out",
            "  started by  schedule 2025-11-21T11:00:00Z\n",
            "  in Glue     TIMEOUT\n",
            "  in ledger   STARTED\n",
            "the next run, started within minutes, takes them again",
            "#/job/glue-x-dev/run/jr_1",
            "$252Faws-glue$252Fjobs$252Fglue-x-dev$252Ferror",
        ] {
            assert!(
                incident.description.contains(part),
                "{part:?} is not in\n{}",
                incident.description
            );
        }
    }

    #[test]
    fn what_happens_next_depends_on_how_it_ended() {
        let texts: Vec<_> = [
            (
                Stage::Classify,
                Fault::AfterCommit,
                "Nothing needs to be run again",
            ),
            (Stage::Ingest, Fault::NeverStarted, "the files stay open"),
            (Stage::Classify, Fault::NotCommitted, "next scheduled run"),
            (
                Stage::Conform,
                Fault::NotCommitted,
                "started within minutes",
            ),
        ]
        .into_iter()
        .map(|(stage, fault, hint)| (next(stage, fault), hint))
        .collect();
        for (text, hint) in texts {
            assert!(text.contains(hint), "{text}");
        }
    }

    #[test]
    fn what_was_committed_is_less_urgent() {
        let (change, run) = (change("FAILED", ""), run(Stage::Conform));
        let about = about(&change, &run);
        let (late, lost) = (
            incident(&about, Fault::AfterCommit, &fields()),
            incident(&about, Fault::NotCommitted, &fields()),
        );
        assert_eq!((&*late.urgency, &*late.impact), ("3", "2"));
        assert_eq!((&*lost.urgency, &*lost.impact), ("1", "2"));
        assert!(
            late.short_description.contains("after it had committed"),
            "{late:?}"
        );
        assert!(late.description.contains("gave no message"), "{late:?}");
    }

    #[test]
    fn an_input_that_stays_is_an_incident_of_its_own_and_says_why() {
        let run = RunItem {
            cleaning_error: Some("the manifest is gone".to_owned()),
            ..run(Stage::Classify)
        };
        let change = change("SUCCEEDED", "");
        let incident = incident(&about(&change, &run), Fault::NotCleaned, &fields());
        assert_eq!(incident.correlation_id, "tui-etl-dev-jr_1-cleaning");
        assert_eq!(
            incident.short_description,
            "[dev] Glue 2 (classify) committed, but its input can't be removed from temp: glue-x-dev"
        );
        for part in ["the manifest is gone", "clean-prefix tries again"] {
            assert!(incident.description.contains(part), "{incident:?}");
        }
    }

    #[test]
    fn a_void_run_is_told_with_its_reason() {
        let run = RunItem {
            state: RunState::Void,
            reason: Some(VoidReason::NeverStarted),
            ..run(Stage::Ingest)
        };
        assert_eq!(in_ledger(&run), "VOID, NEVER_STARTED");
    }

    #[test]
    fn servicenows_limits_are_kept_and_the_links_too() {
        let mut change = change("FAILED", &"\u{1f4a5} boom ".repeat(2_000));
        change.job = "j".repeat(255);
        change.run_id = format!("jr_{}", "f".repeat(64));
        let run = RunItem {
            started_by: Some("p".repeat(255)),
            ..run(Stage::Conform)
        };
        let incident = incident(&about(&change, &run), Fault::NotCommitted, &fields());
        assert_eq!(incident.short_description.chars().count(), 160);
        assert!(
            incident.description.chars().count() <= 4_000,
            "{}",
            incident.description.len()
        );
        assert!(
            incident.description.ends_with(&change.run_id),
            "{}",
            incident.description
        );
        assert!(incident.correlation_id.len() <= 100);
    }

    #[test]
    fn the_alert_has_the_whole_incident_and_why_it_waits() {
        let (change, run) = (change("FAILED", "boom"), run(Stage::Ingest));
        let about = about(&change, &run);
        let incident = incident(&about, Fault::NotCommitted, &fields());
        let why = Unreachable::Status {
            status: StatusCode::SERVICE_UNAVAILABLE,
            explanation: ": sleeping".to_owned(),
        };
        let message = alert(&about, &incident, &why);
        assert_eq!(
            message.subject,
            "[dev] ServiceNow unreachable, incident waits: Glue 1 (ingest)"
        );
        for part in [
            "503 Service Unavailable: sleeping",
            &incident.description,
            &incident.correlation_id,
        ] {
            assert!(
                message.body.contains(part),
                "{part:?} is not in\n{}",
                message.body
            );
        }
    }
}
