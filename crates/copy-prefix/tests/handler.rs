//! The handler from event to response, with the requests that it made.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::{ConditionalCheckFailedException, InternalServerError};
use aws_sdk_glue::operation::start_job_run::{StartJobRunError, StartJobRunOutput};
use aws_sdk_glue::types::error::{ConcurrentRunsExceededException, EntityNotFoundException};
use aws_sdk_sqs::operation::send_message::{SendMessageError, SendMessageOutput};
use aws_sdk_sqs::types::error::InvalidMessageContents;
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use copy_prefix::{Clients, Config, handler};
use pipeline::ledger::Ledger;
use serde_json::{Value, json};

const EVENT: &str = include_str!("mixed_batch.json");

/// What the services do in a test, and what was asked of them, in order.
#[derive(Clone, Default)]
struct Aws {
    requests: Arc<Mutex<Vec<String>>>,
    /// The ledger has these keys' files, held by this run or by none.
    known: Vec<(&'static str, Option<&'static str>)>,
    /// A put whose partition key or item contains this fails.
    put_fails: Option<&'static str>,
    batch_get_fails: bool,
    /// The item is there by the time it is put.
    lost_race: bool,
    start: Start,
    dlq_fails: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Start {
    #[default]
    Works,
    IsRefused,
    HasNoJob,
    TimesOut,
}

/// The error code that a service's answer carries besides its type.
fn code(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).build()
}

fn text(value: Option<&AttributeValue>) -> String {
    value
        .and_then(|value| value.as_s().ok())
        .cloned()
        .unwrap_or_default()
}

impl Aws {
    fn note(&self, request: impl Into<String>) {
        self.requests.lock().unwrap().push(request.into());
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn batch_get(&self) -> Rule {
        let aws = self.clone();
        mock!(aws_sdk_dynamodb::Client::batch_get_item).then_compute_response(move |request| {
            if aws.batch_get_fails {
                return MockResponse::Error(
                    aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError::InternalServerError(
                        InternalServerError::builder().build(),
                    ),
                );
            }
            let wanted = &request.request_items().unwrap()["ledger"];
            assert_eq!(wanted.consistent_read(), Some(true));
            let pks: Vec<String> = wanted.keys().iter().map(|key| text(key.get("pk"))).collect();
            aws.note(format!("get {}", pks.len()));
            let found = pks.iter().filter_map(|pk| {
                let (name, holder) = aws.known.iter().find(|(name, _)| pk.contains(name))?;
                let mut item = std::collections::HashMap::from([
                    ("pk".to_owned(), AttributeValue::S(pk.clone())),
                    ("bucket".to_owned(), AttributeValue::S("grp2-landing-dev".to_owned())),
                    ("key".to_owned(), AttributeValue::S(format!("tui/legacy/bookings/{name}"))),
                    ("version_id".to_owned(), AttributeValue::S("v1".to_owned())),
                    ("landed_at".to_owned(), AttributeValue::S("2026-11-23T12:00:00.000Z".to_owned())),
                ]);
                if let Some(holder) = holder {
                    item.insert("assigned_to".to_owned(), AttributeValue::S((*holder).to_owned()));
                }
                Some(item)
            });
            MockResponse::Output(
                BatchGetItemOutput::builder().responses("ledger", found.collect()).build(),
            )
        })
    }

    fn put(&self) -> Rule {
        let aws = self.clone();
        mock!(aws_sdk_dynamodb::Client::put_item).then_compute_response(move |request| {
            assert_eq!(request.table_name(), Some("ledger"));
            let item = request.item().unwrap();
            let pk = text(item.get("pk"));
            let is_marker = pk.starts_with("OPEN#1#");
            let name = if is_marker {
                text(item.get("item"))
            } else {
                pk
            };
            let condition = request.condition_expression();
            assert_eq!(
                condition,
                (!is_marker).then_some("attribute_not_exists(pk)"),
                "{name}"
            );
            if !is_marker {
                let taken_in_at: jiff::Timestamp = text(item.get("taken_in_at")).parse().unwrap();
                assert!(taken_in_at <= jiff::Timestamp::now());
                assert_eq!(text(item.get("taken_in_by")), "copy-prefix/request-1");
            }
            let kind = if is_marker { "marker" } else { "item" };
            let file = name
                .trim_start_matches("FILE#grp2-landing-dev/tui/legacy/")
                .to_owned();
            aws.note(format!("{kind} {file}"));
            if aws
                .put_fails
                .is_some_and(|part| format!("{kind} {file}").contains(part))
            {
                let error = InternalServerError::builder().build();
                return MockResponse::Error(PutItemError::InternalServerError(error));
            }
            if aws.lost_race && !is_marker {
                let error = ConditionalCheckFailedException::builder()
                    .meta(code("ConditionalCheckFailedException"))
                    .build();
                return MockResponse::Error(PutItemError::ConditionalCheckFailedException(error));
            }
            MockResponse::Output(PutItemOutput::builder().build())
        })
    }

    fn start(&self) -> Rule {
        let aws = self.clone();
        mock!(aws_sdk_glue::Client::start_job_run).then_compute_response(move |request| {
            let started_by = request.arguments().unwrap()["--started_by"].clone();
            aws.note(format!(
                "start {} for {started_by}",
                request.job_name().unwrap()
            ));
            match aws.start {
                Start::Works => {
                    MockResponse::Output(StartJobRunOutput::builder().job_run_id("jr_1").build())
                }
                Start::IsRefused => {
                    MockResponse::Error(StartJobRunError::ConcurrentRunsExceededException(
                        ConcurrentRunsExceededException::builder()
                            .meta(code("ConcurrentRunsExceededException"))
                            .build(),
                    ))
                }
                Start::HasNoJob => MockResponse::Error(StartJobRunError::EntityNotFoundException(
                    EntityNotFoundException::builder()
                        .meta(code("EntityNotFoundException"))
                        .build(),
                )),
                Start::TimesOut => MockResponse::Http(aws_smithy_runtime_api::http::Response::new(
                    503.try_into().unwrap(),
                    aws_smithy_types::body::SdkBody::from("slow down"),
                )),
            }
        })
    }

    fn send(&self) -> Rule {
        let aws = self.clone();
        mock!(aws_sdk_sqs::Client::send_message).then_compute_response(move |request| {
            assert_eq!(request.queue_url(), Some("https://sqs/dlq"));
            let reason = request.message_attributes().unwrap()["reason"]
                .string_value()
                .unwrap()
                .to_owned();
            aws.note(format!("dlq {}: {reason}", request.message_body().unwrap()));
            if aws.dlq_fails {
                let error = InvalidMessageContents::builder().build();
                return MockResponse::Error(SendMessageError::InvalidMessageContents(error));
            }
            MockResponse::Output(SendMessageOutput::builder().build())
        })
    }

    /// Handles a batch; gives the ids of the messages that come again.
    async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let clients = Clients {
            ledger: Ledger::new(
                mock_client!(
                    aws_sdk_dynamodb,
                    RuleMode::MatchAny,
                    [&self.batch_get(), &self.put()]
                ),
                "ledger",
            ),
            glue: mock_client!(aws_sdk_glue, RuleMode::MatchAny, [&self.start()]),
            sqs: mock_client!(aws_sdk_sqs, RuleMode::MatchAny, [&self.send()]),
        };
        let failures = handler(&config(), &clients, event, "request-1")
            .await
            .batch_item_failures;
        failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect()
    }
}

fn config() -> Config {
    Config::from_lookup(|name| {
        let value = match name {
            "LANDING_BUCKET" => "grp2-landing-dev",
            "LANDING_PREFIX" => "tui/legacy/",
            "LEDGER_TABLE" => "ledger",
            "INGEST_JOB" => "glue1",
            "DLQ_URL" => "https://sqs/dlq",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

fn record(key: &str) -> Value {
    json!({
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-23T12:00:00.000Z",
        "s3": {
            "bucket": {"name": "grp2-landing-dev"},
            "object": {"key": format!("tui/legacy/bookings/{key}"), "size": 3, "eTag": "e", "versionId": "v1", "sequencer": "1"},
        },
    })
}

/// One message for each list of keys, with ids m1, m2, ...
fn batch(messages: &[&[&str]]) -> SqsEvent {
    let records = messages.iter().enumerate().map(|(index, keys)| {
        let body = json!({ "Records": keys.iter().map(|key| record(key)).collect::<Vec<_>>() });
        json!({ "messageId": format!("m{}", index + 1), "body": body.to_string() })
    });
    serde_json::from_value(json!({ "Records": records.collect::<Vec<_>>() })).unwrap()
}

#[tokio::test]
async fn a_files_marker_is_put_before_its_item_and_the_run_is_started_last() {
    let aws = Aws::default();
    assert_eq!(aws.handle(batch(&[&["a.json"]])).await, [""; 0]);
    assert_eq!(
        aws.requests(),
        [
            "get 1",
            "marker bookings/a.json#v1",
            "item bookings/a.json#v1",
            "start glue1 for copy-prefix",
        ]
    );
}

#[tokio::test]
async fn a_batch_of_hundreds_asks_for_one_run() {
    let keys: Vec<String> = (0..300).map(|n| format!("{n}.json")).collect();
    let messages: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let messages: Vec<&[&str]> = messages.iter().map(|message| message.as_slice()).collect();
    let aws = Aws::default();
    assert_eq!(aws.handle(batch(&messages)).await, [""; 0]);
    let requests = aws.requests();
    let count = |start: &str| {
        requests
            .iter()
            .filter(|request| request.starts_with(start))
            .count()
    };
    assert_eq!(
        (count("get"), count("marker"), count("item"), count("start")),
        (3, 300, 300, 1)
    );
    assert_eq!(requests.last().unwrap(), "start glue1 for copy-prefix");
    for key in &keys {
        let position = |kind: &str| {
            let wanted = format!("{kind} bookings/{key}#v1");
            requests
                .iter()
                .position(|request| *request == wanted)
                .unwrap()
        };
        assert!(position("marker") < position("item"), "{key}");
    }
}

#[tokio::test]
async fn a_real_mixed_batch_is_sorted_into_work_noise_and_poison() {
    let aws = Aws::default();
    let failures = aws.handle(serde_json::from_str(EVENT).unwrap()).await;
    assert_eq!(failures, [""; 0]);
    let mut requests = aws.requests();
    assert_eq!(requests.remove(0), "get 2");
    assert_eq!(requests.pop().unwrap(), "start glue1 for copy-prefix");
    requests.sort();
    assert_eq!(
        requests,
        [
            "dlq this is no event: the message is not JSON: expected ident at line 1 column 2",
            "item bookings/Z\u{fc}rich a+b.json#096fKKXTRTtl3on89fVO.nfljtsv6qko",
            "item direct.json#null",
            "marker bookings/Z\u{fc}rich a+b.json#096fKKXTRTtl3on89fVO.nfljtsv6qko",
            "marker direct.json#null",
        ]
    );
}

#[tokio::test]
async fn only_the_messages_whose_files_failed_come_again() {
    for part in ["marker bookings/b", "item bookings/b"] {
        let aws = Aws {
            put_fails: Some(part),
            ..Aws::default()
        };
        let event = batch(&[&["a.json"], &["a2.json", "b.json"], &["c.json"]]);
        assert_eq!(aws.handle(event).await, ["m2"], "{part}");
        assert!(
            aws.requests()
                .contains(&"start glue1 for copy-prefix".to_owned())
        );
    }
}

#[tokio::test]
async fn without_its_marker_an_item_is_not_put() {
    let aws = Aws {
        put_fails: Some("marker"),
        ..Aws::default()
    };
    assert_eq!(aws.handle(batch(&[&["a.json"]])).await, ["m1"]);
    let requests = aws.requests();
    assert!(
        requests
            .iter()
            .all(|request| !request.starts_with("item") && !request.starts_with("start")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_refused_or_lost_start_is_no_failure_and_is_not_repeated() {
    for start in [Start::IsRefused, Start::TimesOut, Start::HasNoJob] {
        let aws = Aws {
            start,
            ..Aws::default()
        };
        assert_eq!(aws.handle(batch(&[&["a.json"]])).await, [""; 0]);
        let starts = aws
            .requests()
            .iter()
            .filter(|request| request.starts_with("start"))
            .count();
        assert_eq!(starts, 1, "a repeated start can be a second run");
    }
}

#[tokio::test]
async fn a_second_event_for_a_version_that_a_run_has_is_no_work() {
    let aws = Aws {
        known: vec![("a.json", Some("jr_1"))],
        ..Aws::default()
    };
    assert_eq!(aws.handle(batch(&[&["a.json"]])).await, [""; 0]);
    assert_eq!(aws.requests(), ["get 1"]);
}

#[tokio::test]
async fn a_second_event_for_a_version_that_is_still_open_asks_for_a_run_again() {
    let aws = Aws {
        known: vec![("a.json", None)],
        lost_race: true,
        ..Aws::default()
    };
    assert_eq!(
        aws.handle(batch(&[&["a.json"], &["a.json"]])).await,
        [""; 0]
    );
    assert_eq!(
        aws.requests(),
        [
            "get 1",
            "marker bookings/a.json#v1",
            "item bookings/a.json#v1",
            "start glue1 for copy-prefix",
        ]
    );
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_written_all_the_same() {
    let aws = Aws {
        batch_get_fails: true,
        ..Aws::default()
    };
    assert_eq!(aws.handle(batch(&[&["a.json"]])).await, [""; 0]);
    assert_eq!(aws.requests().len(), 3);
}

#[tokio::test]
async fn poison_is_acknowledged_only_when_the_dead_letter_queue_has_it() {
    let poison = json!({ "Records": [{ "messageId": "m1", "body": "" }] });
    let aws = Aws {
        dlq_fails: true,
        ..Aws::default()
    };
    assert_eq!(
        aws.handle(serde_json::from_value(poison.clone()).unwrap())
            .await,
        ["m1"]
    );
    let aws = Aws::default();
    assert_eq!(
        aws.handle(serde_json::from_value(poison).unwrap()).await,
        [""; 0]
    );
    let requests = aws.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with("dlq (empty): the message is not JSON"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_message_that_is_half_poison_is_taken_in_by_half() {
    let mut theirs = record("theirs.json");
    theirs["s3"]["bucket"]["name"] = json!("theirs");
    let body = json!({ "Records": [record("a.json"), theirs] }).to_string();
    let event = json!({ "Records": [{ "messageId": "m1", "body": body }] });
    let aws = Aws {
        dlq_fails: true,
        ..Aws::default()
    };
    assert_eq!(
        aws.handle(serde_json::from_value(event).unwrap()).await,
        ["m1"]
    );
    let requests = aws.requests();
    assert!(
        requests.contains(&"item bookings/a.json#v1".to_owned()),
        "{requests:?}"
    );
}
