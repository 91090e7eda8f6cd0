//! The function against mocked services: whether it starts a run, and which.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_glue::error::ErrorMetadata;
use aws_sdk_glue::operation::start_job_run::{StartJobRunError, StartJobRunOutput};
use aws_sdk_glue::types::error::ConcurrentRunsExceededException;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use optimization_trigger::{Clients, Config, Triggered, handler};
use pipeline::ledger::Ledger;
use serde_json::{Value, json};

const CLASSIFY: &str = "glue-2-dev";
const CONFORM: &str = "tui-etl-glue3-raw-to-confirmed-dev";

/// Runs in the ledger: partition key, state, holder.
type Runs = &'static [(&'static str, &'static str, Option<&'static str>)];

const OPEN: Runs = &[("RUN#2#jr_c", "COMMITTED", None)];

fn ledger(runs: Runs) -> Ledger {
    let get = mock!(aws_sdk_dynamodb::Client::get_item).then_compute_output(move |input| {
        assert_eq!(
            input.consistent_read(),
            Some(true),
            "the ledger must be read consistently"
        );
        let asked = input.key().unwrap()["pk"].as_s().unwrap();
        let item = runs
            .iter()
            .find(|(pk, ..)| pk == asked)
            .map(|(_, state, holder)| {
                let text = |value: &str| AttributeValue::S(value.to_owned());
                let mut item = HashMap::from([("state".to_owned(), text(state))]);
                item.extend(holder.map(|holder| ("assigned_to".to_owned(), text(holder))));
                item
            });
        GetItemOutput::builder().set_item(item).build()
    });
    Ledger::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&get]),
        "ledger",
    )
}

/// Only a start of the conform job, on behalf of this function, is answered.
fn starts() -> Rule {
    mock!(aws_sdk_glue::Client::start_job_run)
        .match_requests(|input| {
            let on_behalf =
                HashMap::from([("--started_by".to_owned(), "optimization-trigger".to_owned())]);
            input.job_name() == Some(CONFORM) && input.arguments() == Some(&on_behalf)
        })
        .then_output(|| StartJobRunOutput::builder().job_run_id("jr_new").build())
}

fn refuses(error: impl Fn() -> StartJobRunError + Send + Sync + 'static) -> Rule {
    mock!(aws_sdk_glue::Client::start_job_run).then_error(error)
}

fn event(job: &str) -> Value {
    json!({
        "version": "0",
        "id": "3f0c9a80-6c8b-4b8e-9d1e-1f2d3c4b5a69",
        "detail-type": "Glue Job State Change",
        "source": "tui-etl.reconcile",
        "account": "222222222222",
        "time": "2025-11-21T11:07:42Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"jobName": job, "severity": "INFO", "state": "SUCCEEDED", "jobRunId": "jr_c", "message": ""},
    })
}

async fn run(runs: Runs, start: &Rule, event: &Value) -> anyhow::Result<Triggered> {
    let values = BTreeMap::from([
        ("LEDGER_TABLE", "ledger"),
        ("CLASSIFY_JOB", CLASSIFY),
        ("CONFORM_JOB", CONFORM),
    ]);
    let config =
        Config::from_lookup(|name| values.get(name).map(|value| (*value).to_owned())).unwrap();
    let glue = mock_client!(aws_sdk_glue, RuleMode::MatchAny, [start]);
    handler(
        &config,
        &Clients {
            ledger: ledger(runs),
            glue,
        },
        event,
    )
    .await
}

#[tokio::test]
async fn a_committed_run_that_is_open_starts_one_conform_run() {
    let start = starts();
    let answer = run(OPEN, &start, &event(CLASSIFY)).await;
    assert_eq!(answer.unwrap().started.as_deref(), Some("jr_new"));
    assert_eq!(start.num_calls(), 1);
}

#[tokio::test]
async fn nothing_is_started_unless_the_work_is_committed_and_open() {
    let ledgers: [Runs; 5] = [
        &[],
        &[("RUN#2#jr_c", "STARTED", None)],
        &[("RUN#2#jr_c", "VOID", None)],
        &[
            ("RUN#2#jr_c", "COMMITTED", Some("jr_3")),
            ("RUN#3#jr_3", "STARTED", None),
        ],
        &[
            ("RUN#2#jr_c", "COMMITTED", Some("jr_3")),
            ("RUN#3#jr_3", "COMMITTED", None),
        ],
    ];
    for runs in ledgers {
        let start = starts();
        let answer = run(runs, &start, &event(CLASSIFY)).await;
        assert_eq!(answer.unwrap(), Triggered::default(), "{runs:?}");
        assert_eq!(start.num_calls(), 0, "{runs:?}");
    }
}

#[tokio::test]
async fn work_of_a_conform_run_that_was_given_up_is_started_again() {
    let start = starts();
    let runs = &[
        ("RUN#2#jr_c", "COMMITTED", Some("jr_3")),
        ("RUN#3#jr_3", "VOID", None),
    ];
    assert!(
        run(runs, &start, &event(CLASSIFY))
            .await
            .unwrap()
            .started
            .is_some()
    );
    assert_eq!(start.num_calls(), 1);
}

#[tokio::test]
async fn the_end_of_another_job_starts_nothing() {
    let start = starts();
    let answer = run(OPEN, &start, &event(CONFORM)).await;
    assert_eq!(answer.unwrap(), Triggered::default());
    assert_eq!(start.num_calls(), 0);
}

#[tokio::test]
async fn a_refused_start_is_no_failure_and_is_not_tried_again() {
    let start = refuses(|| {
        let exceeded = ConcurrentRunsExceededException::builder()
            .message("1 of 1 runs")
            .build();
        StartJobRunError::ConcurrentRunsExceededException(exceeded)
    });
    let answer = run(OPEN, &start, &event(CLASSIFY)).await;
    assert_eq!(answer.unwrap(), Triggered::default());
    assert_eq!(start.num_calls(), 1);
}

#[tokio::test]
async fn a_start_that_can_never_work_is_a_failure() {
    let start = refuses(|| {
        let denied = ErrorMetadata::builder()
            .code("AccessDeniedException")
            .message("no")
            .build();
        StartJobRunError::generic(denied)
    });
    let answer = run(OPEN, &start, &event(CLASSIFY)).await;
    assert!(format!("{:#}", answer.unwrap_err()).contains(CONFORM));
}

#[tokio::test]
async fn an_event_that_is_no_state_change_is_a_failure() {
    let start = starts();
    assert!(
        run(OPEN, &start, &json!({"source": "aws.glue"}))
            .await
            .is_err()
    );
    assert_eq!(start.num_calls(), 0);
}
