//! A run to write about, for the tests of the texts.

use std::collections::BTreeMap;

use pipeline::ledger::RunItem;
use pipeline::protocol::{RunState, Stage};
use pipeline::state_change::{GlueState, StateChange};

use crate::About;
use crate::config::{IncidentFields, Severity};

pub(crate) fn run(stage: Stage) -> RunItem {
    RunItem {
        stage,
        run_id: "jr_1".to_owned(),
        job: "glue-x-dev".to_owned(),
        state: RunState::Committed,
        reason: None,
        started_by: Some("schedule 2025-11-21T11:00:00Z".to_owned()),
        started_at: "2025-11-21T11:00:03.5Z".parse().ok(),
        committed_at: None,
        manifest: None,
        report: Some("s3://state/reports/r.json".to_owned()),
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

pub(crate) fn change(state: &str, message: &str) -> StateChange {
    StateChange {
        job: "glue-x-dev".to_owned(),
        run_id: "jr_1".to_owned(),
        state: GlueState::of(state),
        message: message.to_owned(),
    }
}

pub(crate) fn about<'a>(change: &'a StateChange, run: &'a RunItem) -> About<'a> {
    About {
        environment: "dev",
        region: "us-east-1",
        stage: run.stage,
        change,
        run,
    }
}

pub(crate) fn fields() -> IncidentFields {
    let severity = |urgency: &str, impact: &str| Severity {
        urgency: urgency.to_owned(),
        impact: impact.to_owned(),
    };
    IncidentFields {
        category: "software".to_owned(),
        subcategory: None,
        assignment_group: None,
        not_committed: severity("1", "2"),
        after_commit: severity("3", "2"),
    }
}
