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
                .arguments("--started_by", "support/r-1")
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
    assert_eq!(runs[1].started_by.as_deref(), Some("support/r-1"));
}
