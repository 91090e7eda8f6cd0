//! The ledger's requests: what is written on which condition, and what is read how.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::update_item::{
    UpdateItemError, UpdateItemInput, UpdateItemOutput,
};
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::error::ProvisionedThroughputExceededException;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::{
    Attributes, Cursor, FileItem, Ledger, LedgerItem, Marker, MarkerPlace, Matter, TakenIn,
};
use pipeline::protocol::{MarkerKey, RunState, Stage, VoidReason, marker};

fn ledger(rule: &Rule) -> Ledger {
    Ledger::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [rule]),
        "ledger",
    )
}

fn at() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn s(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn own((name, value): (&str, AttributeValue)) -> (String, AttributeValue) {
    (name.to_owned(), value)
}

fn n(value: &str) -> AttributeValue {
    AttributeValue::N(value.to_owned())
}

fn refused() -> ConditionalCheckFailedException {
    let code = ErrorMetadata::builder()
        .code("ConditionalCheckFailedException")
        .build();
    ConditionalCheckFailedException::builder()
        .meta(code)
        .build()
}

fn file() -> FileItem {
    FileItem {
        bucket: "landing".to_owned(),
        key: "tui/legacy/crew payroll/a#b.json".to_owned(),
        version_id: "v1".to_owned(),
        sequencer: Some("0055AE".to_owned()),
        etag: "d41d8".to_owned(),
        size: 1024,
        dataset: Some("crew_payroll".to_owned()),
        landed_at: at(),
        assigned_to: None,
    }
}

fn taken_in() -> TakenIn {
    TakenIn::new("copy-prefix", "8f1c", at())
}

fn file_attributes() -> Attributes {
    let attributes = [
        ("pk", s("FILE#landing/tui/legacy/crew payroll/a#b.json#v1")),
        ("sk", s("ITEM")),
        ("file_id", s("landing/tui/legacy/crew payroll/a#b.json#v1")),
        ("bucket", s("landing")),
        ("key", s("tui/legacy/crew payroll/a#b.json")),
        ("version_id", s("v1")),
        ("sequencer", s("0055AE")),
        ("etag", s("d41d8")),
        ("size", n("1024")),
        ("dataset", s("crew_payroll")),
        ("landed_at", s("2026-11-23T12:00:00.000Z")),
        ("taken_in_by", s("copy-prefix/8f1c")),
        ("taken_in_at", s("2026-11-23T12:00:00.000Z")),
    ];
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn run_attributes() -> Attributes {
    let counts = HashMap::from([
        ("items".to_owned(), n("3")),
        ("records_in".to_owned(), n("120")),
    ]);
    let attributes = [
        ("pk", s("RUN#2#jr_1")),
        ("sk", s("ITEM")),
        ("stage", n("2")),
        ("run_id", s("jr_1")),
        ("job", s("glue-2-dev")),
        ("state", s("COMMITTED")),
        ("started_by", s("schedule 2026-11-20T12:00:00Z")),
        ("started_at", s("2026-11-20T12:00:00.000Z")),
        ("committed_at", s("2026-11-20T12:05:00.000Z")),
        ("manifest", s("s3://state/manifests/stage=2/run=jr_1.jsonl")),
        ("report", s("s3://state/reports/stage=2/run=jr_1.json")),
        ("counts", AttributeValue::M(counts)),
        ("assigned_to", s("jr_3")),
        ("cleaned_at", s("2026-11-20T12:06:00.000Z")),
        ("telling_at", s("2026-11-20T12:06:00.000Z")),
        ("told_at", s("2026-11-20T12:06:01.000Z")),
    ];
    attributes
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

#[tokio::test]
async fn a_file_is_put_with_all_its_attributes_if_there_is_none() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            assert_eq!(request.table_name(), Some("ledger"));
            assert_eq!(
                request.condition_expression(),
                Some("attribute_not_exists(pk)")
            );
            assert_eq!(request.item(), Some(&file_attributes()));
            true
        })
        .then_output(|| PutItemOutput::builder().build());
    assert!(ledger(&rule).put_file(&file(), &taken_in()).await.unwrap());
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn what_is_not_known_of_a_file_is_left_out_of_its_item() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            let item = request.item().unwrap();
            ["sequencer", "dataset", "assigned_to"]
                .iter()
                .all(|name| !item.contains_key(*name))
        })
        .then_output(|| PutItemOutput::builder().build());
    let file = FileItem {
        sequencer: None,
        dataset: None,
        ..file()
    };
    assert!(ledger(&rule).put_file(&file, &taken_in()).await.unwrap());
}

#[tokio::test]
async fn a_file_that_is_there_stays_as_it_is() {
    let rule = mock!(Client::put_item)
        .then_error(|| PutItemError::ConditionalCheckFailedException(refused()));
    assert!(!ledger(&rule).put_file(&file(), &taken_in()).await.unwrap());
}

#[tokio::test]
async fn any_other_refusal_is_an_error_that_names_the_item() {
    let rule = mock!(Client::put_item).then_error(|| {
        let code = ErrorMetadata::builder()
            .code("ProvisionedThroughputExceededException")
            .build();
        PutItemError::ProvisionedThroughputExceededException(
            ProvisionedThroughputExceededException::builder()
                .meta(code)
                .build(),
        )
    });
    let error = ledger(&rule)
        .put_file(&file(), &taken_in())
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("a#b.json#v1"), "{error:#}");
}

#[tokio::test]
async fn a_marker_is_put_where_its_item_says_without_a_condition() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            let key = marker(Stage::Conform, "RUN#2#jr_1");
            let wanted = [
                ("pk", s(&key.pk)),
                ("sk", s(&key.sk)),
                ("item", s("RUN#2#jr_1")),
                ("at", s("2026-11-23T12:00:00.000Z")),
            ];
            let wanted: Attributes = wanted.map(|(name, value)| (name.to_owned(), value)).into();
            assert_eq!(request.condition_expression(), None);
            request.item() == Some(&wanted)
        })
        .then_output(|| PutItemOutput::builder().build());
    ledger(&rule)
        .put_marker(Stage::Conform, "RUN#2#jr_1", at())
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn the_markers_of_all_shards_are_read_consistently_page_by_page() {
    // The first shard has a page more than the others.
    let rule = mock!(Client::query).then_compute_output(|request| {
        assert_eq!(request.consistent_read(), Some(true));
        assert_eq!(request.key_condition_expression(), Some("pk = :pk"));
        assert_eq!(request.limit(), Some(250));
        let pk = request.expression_attribute_values().unwrap()[":pk"].clone();
        let key = |sk: &str| Attributes::from([("pk", pk.clone()), ("sk", s(sk))].map(own));
        let more = pk == s("OPEN#1#0") && request.exclusive_start_key().is_none();
        if let Some(start) = request.exclusive_start_key() {
            assert_eq!(start, &key("00"));
        }
        let mut item = key(if more { "00" } else { "01" });
        item.extend([("item", s("FILE#x")), ("at", s("soon"))].map(own));
        QueryOutput::builder()
            .items(item)
            .set_last_evaluated_key(more.then(|| key("00")))
            .build()
    });
    let ledger = ledger(&rule);
    let mut places = Ledger::marker_places(Stage::Ingest);
    let markers = ledger.next_markers(&mut places).await.unwrap();
    let mut shards: Vec<&str> = markers
        .iter()
        .map(|marker| marker.key.pk.as_str())
        .collect();
    shards.sort_unstable();
    assert_eq!(shards.len(), 16);
    assert_eq!((shards[0], shards[15]), ("OPEN#1#0", "OPEN#1#f"));
    assert_eq!(
        markers[0].moment(),
        None,
        "a time that is none does no harm"
    );
    let place = MarkerPlace {
        pk: "OPEN#1#0".to_owned(),
        after: Some("00".to_owned()),
    };
    assert_eq!(places, [place]);
    let rest = ledger.next_markers(&mut places).await.unwrap();
    assert_eq!((rest.len(), rest[0].key.sk.as_str()), (1, "01"));
    assert_eq!(places, []);
    assert_eq!(rule.num_calls(), 17);
}

#[tokio::test]
async fn a_marker_that_was_put_again_is_not_dropped() {
    let rule = mock!(Client::delete_item)
        .match_requests(|request| {
            assert_eq!(request.condition_expression(), Some("#at = :at"));
            request.expression_attribute_names().unwrap()["#at"] == "at"
                && request.expression_attribute_values().unwrap()[":at"] == s("then")
                && request.key().unwrap()["sk"] == s("00")
        })
        .then_error(|| DeleteItemError::ConditionalCheckFailedException(refused()));
    let marker = Marker {
        key: MarkerKey {
            pk: "OPEN#1#0".to_owned(),
            sk: "00".to_owned(),
        },
        item: "FILE#x".to_owned(),
        at: "then".to_owned(),
    };
    assert!(!ledger(&rule).drop_marker(&marker).await.unwrap());
}

#[tokio::test]
async fn a_run_is_read_with_all_its_attributes() {
    let rule = mock!(Client::get_item)
        .match_requests(|request| {
            request.consistent_read() == Some(true)
                && request.key().unwrap()["pk"] == s("RUN#2#jr_1")
                && request.key().unwrap()["sk"] == s("ITEM")
        })
        .then_output(|| {
            GetItemOutput::builder()
                .set_item(Some(run_attributes()))
                .build()
        });
    let run = ledger(&rule)
        .run(Stage::Classify, "jr_1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (run.stage, run.run_id.as_str(), run.job.as_str()),
        (Stage::Classify, "jr_1", "glue-2-dev")
    );
    assert_eq!((run.state, run.reason), (RunState::Committed, None));
    assert_eq!((run.counts["items"], run.counts["records_in"]), (3, 120));
    assert_eq!(
        run.manifest.as_deref(),
        Some("s3://state/manifests/stage=2/run=jr_1.jsonl")
    );
    assert_eq!(run.assigned_to.as_deref(), Some("jr_3"));
    assert_eq!(
        run.committed_at,
        Some("2026-11-20T12:05:00Z".parse().unwrap())
    );
    assert!(run.told_at.is_some() && run.cleaned_at.is_some() && run.alerted_at.is_none());
}

#[tokio::test]
async fn a_run_in_a_state_that_is_none_is_an_error_and_not_a_guess() {
    let rule = mock!(Client::get_item).then_output(|| {
        let mut item = run_attributes();
        item.insert("state".to_owned(), s("DONE"));
        GetItemOutput::builder().set_item(Some(item)).build()
    });
    let error = ledger(&rule)
        .run(Stage::Classify, "jr_1")
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("DONE"), "{error:#}");
}

#[tokio::test]
async fn many_items_are_read_in_batches_and_what_a_batch_leaves_out_is_asked_for_again() {
    let rule = mock!(Client::batch_get_item).then_compute_output(|request| {
        let wanted = &request.request_items().unwrap()["ledger"];
        assert_eq!(wanted.consistent_read(), Some(true));
        assert!(wanted.keys().len() <= 100);
        let mut found = Vec::new();
        let mut left = Vec::new();
        for key in wanted.keys() {
            let pk = key["pk"].as_s().unwrap();
            // One key of the first batch is left out the first time, when it is asked for with others.
            if pk.ends_with("#v7") && wanted.keys().len() > 1 {
                left.push(key.clone());
            } else if pk.ends_with("#v1") || pk.ends_with("#v7") {
                let mut item = file_attributes();
                item.insert("version_id".to_owned(), s(pk.rsplit('#').next().unwrap()));
                found.push(item);
            }
        }
        let mut answer = BatchGetItemOutput::builder().responses("ledger", found);
        if !left.is_empty() {
            let left = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build();
            answer = answer.unprocessed_keys("ledger", left.unwrap());
        }
        answer.build()
    });
    let pk = |version: usize| {
        FileItem {
            version_id: format!("v{version}"),
            ..file()
        }
        .pk()
    };
    let mut pks: Vec<String> = (0..250).map(pk).collect();
    pks.push(pk(1));
    let items = ledger(&rule).items(&pks).await.unwrap();
    let mut found: Vec<&str> = items
        .keys()
        .map(|pk| pk.rsplit('#').next().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["v1", "v7"]);
    assert!(
        items
            .values()
            .all(|item| matches!(item, LedgerItem::File(_)))
    );
    assert_eq!(rule.num_calls(), 4, "three batches, and one key once more");
    assert!(ledger(&rule).items(&[]).await.unwrap().is_empty());
    assert_eq!(rule.num_calls(), 4);
}

/// An update with its names and values put in, so that it can be read.
fn readable(request: &UpdateItemInput) -> String {
    let mut text = format!(
        "{}: {} IF {}",
        request.key().unwrap()["pk"].as_s().unwrap(),
        request.update_expression().unwrap(),
        request.condition_expression().unwrap()
    );
    for (name, attribute) in request.expression_attribute_names().into_iter().flatten() {
        text = text.replace(name, attribute);
    }
    for (name, value) in request.expression_attribute_values().into_iter().flatten() {
        text = text.replace(name, value.as_s().unwrap());
    }
    text
}

/// A ledger whose updates must read so, and whether it takes them.
fn updates_to(expected: &'static str, taken: bool) -> (Ledger, Rule) {
    let rule = mock!(Client::update_item).match_requests(move |request| {
        assert_eq!(readable(request), expected);
        true
    });
    let rule = if taken {
        rule.then_output(|| UpdateItemOutput::builder().build())
    } else {
        rule.then_error(|| UpdateItemError::ConditionalCheckFailedException(refused()))
    };
    (ledger(&rule), rule)
}

#[tokio::test]
async fn each_update_of_a_run_has_its_condition_and_answers_whether_it_held() {
    for taken in [true, false] {
        let (ledger, rule) = updates_to(
            "RUN#1#r: SET state = VOID, reason = ENDED IF state = STARTED",
            taken,
        );
        assert_eq!(ledger.void_run(Stage::Ingest, "r").await.unwrap(), taken);
        assert_eq!(rule.num_calls(), 1);

        let (ledger, _) = updates_to(
            "RUN#1#r: SET telling_at = 2026-11-23T12:00:00.000Z IF attribute_exists(pk) AND \
             attribute_not_exists(told_at) AND (attribute_not_exists(telling_at) OR \
             telling_at <= 2026-11-23T11:55:00.000Z)",
            taken,
        );
        assert_eq!(
            ledger
                .try_lease_telling(
                    (Stage::Ingest, "r"),
                    Matter::End,
                    at(),
                    SignedDuration::from_mins(5)
                )
                .await
                .unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#1#r: REMOVE telling_at IF telling_at = 2026-11-23T12:00:00.000Z",
            taken,
        );
        assert_eq!(
            ledger
                .release_telling((Stage::Ingest, "r"), Matter::End, at())
                .await
                .unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#3#r: SET told_at = 2026-11-23T12:00:00.000Z IF attribute_exists(pk) AND \
             attribute_not_exists(told_at)",
            taken,
        );
        assert_eq!(
            ledger
                .mark_told((Stage::Conform, "r"), Matter::End, at())
                .await
                .unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#3#r: SET alerted_at = 2026-11-23T12:00:00.000Z IF attribute_exists(pk) AND \
             attribute_not_exists(alerted_at)",
            taken,
        );
        assert_eq!(
            ledger
                .mark_alerted((Stage::Conform, "r"), Matter::End, at())
                .await
                .unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#2#r: SET cleaning_error = gone IF attribute_exists(pk) AND \
             attribute_not_exists(cleaned_at)",
            taken,
        );
        assert_eq!(
            ledger.mark_cleaning_failed("r", "gone").await.unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#2#r: SET cleaning_told_at = 2026-11-23T12:00:00.000Z IF attribute_exists(pk) AND \
             attribute_not_exists(cleaning_told_at)",
            taken,
        );
        assert_eq!(
            ledger
                .mark_told((Stage::Classify, "r"), Matter::Cleaning, at())
                .await
                .unwrap(),
            taken
        );

        let (ledger, _) = updates_to(
            "RUN#2#r: SET cleaned_at = 2026-11-23T12:00:00.000Z IF state = COMMITTED AND \
             attribute_not_exists(cleaned_at)",
            taken,
        );
        assert_eq!(ledger.mark_cleaned("r", at()).await.unwrap(), taken);
    }
}

#[tokio::test]
async fn a_run_that_never_started_is_put_void_if_there_is_none() {
    let rule = mock!(Client::put_item)
        .match_requests(|request| {
            let item = request.item().unwrap();
            request.condition_expression() == Some("attribute_not_exists(pk)")
                && item["pk"] == s("RUN#3#jr_1")
                && item["sk"] == s("ITEM")
                && item["stage"] == n("3")
                && item["run_id"] == s("jr_1")
                && item["job"] == s("glue3")
                && item["state"] == s(RunState::Void.as_str())
                && item["reason"] == s(VoidReason::NeverStarted.as_str())
                && item["started_at"] == s("2026-11-23T12:00:00.000Z")
        })
        .then_output(|| PutItemOutput::builder().build());
    let put = ledger(&rule)
        .put_never_started(Stage::Conform, "jr_1", "glue3", Some(at()))
        .await;
    assert!(put.unwrap());
}

fn cursor() -> Cursor {
    Cursor {
        key_marker: Some("tui/legacy/a b".to_owned()),
        version_id_marker: None,
        pass_started_at: Some(at()),
        has_gaps: true,
        full_pass_started_at: None,
        revision: 7,
    }
}

#[tokio::test]
async fn a_cursor_is_read_back_as_it_was_put() {
    let attributes = |revision| {
        Attributes::from(
            [
                ("pk", s("CURSOR#landing")),
                ("sk", s("ITEM")),
                ("key_marker", s("tui/legacy/a b")),
                ("pass_started_at", s("2026-11-23T12:00:00.000Z")),
                ("has_gaps", AttributeValue::Bool(true)),
                ("revision", n(revision)),
            ]
            .map(own),
        )
    };
    let put = mock!(Client::put_item)
        .match_requests(move |request| {
            assert_eq!(request.item(), Some(&attributes("8")));
            assert_eq!(request.condition_expression(), Some("revision = :seen"));
            request.expression_attribute_values().unwrap()[":seen"] == n("7")
        })
        .then_output(|| PutItemOutput::builder().build());
    assert!(ledger(&put).put_cursor(&cursor()).await.unwrap());
    let get = mock!(Client::get_item).then_output(move || {
        GetItemOutput::builder()
            .set_item(Some(attributes("7")))
            .build()
    });
    assert_eq!(ledger(&get).cursor().await.unwrap(), cursor());
    let none = mock!(Client::get_item).then_output(|| GetItemOutput::builder().build());
    assert_eq!(ledger(&none).cursor().await.unwrap(), Cursor::default());
}

#[tokio::test]
async fn a_cursor_that_somebody_else_has_moved_is_not_put() {
    for (revision, condition) in [
        (0, "attribute_not_exists(revision)"),
        (3, "revision = :seen"),
    ] {
        let put = mock!(Client::put_item)
            .match_requests(move |request| request.condition_expression() == Some(condition))
            .then_error(|| PutItemError::ConditionalCheckFailedException(refused()));
        let cursor = Cursor {
            revision,
            ..cursor()
        };
        assert!(!ledger(&put).put_cursor(&cursor).await.unwrap());
        assert_eq!(put.num_calls(), 1);
    }
}

#[tokio::test]
async fn the_moment_before_which_all_is_settled_only_moves_forward() {
    for taken in [true, false] {
        let (ledger, rule) = updates_to(
            "CURSOR#runs#2: SET settled_before = 2026-11-23T12:00:00.000Z IF \
             attribute_not_exists(settled_before) OR settled_before < 2026-11-23T12:00:00.000Z",
            taken,
        );
        let moved = ledger.put_settled_before(Stage::Classify, at()).await;
        assert_eq!(moved.unwrap(), taken);
        assert_eq!(rule.num_calls(), 1);
    }
    let get = mock!(Client::get_item)
        .match_requests(|request| request.key().unwrap()["pk"] == s("CURSOR#runs#2"))
        .then_output(|| {
            let item = [("settled_before", s("2026-11-23T12:00:00.000Z"))].map(own);
            GetItemOutput::builder().set_item(Some(item.into())).build()
        });
    let moment = ledger(&get).settled_before(Stage::Classify).await.unwrap();
    assert_eq!(moment, Some(at()));
}
