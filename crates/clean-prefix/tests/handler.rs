//! The function against a ledger and a bucket in memory: what it asks for, and what it must not ask for.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::delete_objects::DeleteObjectsOutput;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::ObjectIdentifier;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use clean_prefix::delete::Patience;
use clean_prefix::{Cleaned, Clients, Config, handler};
use pipeline::ledger::Ledger;
use serde_json::{Value, json};

const RAW: &str = "grp2-raw-dev";
const STATE: &str = "ft-ingest-dev-use1-tui";
const TEMP: &str = "tui/legacy/temp/";
const JOB: &str = "glue-2-dev";

/// What there is, and what was asked for.
#[derive(Default)]
struct World {
    runs: HashMap<String, HashMap<String, AttributeValue>>,
    manifests: HashMap<String, String>,
    /// Codes to answer for a key, one a call; then it is deleted.
    errors: HashMap<String, Vec<&'static str>>,
    read: Vec<(String, Option<String>)>,
    /// Runs that were asked for, by request.
    asked: Vec<Vec<String>>,
    calls: Vec<Vec<String>>,
    deleted: BTreeSet<String>,
    updates: Vec<(String, String)>,
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

impl World {
    fn run(&mut self, stage: u8, run_id: &str, attributes: &[(&str, &str)]) {
        let pk = format!("RUN#{stage}#{run_id}");
        let mut item = HashMap::from([
            ("pk".to_owned(), text(&pk)),
            ("state".to_owned(), text("COMMITTED")),
        ]);
        item.insert(
            "manifest".to_owned(),
            text(&format!("s3://{STATE}/m/{stage}/{run_id}")),
        );
        item.extend(
            attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), text(value))),
        );
        self.runs.insert(pk, item);
    }

    fn manifest(&mut self, stage: u8, run_id: &str, lines: &[Value]) {
        let items = lines
            .iter()
            .filter(|line| line.get("item").is_some())
            .count();
        let mut all = vec![json!({"manifest": 1, "stage": stage, "run_id": run_id, "job": "j"})];
        all.extend_from_slice(lines);
        all.push(json!({"end": true, "items": items, "outputs": lines.len() - items}));
        let text: String = all.iter().map(|line| format!("{line}\n")).collect();
        self.manifests.insert(format!("m/{stage}/{run_id}"), text);
    }

    /// A classify run `jr_c` that consumed these ingest runs, each with so many outputs.
    fn classified(ingest_runs: &[(&str, usize)]) -> Self {
        let mut world = Self::default();
        world.run(2, "jr_c", &[]);
        let items: Vec<_> = ingest_runs
            .iter()
            .map(|(run_id, _)| json!({"item": format!("RUN#1#{run_id}")}))
            .collect();
        world.manifest(2, "jr_c", &items);
        for (run_id, outputs) in ingest_runs {
            world.run(1, run_id, &[("assigned_to", "jr_c")]);
            let lines: Vec<_> = (0..*outputs)
                .map(|number| output(&key(run_id, number)))
                .collect();
            world.manifest(1, run_id, &lines);
        }
        world
    }
}

fn key(run_id: &str, number: usize) -> String {
    format!("{TEMP}foo/run={run_id}/part-{number}.parquet")
}

fn output(key: &str) -> Value {
    json!({"output": {"bucket": RAW, "key": key, "dataset": "foo", "zone": "temp", "records": 1, "size": 1}})
}

fn keys(run_id: &str, count: usize) -> BTreeSet<String> {
    (0..count).map(|number| key(run_id, number)).collect()
}

type Shared = Arc<Mutex<World>>;

fn ledger(world: &Shared) -> Ledger {
    let (reads, batches, writes) = (Arc::clone(world), Arc::clone(world), Arc::clone(world));
    let get = mock!(aws_sdk_dynamodb::Client::get_item).then_compute_output(move |input| {
        assert_eq!(
            input.consistent_read(),
            Some(true),
            "the ledger must be read consistently"
        );
        let pk = input.key().unwrap()["pk"].as_s().unwrap();
        let mut world = reads.lock().unwrap();
        world.asked.push(vec![pk.clone()]);
        GetItemOutput::builder()
            .set_item(world.runs.get(pk).cloned())
            .build()
    });
    let batch_get =
        mock!(aws_sdk_dynamodb::Client::batch_get_item).then_compute_output(move |input| {
            let wanted = &input.request_items().unwrap()["ledger"];
            assert_eq!(wanted.consistent_read(), Some(true));
            assert!(wanted.keys().len() <= 100, "DynamoDB takes no more");
            let keys = wanted.keys().iter();
            let pks: Vec<_> = keys.map(|key| key["pk"].as_s().unwrap().clone()).collect();
            let mut world = batches.lock().unwrap();
            let found = pks.iter().filter_map(|pk| world.runs.get(pk).cloned());
            let found = found.collect();
            world.asked.push(pks);
            BatchGetItemOutput::builder()
                .responses("ledger", found)
                .build()
        });
    let update = mock!(aws_sdk_dynamodb::Client::update_item).then_compute_output(move |input| {
        let pk = input.key().unwrap()["pk"].as_s().unwrap().clone();
        let expression = input.update_expression().unwrap().to_owned();
        writes.lock().unwrap().updates.push((pk, expression));
        UpdateItemOutput::builder().build()
    });
    Ledger::new(
        mock_client!(
            aws_sdk_dynamodb,
            RuleMode::MatchAny,
            [&get, &batch_get, &update]
        ),
        "ledger",
    )
}

fn s3(world: &Shared) -> aws_sdk_s3::Client {
    let (reads, deletes) = (Arc::clone(world), Arc::clone(world));
    let get = mock!(aws_sdk_s3::Client::get_object).then_compute_response(move |input| {
        let mut world = reads.lock().unwrap();
        let key = input.key().unwrap().to_owned();
        assert_eq!(input.bucket(), Some(STATE));
        world
            .read
            .push((key.clone(), input.if_match().map(str::to_owned)));
        match world.manifests.get(&key) {
            Some(text) => MockResponse::Output(
                GetObjectOutput::builder()
                    .e_tag("\"tag\"")
                    .body(text.clone().into_bytes().into())
                    .build(),
            ),
            None => MockResponse::Error(GetObjectError::NoSuchKey(NoSuchKey::builder().build())),
        }
    });
    let delete = mock!(aws_sdk_s3::Client::delete_objects).then_compute_output(move |input| {
        assert_eq!(input.bucket(), Some(RAW));
        let delete = input.delete().unwrap();
        assert_eq!(delete.quiet(), Some(true));
        answer(&mut deletes.lock().unwrap(), delete.objects())
    });
    mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&get, &delete])
}

fn answer(world: &mut World, objects: &[ObjectIdentifier]) -> DeleteObjectsOutput {
    let mut output = DeleteObjectsOutput::builder();
    let mut call = Vec::new();
    for object in objects {
        let key = object.key().to_owned();
        match world
            .errors
            .get_mut(&key)
            .filter(|codes| !codes.is_empty())
            .map(|codes| codes.remove(0))
        {
            Some(code) => {
                output = output.errors(
                    aws_sdk_s3::types::Error::builder()
                        .key(&key)
                        .code(code)
                        .build(),
                );
            }
            None => {
                world.deleted.insert(key.clone());
            }
        }
        call.push(key);
    }
    world.calls.push(call);
    output.build()
}

fn config() -> Config {
    let values = BTreeMap::from([
        ("LEDGER_TABLE", "ledger"),
        ("STATE_BUCKET", STATE),
        ("RAW_BUCKET", RAW),
        ("TEMP_PREFIX", TEMP),
        ("CLASSIFY_JOB", JOB),
    ]);
    let config =
        Config::from_lookup(|name| values.get(name).map(|value| (*value).to_owned())).unwrap();
    Config {
        patience: Patience {
            attempts: 3,
            pause: Duration::from_millis(1),
        },
        ..config
    }
}

fn event(job: &str, run_id: &str) -> Value {
    json!({
        "version": "0",
        "id": "3f0c9a80-6c8b-4b8e-9d1e-1f2d3c4b5a69",
        "detail-type": "Glue Job State Change",
        "source": "aws.glue",
        "account": "222222222222",
        "time": "2025-11-21T11:07:42Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "jobName": job, "severity": "INFO", "state": "SUCCEEDED", "jobRunId": run_id,
            "message": "Job run succeeded",
        },
    })
}

/// Runs the function; answers what it said and what it left behind.
async fn run_on(world: World, event: &Value) -> (anyhow::Result<Cleaned>, World) {
    let world = Arc::new(Mutex::new(world));
    let clients = Clients {
        ledger: ledger(&world),
        s3: s3(&world),
    };
    let result = handler(&config(), &clients, event).await;
    let left = std::mem::take(&mut *world.lock().unwrap());
    (result, left)
}

async fn run(world: World) -> (anyhow::Result<Cleaned>, World) {
    run_on(world, &event(JOB, "jr_c")).await
}

fn complaint(result: anyhow::Result<Cleaned>) -> String {
    format!("{:#}", result.unwrap_err())
}

/// It must not count as cleaned, and whoever raises the ticket finds the reason with the run.
fn only_why_it_failed_is_kept(world: &World) {
    let [(run, update)] = &world.updates[..] else {
        panic!("{:?}", world.updates)
    };
    assert_eq!(
        (run.as_str(), update.as_str()),
        ("RUN#2#jr_c", "SET cleaning_error = :why")
    );
}

#[tokio::test]
async fn exactly_the_listed_outputs_are_deleted_and_the_run_is_marked() {
    let mut world = World::classified(&[("jr_1", 3), ("jr_2", 2)]);
    // Committed, but not consumed by this classify run: it must not even be looked at.
    world.run(1, "jr_later", &[]);
    world.manifest(1, "jr_later", &[output(&key("jr_later", 0))]);
    let (result, world) = run(world).await;
    assert_eq!(
        result.unwrap(),
        Cleaned {
            runs: 2,
            objects: 5
        }
    );
    assert_eq!(world.deleted, &keys("jr_1", 3) | &keys("jr_2", 2));
    assert_eq!(world.calls.len(), 1, "one batch is filled across manifests");
    assert_eq!(world.updates.len(), 1);
    assert_eq!(world.updates[0].0, "RUN#2#jr_c");
    assert!(
        world.updates[0].1.contains("cleaned_at"),
        "{:?}",
        world.updates
    );
    assert!(world.read.iter().all(|(key, _)| key != "m/1/jr_later"));
}

#[tokio::test]
async fn a_large_manifest_is_deleted_in_full_batches_and_read_twice_as_the_same_object() {
    let (result, world) = run(World::classified(&[("jr_1", 2_500), ("jr_2", 1)])).await;
    assert_eq!(result.unwrap().objects, 2_501);
    assert_eq!(world.deleted, &keys("jr_1", 2_500) | &keys("jr_2", 1));
    let mut sizes: Vec<_> = world.calls.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [501, 1_000, 1_000]);
    let reads: Vec<_> = world
        .read
        .iter()
        .filter(|(key, _)| key == "m/1/jr_1")
        .collect();
    assert_eq!(reads.len(), 2);
    assert_eq!(reads[1].1.as_deref(), Some("\"tag\""));
}

#[tokio::test]
async fn nothing_happens_for_a_run_that_is_not_committed_or_was_cleaned_before() {
    for (state, cleaned_at) in [
        ("STARTED", None),
        ("VOID", None),
        ("COMMITTED", Some("2025-11-21T11:08:00Z")),
    ] {
        let mut world = World::classified(&[("jr_1", 1)]);
        let mut attributes = vec![("state", state)];
        attributes.extend(cleaned_at.map(|at| ("cleaned_at", at)));
        world.run(2, "jr_c", &attributes);
        let (result, world) = run(world).await;
        assert_eq!(result.unwrap(), Cleaned::default(), "{state}");
        assert!(
            world.calls.is_empty() && world.read.is_empty() && world.updates.is_empty(),
            "{state}"
        );
    }
}

#[tokio::test]
async fn nothing_happens_for_other_jobs_and_for_runs_nobody_knows() {
    for (job, run_id) in [("tui-copyprefix-glue1-dev", "jr_c"), (JOB, "jr_unknown")] {
        let (result, world) = run_on(World::classified(&[("jr_1", 1)]), &event(job, run_id)).await;
        assert_eq!(result.unwrap(), Cleaned::default());
        assert!(world.calls.is_empty() && world.updates.is_empty());
    }
}

#[tokio::test]
async fn keys_that_s3_puts_off_are_tried_again_alone() {
    let mut world = World::classified(&[("jr_1", 3)]);
    world
        .errors
        .insert(key("jr_1", 0), vec!["SlowDown", "InternalError"]);
    world.errors.insert(key("jr_1", 2), vec!["SlowDown"]);
    let (result, world) = run(world).await;
    assert_eq!(result.unwrap().objects, 3);
    let sizes: Vec<_> = world.calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 2, 1]);
    assert_eq!(world.updates.len(), 1);
}

#[tokio::test]
async fn keys_that_may_not_be_deleted_fail_the_invocation_after_all_others_are_gone() {
    let mut world = World::classified(&[("jr_1", 2), ("jr_2", 1)]);
    world.errors.insert(key("jr_1", 1), vec!["AccessDenied"; 9]);
    world.errors.insert(key("jr_2", 0), vec!["SlowDown"; 9]);
    let (result, world) = run(world).await;
    let said = complaint(result);
    assert!(said.contains("2 keys could not be deleted"), "{said}");
    assert!(
        said.contains(&format!("{} (AccessDenied)", key("jr_1", 1))),
        "{said}"
    );
    assert!(
        said.contains(&format!("{} (SlowDown)", key("jr_2", 0))),
        "{said}"
    );
    assert_eq!(world.deleted, keys("jr_1", 1));
    assert_eq!(
        world.calls.len(),
        3,
        "what is throttled is tried again, twice"
    );
    assert_eq!(
        world.calls[1..],
        [[key("jr_2", 0)], [key("jr_2", 0)]],
        "what is denied is not"
    );
    only_why_it_failed_is_kept(&world);
}

#[tokio::test]
async fn a_run_that_is_not_this_ones_is_left_alone_and_the_others_are_cleaned() {
    for attributes in [
        &[("assigned_to", "jr_x")][..],
        &[("assigned_to", "jr_c"), ("state", "VOID")][..],
    ] {
        let mut world = World::classified(&[("jr_1", 1), ("jr_2", 1)]);
        world.run(1, "jr_1", attributes);
        let (result, world) = run(world).await;
        let said = complaint(result);
        assert!(
            said.contains("1 ingest runs were left alone") && said.contains("jr_1"),
            "{said}"
        );
        assert_eq!(world.deleted, keys("jr_2", 1));
        only_why_it_failed_is_kept(&world);
    }
}

#[tokio::test]
async fn a_manifest_that_names_a_foreign_object_deletes_nothing_of_its_run() {
    let mut world = World::classified(&[("jr_1", 0), ("jr_2", 1)]);
    let mut lines: Vec<_> = (0..1_500)
        .map(|number| output(&key("jr_1", number)))
        .collect();
    lines.push(output("tui/legacy/staging/run=jr_1/x"));
    world.manifest(1, "jr_1", &lines);
    let (result, world) = run(world).await;
    let said = complaint(result);
    assert!(said.contains("does not belong below"), "{said}");
    assert_eq!(world.deleted, keys("jr_2", 1));
    only_why_it_failed_is_kept(&world);
}

#[tokio::test]
async fn a_manifest_that_was_cut_off_or_is_missing_deletes_nothing_of_its_run() {
    let mut world = World::classified(&[("jr_1", 3), ("jr_2", 1), ("jr_3", 1)]);
    let whole = world.manifests["m/1/jr_1"].clone();
    let cut = &whole[..whole.rfind('{').unwrap()];
    world
        .manifests
        .insert("m/1/jr_1".to_owned(), cut.to_owned());
    world.manifests.remove("m/1/jr_3");
    let (result, world) = run(world).await;
    let said = complaint(result);
    assert!(
        said.contains("2 ingest runs were left alone") && said.contains("without an end line"),
        "{said}"
    );
    assert_eq!(world.deleted, keys("jr_2", 1));
    only_why_it_failed_is_kept(&world);
}

#[tokio::test]
async fn a_classify_manifest_that_lists_anything_but_ingest_runs_deletes_nothing_at_all() {
    let mut world = World::classified(&[("jr_1", 1)]);
    world.manifest(
        2,
        "jr_c",
        &[json!({"item": "RUN#1#jr_1"}), json!({"item": "RUN#2#jr_1"})],
    );
    let (result, world) = run(world).await;
    assert!(complaint(result).contains("no ingest run"));
    assert!(world.calls.is_empty());
    only_why_it_failed_is_kept(&world);
}

#[tokio::test]
async fn many_runs_and_keys_are_all_accounted_for() {
    let names: Vec<_> = (0..60).map(|number| format!("jr_{number}")).collect();
    let runs: Vec<_> = names.iter().map(|name| (name.as_str(), 400)).collect();
    let (result, world) = run(World::classified(&runs)).await;
    assert_eq!(
        result.unwrap(),
        Cleaned {
            runs: 60,
            objects: 24_000
        }
    );
    assert_eq!(world.deleted.len(), 24_000);
    assert_eq!(world.calls.len(), 24);
}

#[tokio::test]
async fn runs_are_read_a_hundred_at_a_time_and_one_that_is_unknown_is_left_alone() {
    let names: Vec<_> = (0..250).map(|number| format!("jr_{number}")).collect();
    let runs: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let mut world = World::classified(&runs);
    world.runs.remove("RUN#1#jr_7");
    let (result, world) = run(world).await;
    let said = complaint(result);
    assert!(
        said.contains("1 ingest runs were left alone, the first: run jr_7 is not in the ledger"),
        "{said}"
    );
    assert_eq!(world.deleted.len(), 249);
    let mut sizes: Vec<_> = world.asked.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 50, 100, 100], "the classify run, and the others");
}

#[tokio::test]
async fn an_event_that_is_no_state_change_is_an_error() {
    let (result, world) = run_on(World::classified(&[("jr_1", 1)]), &json!({"Records": []})).await;
    assert!(complaint(result).contains("no Glue job state change"));
    assert!(world.calls.is_empty());
}
