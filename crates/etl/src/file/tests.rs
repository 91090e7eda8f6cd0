use std::collections::HashMap;

use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_object_versions::{
    ListObjectVersionsInput, ListObjectVersionsOutput,
};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CommonPrefix, Object, ObjectVersion};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::{Value, json};

use super::*;
use crate::settings::Environment;
use crate::style;

const ID: &str = "grp2-landing-dev/tui/legacy/d/a.json#v1";
const STATE: &str = "ft-ingest-dev-use1-tui";

/// An object, by its key.
pub(crate) fn object(key: &'static str, bytes: Vec<u8>) -> Rule {
    mock!(Client::get_object)
        .match_requests(move |request| request.key() == Some(key))
        .then_output(move || {
            let body = ByteStream::from(bytes.clone());
            GetObjectOutput::builder().body(body).build()
        })
}

/// A ledger of these items.
fn ledger(items: Vec<Value>) -> Ledger {
    let items: HashMap<String, Value> = items
        .into_iter()
        .map(|item| (item["pk"].as_str().unwrap().to_owned(), item))
        .collect();
    let rule = mock!(aws_sdk_dynamodb::Client::get_item).then_compute_output(move |request| {
        let pk = request.key().unwrap()["pk"].as_s().unwrap();
        let item = items.get(pk).map(|item| {
            let fields = item.as_object().unwrap().iter();
            fields
                .map(|(name, value)| {
                    let text = value.as_str().unwrap().to_owned();
                    (name.clone(), AttributeValue::S(text))
                })
                .collect()
        });
        GetItemOutput::builder().set_item(item).build()
    });
    Ledger::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&rule]),
        "ledger",
    )
}

fn file_item(assigned_to: Option<&str>) -> Value {
    let mut item = json!({"pk": format!("FILE#{ID}"), "sk": "ITEM", "bucket": "grp2-landing-dev",
        "key": "tui/legacy/d/a.json", "version_id": "v1", "dataset": "d", "landed_at": "2025-11-21T11:00:00.000Z"});
    if let Some(run) = assigned_to {
        item["assigned_to"] = run.into();
    }
    item
}

fn run_item(stage: u8, id: &str, state: &str, assigned_to: Option<&str>) -> Value {
    let mut item = json!({"pk": format!("RUN#{stage}#{id}"), "sk": "ITEM", "state": state, "started_by": "me",
        "manifest": format!("s3://{STATE}/{id}.jsonl"), "report": format!("s3://{STATE}/{id}.json")});
    if let Some(run) = assigned_to {
        item["assigned_to"] = run.into();
    }
    item
}

fn manifest(key: &'static str, stage: u8, run_id: &str, item: &str) -> Rule {
    let lines = [
        json!({"manifest": 1, "stage": stage, "job": "g", "run_id": run_id}),
        json!({"item": item}),
        json!({"end": true, "items": 1, "outputs": 0}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    object(key, text.into_bytes())
}

fn report(key: &'static str, document: &Value) -> Rule {
    object(key, document.to_string().into_bytes())
}

fn stage_1_report(outcome: &str, records: u64, quarantined: u64) -> Value {
    json!({"run_id": "jr_1", "datasets": [{"dataset": "d"}], "files": [
        {"file_id": ID, "dataset": "d", "outcome": outcome, "records": records, "quarantined": quarantined,
         "reason": (quarantined > 0).then_some("no JSON")}]})
}

async fn seen(items: Vec<Value>, rules: &[&Rule]) -> Seen {
    let args = FileArgs {
        file: ID.to_owned(),
        versions: 5,
    };
    let none = mock!(Client::list_object_versions)
        .then_output(|| ListObjectVersionsOutput::builder().build());
    let rules: Vec<&Rule> = rules.iter().copied().chain([&none]).collect();
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules.as_slice());
    let settings = Settings::of(Environment::Dev);
    let mut files = gather(&ledger(items), &s3, &settings, &args).await.unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// The prefix and the parts of the numbers of a run by file.
fn numbers_of(prefix: &'static str, key: &'static str, rows: &[(&str, i64, i64)]) -> [Rule; 2] {
    let list = mock!(Client::list_objects_v2)
        .match_requests(move |request| request.prefix() == Some(prefix))
        .then_output(move || {
            let part = Object::builder().key(key).build();
            ListObjectsV2Output::builder().contents(part).build()
        });
    [list, object(key, numbers::tests::parquet(&[rows]))]
}

#[tokio::test]
async fn a_file_is_followed_through_all_stages_to_its_tables() {
    let rules = [
        manifest("jr_1.jsonl", 1, "jr_1", &format!("FILE#{ID}")),
        report("jr_1.json", &stage_1_report("ingested", 9, 1)),
        manifest("jr_2.jsonl", 2, "jr_2", "RUN#1#jr_1"),
        report(
            "jr_2.json",
            &json!({"run_id": "jr_2", "datasets": [{"dataset": "d"}],
            "files_uri": format!("s3://{STATE}/lineage/stage=2/run=jr_2")}),
        ),
        manifest("jr_3.jsonl", 3, "jr_3", "RUN#2#jr_2"),
        report(
            "jr_3.json",
            &json!({"run_id": "jr_3", "datasets": [{"dataset": "d", "tables": ["tui_legacy_dev.d"]}],
            "files_uri": format!("s3://{STATE}/lineage/stage=3/run=jr_3")}),
        ),
    ];
    let second = numbers_of(
        "lineage/stage=2/run=jr_2/dataset=d/",
        "2.parquet",
        &[(ID, 9, 9)],
    );
    let third = numbers_of(
        "lineage/stage=3/run=jr_3/dataset=d/",
        "3.parquet",
        &[(ID, 9, 8)],
    );
    let runs = mock!(Client::list_objects_v2)
        .match_requests(|request| request.prefix() == Some("lineage/stage=3/"))
        .then_output(|| {
            let folder = CommonPrefix::builder()
                .prefix("lineage/stage=3/run=jr_3/")
                .build();
            ListObjectsV2Output::builder()
                .common_prefixes(folder)
                .build()
        });
    let all: Vec<&Rule> = rules
        .iter()
        .chain(&second)
        .chain(&third)
        .chain([&runs])
        .collect();
    let items = vec![
        file_item(Some("jr_1")),
        run_item(1, "jr_1", "COMMITTED", Some("jr_2")),
        run_item(2, "jr_2", "COMMITTED", Some("jr_3")),
        run_item(3, "jr_3", "COMMITTED", None),
    ];
    let seen = seen(items, &all).await;
    assert_eq!(seen.is_now, "in tui_legacy_dev.d");
    assert_eq!(seen.rows_now, Some(8));
    assert!(seen.steps.iter().all(|step| step.took));
    assert_eq!(seen.steps[0].numbers["quarantined"], 1);
    // A record too few: the books of these made-up runs don't balance, and that is said.
    assert_eq!(
        seen.problems,
        ["9 into Glue 3, 8 conformed, superseded and quarantined"]
    );
    let told = answer(&[seen]).unwrap();
    assert_eq!(told.exit, Exit::Bad);
    let text = style::plain(&told.text);
    assert!(
        text.contains(
            "3     jr_3  COMMITTED  -          legacy 8, records_in 9    tui_legacy_dev.d"
        ),
        "{text}"
    );
    assert!(text.contains("rows in tables now: 8"), "{text}");
}

/// A file that a run of each stage took, the last with these numbers.
fn through_all_stages(conform: &[(&str, u64)]) -> (FileItem, Vec<Step>) {
    let step = |stage, numbers: &[(&str, u64)], tables: &[&str]| Step {
        stage,
        run_id: format!("jr_{stage}"),
        state: "COMMITTED".to_owned(),
        took: true,
        started_by: None,
        committed_at: None,
        outcome: None,
        reason: None,
        tables: tables.iter().map(|&table| table.to_owned()).collect(),
        numbers: numbers
            .iter()
            .map(|&(name, n)| (name.to_owned(), n))
            .collect(),
    };
    let file = FileItem {
        bucket: "grp2-landing-dev".to_owned(),
        key: "tui/legacy/d/a.json".to_owned(),
        version_id: "v1".to_owned(),
        sequencer: None,
        etag: String::new(),
        size: 5,
        dataset: Some("d".to_owned()),
        landed_at: Timestamp::UNIX_EPOCH,
        assigned_to: Some("jr_1".to_owned()),
    };
    let steps = vec![
        step(Stage::Ingest, &[("records", 3), ("quarantined", 1)], &[]),
        step(Stage::Classify, &[("records_in", 3), ("secured", 3)], &[]),
        step(Stage::Conform, conform, &["t.d"]),
    ];
    (file, steps)
}

#[test]
fn what_a_contract_refused_adds_up_and_is_told() {
    for (quarantined, superseded, secured, told) in [
        (0, 0, 3, "in t.d"),
        (1, 0, 2, "in t.d; quarantined by its contract: 1"),
        (1, 2, 0, "in t.d; quarantined by its contract: 1"),
        (3, 0, 0, "quarantined by its contract: 3"),
    ] {
        let (file, steps) = through_all_stages(&[
            ("records_in", 3),
            ("quarantined", quarantined),
            ("secured", secured),
            ("superseded", superseded),
        ]);
        assert_eq!(problems(&steps), Vec::<String>::new());
        assert_eq!(is_now(Some(&file), &steps), told);
    }
}

#[tokio::test]
async fn a_file_waits_for_the_stage_that_has_not_taken_it() {
    let unknown = seen(vec![file_item(None)], &[]).await;
    assert_eq!(unknown.is_now, "waits for Glue 1");
    for (state, is_now) in [
        ("STARTED", "in the hands of Glue 1, jr_1"),
        (
            "VOID",
            "waits for Glue 1: jr_1, which had it, did not commit",
        ),
    ] {
        let items = vec![file_item(Some("jr_1")), run_item(1, "jr_1", state, None)];
        let seen = seen(items, &[]).await;
        assert_eq!((seen.is_now.as_str(), seen.steps[0].took), (is_now, false));
        assert_eq!(answer(&[seen]).unwrap().exit, Exit::Fine);
    }
}

#[tokio::test]
async fn a_committed_run_that_does_not_list_a_file_has_not_taken_it() {
    let items = vec![
        file_item(Some("jr_1")),
        run_item(1, "jr_1", "COMMITTED", None),
    ];
    let other = manifest("jr_1.jsonl", 1, "jr_1", "FILE#another");
    let seen = seen(items, &[&other]).await;
    assert_eq!(
        seen.is_now,
        "waits for Glue 1: jr_1 left it to the next run"
    );
    assert_eq!(seen.rows_now, None);
}

#[tokio::test]
async fn what_became_of_a_file_in_the_first_stage_is_said_with_its_reason() {
    for (outcome, records, quarantined, is_now) in [
        ("ingested", 3, 0, "in temp, waits for Glue 2"),
        ("quarantined", 0, 1, "quarantined: no JSON"),
        ("empty", 0, 0, "done: it holds no record"),
    ] {
        let items = vec![
            file_item(Some("jr_1")),
            run_item(1, "jr_1", "COMMITTED", None),
        ];
        let listed = manifest("jr_1.jsonl", 1, "jr_1", &format!("FILE#{ID}"));
        let told = report("jr_1.json", &stage_1_report(outcome, records, quarantined));
        assert_eq!(seen(items, &[&listed, &told]).await.is_now, is_now);
    }
}

#[tokio::test]
async fn each_version_of_a_key_is_seen_and_no_other_key() {
    let version = |key: &str, id: &str, latest| {
        ObjectVersion::builder()
            .key(key)
            .version_id(id)
            .is_latest(latest)
            .size(5)
            .build()
    };
    let versions = mock!(Client::list_object_versions)
        .match_requests(|request| request.prefix() == Some("tui/legacy/d/a.json"))
        .then_output(move || {
            ListObjectVersionsOutput::builder()
                .versions(version("tui/legacy/d/a.json", "v2", true))
                .versions(version("tui/legacy/d/a.json", "v1", false))
                .versions(version("tui/legacy/d/a.json.gz", "v9", true))
                .is_truncated(true)
                .build()
        });
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&versions]);
    let settings = Settings::of(Environment::Dev);
    let args = FileArgs {
        file: "d/a.json".to_owned(),
        versions: 5,
    };
    let ledger = ledger(vec![file_item(None)]);
    let files = gather(&ledger, &s3, &settings, &args).await.unwrap();
    let ids: Vec<&str> = files.iter().map(|seen| seen.file_id.as_str()).collect();
    assert_eq!(ids, ["grp2-landing-dev/tui/legacy/d/a.json#v2", ID]);
    assert_eq!((files[0].known, files[1].known), (false, true));
    assert!(files[0].is_now.contains("not in the ledger"));
    assert_eq!(versions.num_calls(), 1);
}

#[tokio::test]
async fn a_key_that_xml_cannot_hold_is_found_in_an_encoded_listing_that_goes_on() {
    const KEY: &str = "tui/legacy/d/\u{1b}[31m a+b\n.json";
    let page = |version_id: &str, more: bool| {
        let encoded = "tui/legacy/d/%1B%5B31m+a%2Bb%0A.json";
        let version = ObjectVersion::builder().key(encoded).version_id(version_id);
        ListObjectVersionsOutput::builder()
            .encoding_type(EncodingType::Url)
            .versions(version.is_latest(more).build())
            .is_truncated(more)
            .set_next_key_marker(more.then(|| encoded.to_owned()))
            .build()
    };
    let asks = |request: &ListObjectVersionsInput, marker: Option<&str>| {
        request.encoding_type() == Some(&EncodingType::Url)
            && (request.prefix(), request.key_marker()) == (Some(KEY), marker)
    };
    let first = mock!(Client::list_object_versions)
        .match_requests(move |request| asks(request, None))
        .then_output(move || page("v2", true));
    let second = mock!(Client::list_object_versions)
        .match_requests(move |request| asks(request, Some(KEY)))
        .then_output(move || page("v1", false));
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&first, &second]);
    let args = FileArgs {
        file: KEY.to_owned(),
        versions: 5,
    };
    let settings = Settings::of(Environment::Dev);
    let files = gather(&ledger(vec![]), &s3, &settings, &args)
        .await
        .unwrap();
    let ids: Vec<&str> = files.iter().map(|seen| seen.file_id.as_str()).collect();
    let expected = ["v2", "v1"].map(|version| file_id("grp2-landing-dev", KEY, version));
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_file_that_nobody_knows_is_not_found() {
    let none = mock!(Client::list_object_versions)
        .then_output(|| ListObjectVersionsOutput::builder().build());
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&none]);
    let settings = Settings::of(Environment::Dev);
    for file in ["d/none.json", ID] {
        let args = FileArgs {
            file: file.to_owned(),
            versions: 5,
        };
        let error = gather(&ledger(vec![]), &s3, &settings, &args)
            .await
            .unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::NotFound);
        assert!(error.to_string().ends_with(file), "{error}");
    }
}

#[test]
fn a_file_may_be_named_in_each_way_that_people_have_it() {
    let settings = Settings::of(Environment::Dev);
    let key = |text: &str| Meant::Key(text.to_owned());
    for (text, is) in [
        ("d/a.json", key("tui/legacy/d/a.json")),
        ("tui/legacy/d/a.json", key("tui/legacy/d/a.json")),
        (
            "s3://grp2-landing-dev/tui/legacy/d/a.json",
            key("tui/legacy/d/a.json"),
        ),
        ("d/a#1.json", key("tui/legacy/d/a#1.json")),
        (ID, Meant::FileId(ID.to_owned())),
    ] {
        assert_eq!(meant(text, &settings).unwrap(), is);
    }
    let error = meant("s3://another/d/a.json", &settings).unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Usage);
    assert!(meant("s3://grp2-landing-dev-x/d/a.json", &settings).is_err());
}
