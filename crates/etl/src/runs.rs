//! `etl runs`: the last runs of each job, as Glue and the ledger tell of them.

use std::collections::{BTreeMap, HashMap};

use futures::future::try_join_all;
use jiff::Timestamp;
use pipeline::glue::{GlueRun, last_runs};
use pipeline::ledger::{Ledger, LedgerItem, RunItem};
use pipeline::protocol::{Phase, Stage, run_pk};
use serde::Serialize;

use crate::answer::{Answer, Exit};
use crate::settings::Settings;
use crate::style;

/// One run of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// 1, 2 or 3.
    pub stage: Stage,
    /// The job's name.
    pub job: String,
    /// Job run id.
    pub run_id: String,
    /// What Glue says of it.
    pub glue_state: String,
    /// What the ledger says of it; none if the run has not come so far. Only COMMITTED is success.
    pub ledger_state: Option<String>,
    /// Why it is void.
    pub reason: Option<&'static str>,
    /// It is over.
    pub ended: bool,
    /// Who or what asked for it: as the ledger says, or, of a run that never came so far, as Glue was told.
    pub started_by: Option<String>,
    /// When it was asked for.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// items, records_in, records_out, quarantined, superseded.
    pub counts: BTreeMap<String, u64>,
    /// Why it failed.
    pub message: String,
}

impl Run {
    /// Puts together what both say.
    #[must_use]
    pub fn of(stage: Stage, glue: GlueRun, item: Option<&RunItem>) -> Self {
        Self {
            stage,
            ended: glue.phase() == Phase::Ended,
            job: glue.job,
            run_id: glue.run_id,
            glue_state: glue.state.to_string(),
            ledger_state: item.map(|item| item.state.to_string()),
            reason: item.and_then(|item| item.reason).map(|why| why.as_str()),
            started_by: item
                .and_then(|item| item.started_by.clone())
                .or(glue.started_by),
            started_at: glue.started_at,
            ended_at: glue.ended_at,
            counts: item.map(|item| item.counts.clone()).unwrap_or_default(),
            message: glue.message,
        }
    }

    /// It ended in the one good way, or found nothing to do.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let committed = self.ledger_state.as_deref() == Some("COMMITTED");
        self.glue_state == "SUCCEEDED" && (committed || self.reason == Some("EMPTY"))
    }

    /// How it ended, in the ledger's word, and in Glue's where that says more.
    #[must_use]
    pub fn outcome(&self) -> String {
        let glue = self.glue_state.as_str();
        match (self.ledger_state.as_deref(), glue) {
            (Some("COMMITTED"), "SUCCEEDED") => style::state("COMMITTED"),
            (Some("COMMITTED"), _) => {
                format!("{} {}", style::state("COMMITTED"), style::state(glue))
            }
            (Some("VOID"), "SUCCEEDED") if self.reason == Some("EMPTY") => {
                style::dim("nothing to do")
            }
            (None, "SUCCEEDED") => style::busy("SUCCEEDED, not in the ledger"),
            (Some(state), "SUCCEEDED") => style::bad(format!("{state}, and Glue says SUCCEEDED")),
            (_, glue) => style::state(glue),
        }
    }

    /// How long it ran, or has been running.
    #[must_use]
    pub fn length(&self, now: Timestamp) -> String {
        self.started_at.map_or_else(
            || "-".to_owned(),
            |start| style::span(self.ended_at.unwrap_or(now).duration_since(start)),
        )
    }
}

/// The last `most` runs of each of `stages`, the newest of all first.
///
/// # Errors
/// Glue or the ledger can't be asked.
pub async fn gather(
    glue: &aws_sdk_glue::Client,
    ledger: &Ledger,
    settings: &Settings,
    stages: &[Stage],
    most: usize,
) -> anyhow::Result<Vec<Run>> {
    let lists = stages.iter().map(async |stage| {
        let runs = last_runs(glue, settings.job(*stage), most).await?;
        anyhow::Ok(runs.into_iter().map(|run| (*stage, run)))
    });
    let runs: Vec<(Stage, GlueRun)> = try_join_all(lists).await?.into_iter().flatten().collect();
    let pks: Vec<String> = runs
        .iter()
        .map(|(stage, run)| run_pk(*stage, &run.run_id))
        .collect();
    let items = ledger.items(&pks).await?;
    let mut runs: Vec<Run> = runs
        .into_iter()
        .map(|(stage, run)| {
            let item = run_item(&items, stage, &run.run_id);
            Run::of(stage, run, item)
        })
        .collect();
    runs.sort_by(|a, b| (b.started_at, &b.run_id).cmp(&(a.started_at, &a.run_id)));
    Ok(runs)
}

fn run_item<'a>(
    items: &'a HashMap<String, LedgerItem>,
    stage: Stage,
    run_id: &str,
) -> Option<&'a RunItem> {
    match items.get(&run_pk(stage, run_id)) {
        Some(LedgerItem::Run(run)) => Some(run),
        _ => None,
    }
}

/// A row a run.
#[must_use]
pub fn render(runs: &[Run], now: Timestamp) -> String {
    if runs.is_empty() {
        return style::dim("no runs");
    }
    let count = |run: &Run, name: &str| {
        run.counts
            .get(name)
            .map_or_else(|| "-".to_owned(), u64::to_string)
    };
    let rows = runs.iter().map(|run| {
        [
            run.stage.to_string(),
            run.run_id.clone(),
            run.outcome(),
            style::moment_or_dash(run.started_at),
            run.length(now),
            count(run, "items"),
            count(run, "records_in"),
            count(run, "records_out"),
            count(run, "quarantined"),
            run.started_by
                .as_ref()
                .map_or_else(|| "-".to_owned(), style::shown),
        ]
    });
    let headings = [
        "GLUE",
        "RUN",
        "OUTCOME",
        "STARTED",
        "TOOK",
        "ITEMS",
        "IN",
        "OUT",
        "QUARANTINED",
        "STARTED BY",
    ];
    let mut text = style::table(&headings, rows);
    for run in runs.iter().filter(|run| !run.message.is_empty()) {
        let message = style::shown(first_line(&run.message));
        text += &format!("\n{}: {message}", style::bad(&run.run_id));
    }
    text
}

/// What fits into a line of it.
#[must_use]
pub fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// The answer; bad news if the last run of a stage that has ended is not well.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(runs: &[Run], now: Timestamp) -> anyhow::Result<Answer> {
    let exit = if Stage::ALL
        .iter()
        .filter_map(|stage| last_ended(runs, *stage))
        .all(Run::is_well)
    {
        Exit::Fine
    } else {
        Exit::Bad
    };
    Answer::new(render(runs, now), &runs, exit)
}

/// The last run of a stage that has ended.
#[must_use]
pub fn last_ended(runs: &[Run], stage: Stage) -> Option<&Run> {
    runs.iter().find(|run| run.stage == stage && run.ended)
}

#[cfg(test)]
pub(crate) mod tests;
