//! What Glue is asked, and what becomes of its answers.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aws_sdk_glue::Client;
use aws_sdk_glue::operation::get_job_run::GetJobRunError;
use aws_sdk_glue::operation::get_job_runs::GetJobRunsOutput;
use aws_sdk_glue::operation::start_job_run::{StartJobRunError, StartJobRunOutput};
use aws_sdk_glue::types::error::{ConcurrentRunsExceededException, EntityNotFoundException};
use aws_sdk_glue::types::{JobRun, JobRunState};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use pipeline::glue::{StartOutcome, last_runs, recent_runs, run_of, start_job_run};
use pipeline::protocol::Phase;

fn client(rule: &Rule) -> Client {
    mock_client!(aws_sdk_glue, RuleMode::MatchAny, [rule])
}

fn code(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).build()
}

#[tokio::test]
async fn a_start_names_the_job_and_who_asked() {
    let rule = mock!(Client::start_job_run)
        .match_requests(|request| {
            request.job_name() == Some("glue1")
                && request.arguments().is_some_and(|arguments| {
                    arguments.len() == 1 && arguments["--started_by"] == "copy-prefix"
                })
        })
        .then_output(|| StartJobRunOutput::builder().job_run_id("jr_1").build());
    let outcome = start_job_run(&client(&rule), "glue1", "copy-prefix")
        .await
        .unwrap();
    assert_eq!(outcome, StartOutcome::Started("jr_1".to_owned()));
}

#[tokio::test]
async fn a_start_that_is_refused_is_an_answer_with_its_reason() {
    let rule = mock!(Client::start_job_run).then_error(|| {
        StartJobRunError::ConcurrentRunsExceededException(
            ConcurrentRunsExceededException::builder()
                .message("Concurrent runs exceeded for glue1")
                .meta(code("ConcurrentRunsExceededException"))
                .build(),
        )
    });
    let StartOutcome::Refused(reason) = start_job_run(&client(&rule), "glue1", "x").await.unwrap()
    else {
        panic!("not refused")
    };
    assert!(reason.contains("ConcurrentRunsExceeded"), "{reason}");
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_not_sent_again() {
    for status in [429, 500, 503] {
        let rule = mock!(Client::start_job_run).then_http_response(move || {
            Response::new(status.try_into().unwrap(), SdkBody::from("{}"))
        });
        let outcome = start_job_run(&client(&rule), "glue1", "x").await.unwrap();
        assert!(matches!(outcome, StartOutcome::Refused(_)), "{outcome:?}");
        assert_eq!(
            rule.num_calls(),
            1,
            "{status}: a second one can be a second run"
        );
    }
}

#[tokio::test]
async fn a_start_that_can_never_work_is_an_error_that_names_the_job() {
    for fault in [
        "EntityNotFoundException",
        "AccessDeniedException",
        "InvalidInputException",
    ] {
        let rule = mock!(Client::start_job_run).then_http_response(move || {
            let body = format!("{{\"__type\": \"{fault}\", \"Message\": \"no\"}}");
            Response::new(400.try_into().unwrap(), SdkBody::from(body))
        });
        let error = start_job_run(&client(&rule), "glue1", "x")
            .await
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("glue1") && text.contains(fault), "{text}");
    }
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn run(id: &str, state: JobRunState, hours_ago: i64) -> JobRun {
    let started = now() - SignedDuration::from_hours(hours_ago);
    let moment = DateTime::from_millis(started.as_millisecond());
    JobRun::builder()
        .job_name("glue1")
        .id(id)
        .started_on(moment)
        .last_modified_on(moment)
        .job_run_state(state)
        .build()
}

#[tokio::test]
async fn recent_runs_are_listed_page_by_page_up_to_the_first_older_one_that_ended() {
    let rule = mock!(Client::get_job_runs).then_compute_output(|request| {
        assert_eq!(request.job_name(), Some("glue1"));
        assert_eq!(request.max_results(), Some(200));
        match request.next_token() {
            None => GetJobRunsOutput::builder()
                .job_runs(run("a", JobRunState::Running, 1))
                .job_runs(run("b", JobRunState::Succeeded, 2))
                .next_token("2")
                .build(),
            Some("2") => GetJobRunsOutput::builder()
                .job_runs(run("c", JobRunState::Running, 60))
                .job_runs(run("d", JobRunState::Failed, 61))
                .job_runs(run("e", JobRunState::Running, 62))
                .next_token("3")
                .build(),
            Some(other) => panic!("the page {other} is not needed"),
        }
    });
    let since = now() - SignedDuration::from_hours(48);
    let runs = recent_runs(&client(&rule), "glue1", since).await.unwrap();
    let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(
        ids,
        ["a", "b", "c"],
        "an active run counts however old it is"
    );
    assert_eq!(
        (runs[0].phase(), runs[1].phase()),
        (Phase::Alive, Phase::Ended)
    );
    assert_eq!(runs[0].ended_at, None);
    assert_eq!(
        runs[1].ended_at,
        Some(now() - SignedDuration::from_hours(2)),
        "when it was last touched"
    );
}

#[tokio::test]
async fn a_run_that_glue_does_not_know_is_none_and_no_error() {
    let rule = mock!(Client::get_job_run).then_error(|| {
        GetJobRunError::EntityNotFoundException(
            EntityNotFoundException::builder()
                .meta(code("EntityNotFoundException"))
                .build(),
        )
    });
    assert_eq!(run_of(&client(&rule), "glue1", "jr_1").await.unwrap(), None);
    let rule = mock!(Client::get_job_run).then_http_response(|| {
        let body = "{\"__type\": \"AccessDeniedException\"}";
        Response::new(400.try_into().unwrap(), SdkBody::from(body))
    });
    assert!(run_of(&client(&rule), "glue1", "jr_1").await.is_err());
}

#[tokio::test]
async fn no_more_runs_are_listed_than_were_asked_for() {
    let run = |id: &str| {
        JobRun::builder()
            .job_name("glue1")
            .id(id)
            .job_run_state(JobRunState::Succeeded)
            .build()
    };
    let pages = mock!(Client::get_job_runs)
        .match_requests(|request| request.max_results() == Some(3))
        .sequence()
        .output(move || {
            GetJobRunsOutput::builder()
                .set_job_runs(Some(vec![run("jr_5"), run("jr_4")]))
                .next_token("more")
                .build()
        })
        .output(move || {
            GetJobRunsOutput::builder()
                .set_job_runs(Some(vec![run("jr_3"), run("jr_2")]))
                .next_token("more")
                .build()
        })
        .build();
    let runs = last_runs(&client(&pages), "glue1", 3).await.unwrap();
    let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, ["jr_5", "jr_4", "jr_3"]);
    assert_eq!(pages.num_calls(), 2);
}
