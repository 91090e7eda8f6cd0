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
    /// Who or what asked for it.
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
            started_by: item.and_then(|item| item.started_by.clone()),
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
            run.started_by.clone().unwrap_or_else(|| "-".to_owned()),
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
        let message = first_line(&run.message);
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
pub(crate) mod tests {
    use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
    use aws_sdk_dynamodb::types::AttributeValue;
    use aws_sdk_glue::operation::get_job_runs::GetJobRunsOutput;
    use aws_sdk_glue::types::{JobRun, JobRunState};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::settings::Environment;

    pub(crate) fn run(stage: Stage, id: &str, glue: &str, ledger: Option<&str>) -> Run {
        Run {
            stage,
            job: format!("glue-{stage}"),
            run_id: id.to_owned(),
            glue_state: glue.to_owned(),
            ledger_state: ledger.map(str::to_owned),
            reason: None,
            ended: glue != "RUNNING",
            started_by: Some("copy-prefix".to_owned()),
            started_at: Some("2025-11-21T11:00:00Z".parse().unwrap()),
            ended_at: (glue != "RUNNING").then(|| "2025-11-21T11:01:05Z".parse().unwrap()),
            counts: BTreeMap::from([("items".to_owned(), 7), ("records_in".to_owned(), 70)]),
            message: String::new(),
        }
    }

    fn now() -> Timestamp {
        "2025-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_run_is_told_in_a_row_and_its_failure_below() {
        let mut failed = run(Stage::Classify, "jr_2", "FAILED", Some("VOID"));
        failed.message = "Unbalanced: a\nTraceback".to_owned();
        let runs = [
            run(Stage::Ingest, "jr_1", "SUCCEEDED", Some("COMMITTED")),
            failed,
            run(Stage::Conform, "jr_3", "RUNNING", None),
        ];
        let text = style::plain(&render(&runs, now()));
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        let row = [
            "1",
            "jr_1",
            "COMMITTED",
            "2025-11-21T11:00:00Z",
            "1 min 5 s",
            "7",
            "70",
        ];
        assert_eq!(lines[1][..7], row);
        assert_eq!(lines[2][2], "FAILED");
        assert_eq!(lines[3][2..5], ["RUNNING", "2025-11-21T11:00:00Z", "1 h"]);
        assert!(text.ends_with("\njr_2: Unbalanced: a"), "{text}");
    }

    #[test]
    fn only_committed_is_success() {
        let exit = |runs: &[Run]| answer(runs, now()).unwrap().exit;
        let good = run(Stage::Ingest, "jr_1", "SUCCEEDED", Some("COMMITTED"));
        let mut empty = run(Stage::Ingest, "jr_2", "SUCCEEDED", Some("VOID"));
        assert_eq!(exit(&[]), Exit::Fine);
        assert_eq!(exit(std::slice::from_ref(&good)), Exit::Fine);
        assert_eq!(exit(std::slice::from_ref(&empty)), Exit::Bad);
        empty.reason = Some("EMPTY");
        assert_eq!(exit(&[empty]), Exit::Fine);
        let failed = run(Stage::Ingest, "jr_3", "FAILED", Some("VOID"));
        assert_eq!(exit(&[failed.clone(), good.clone()]), Exit::Bad);
        // What failed before the last one is made up for.
        assert_eq!(exit(&[good.clone(), failed.clone()]), Exit::Fine);
        let alive = run(Stage::Ingest, "jr_4", "RUNNING", Some("STARTED"));
        assert_eq!(exit(&[alive, failed]), Exit::Bad);
    }

    #[test]
    fn a_run_as_json_keeps_the_names_of_the_ledger() {
        let json = serde_json::to_value(run(Stage::Ingest, "jr_1", "SUCCEEDED", Some("COMMITTED")));
        let json = json.unwrap();
        assert_eq!(json["stage"], 1);
        assert_eq!(json["ledger_state"], "COMMITTED");
        assert_eq!(json["started_at"], "2025-11-21T11:00:00Z");
        assert_eq!(json["counts"]["items"], 7);
    }

    #[tokio::test]
    async fn runs_of_all_stages_are_joined_with_the_ledger_and_the_newest_comes_first() {
        let glue = mock!(aws_sdk_glue::Client::get_job_runs)
            .match_requests(|request| request.max_results() == Some(5))
            .then_compute_output(|request| {
                let job = request.job_name().unwrap().to_owned();
                let started = if job.starts_with("glue-2") {
                    2_000
                } else {
                    1_000
                };
                let run = JobRun::builder()
                    .id(format!("jr_{job}"))
                    .job_name(job)
                    .job_run_state(JobRunState::Succeeded)
                    .started_on(DateTime::from_secs(started))
                    .build();
                GetJobRunsOutput::builder().job_runs(run).build()
            });
        let ledger = mock!(aws_sdk_dynamodb::Client::batch_get_item).then_output(|| {
            let text = |value: &str| AttributeValue::S(value.to_owned());
            let item = HashMap::from([
                ("pk".to_owned(), text("RUN#2#jr_glue-2-dev")),
                ("state".to_owned(), text("COMMITTED")),
                ("started_by".to_owned(), text("schedule")),
            ]);
            BatchGetItemOutput::builder()
                .responses("tui-file-ledger-dev", vec![item])
                .build()
        });
        let settings = Settings::of(Environment::Dev);
        let runs = gather(
            &mock_client!(aws_sdk_glue, RuleMode::MatchAny, [&glue]),
            &Ledger::new(
                mock_client!(aws_sdk_dynamodb, [&ledger]),
                &settings.ledger_table,
            ),
            &settings,
            &[Stage::Ingest, Stage::Classify],
            5,
        )
        .await
        .unwrap();
        assert_eq!(runs[0].run_id, "jr_glue-2-dev");
        assert_eq!(runs[0].ledger_state.as_deref(), Some("COMMITTED"));
        assert_eq!(runs[0].started_by.as_deref(), Some("schedule"));
        assert_eq!(
            (runs[1].stage, &runs[1].ledger_state),
            (Stage::Ingest, &None)
        );
    }
}
