//! The function against a world in memory: what it answers, and that whatever is cut off is gone on with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use pipeline::protocol::Stage;
use pipeline::protocol::marker;
use serde_json::{Value, json};
use support_trigger::{Clients, Config, Invocation, Summary, handler};
use world::{LANDING, PREFIX, STATE, World};

async fn call(
    world: &World,
    kind: &str,
    invocation: &str,
    event: &Value,
) -> anyhow::Result<Summary> {
    let config = Config::from_lookup(|name| {
        let value = match name {
            "KIND" => kind,
            "STATE_BUCKET" => STATE,
            "LANDING_BUCKET" => LANDING,
            "LANDING_PREFIX" => PREFIX,
            other => other,
        };
        Some(value.to_owned())
    })
    .unwrap();
    let clients = Clients {
        desk: world.desk(),
        glue: world.glue(),
    };
    handler(&config, &clients, &Invocation::new(invocation), event).await
}

fn state_change() -> Value {
    json!({"source": "aws.glue", "detail-type": "Glue Job State Change", "detail": {}})
}

/// A file in the ledger that nobody has taken.
fn open_file(world: &World, key: &str) -> String {
    let version = world.land(key);
    let pk = format!("FILE#{LANDING}/{key}#{version}");
    let fields = [
        ("bucket", LANDING),
        ("key", key),
        ("version_id", &version),
        ("landed_at", "2026-05-08T12:00:00.000Z"),
    ];
    let place = marker(Stage::Ingest, &pk);
    let mut state = world.state();
    state.put_item(&pk, "ITEM", &fields);
    state.put_item(
        &place.pk,
        &place.sk,
        &[("item", &pk), ("at", "2026-05-08T12:00:00.000Z")],
    );
    pk
}

#[tokio::test]
async fn a_trigger_starts_one_run_and_is_settled_by_what_the_ledger_says_of_it() {
    let world = World::default();
    let pk = open_file(&world, "tui/legacy/a/b.json");
    let event = world.trigger("copyglue", "r1", json!({}));
    call(&world, "copyglue", "i1", &event).await.unwrap();
    let answer = world.answer("copyglue", "r1").unwrap();
    assert_eq!(answer["state"], "ACCEPTED");
    assert_eq!(
        answer["open"],
        json!({"count": 1, "more": false, "items": [pk]})
    );
    let run_id = answer["start"]["run_id"].as_str().unwrap().to_owned();

    call(&world, "copyglue", "i2", &state_change())
        .await
        .unwrap();
    assert_eq!(
        world.answer("copyglue", "r1").unwrap()["state"],
        "ACCEPTED",
        "its run is alive"
    );
    {
        let mut state = world.state();
        state.runs[0].state = "SUCCEEDED";
        state.put_item(
            &format!("RUN#1#{run_id}"),
            "ITEM",
            &[("state", "COMMITTED"), ("job", "JOB")],
        );
        state.set(&pk, "assigned_to", &run_id);
    }
    let settled = call(&world, "copyglue", "i3", &state_change())
        .await
        .unwrap();
    assert_eq!(settled.settled, 1);
    let answer = world.answer("copyglue", "r1").unwrap();
    assert_eq!(answer["state"], "SUCCEEDED");
    assert_eq!(answer["ended"]["taken_by"], json!({run_id: 1}));
    assert!(
        !world
            .state()
            .items
            .keys()
            .any(|(pk, _)| pk.starts_with("REQUESTS#"))
    );
    assert_eq!(
        call(&world, "copyglue", "i4", &state_change())
            .await
            .unwrap()
            .settled,
        0
    );
}

#[tokio::test]
async fn a_run_that_ended_without_a_word_is_given_up_and_told_as_failed() {
    let world = World::default();
    let event = world.trigger("glue2", "r1", json!({}));
    call(&world, "glue2", "i1", &event).await.unwrap();
    let run = format!("RUN#2#{}", world.state().runs[0].id);
    world.state().runs[0].state = "TIMEOUT";
    world
        .state()
        .put_item(&run, "ITEM", &[("state", "STARTED"), ("job", "JOB")]);
    call(&world, "glue2", "i2", &state_change()).await.unwrap();
    let answer = world.answer("glue2", "r1").unwrap();
    assert_eq!(answer["state"], "FAILED");
    assert!(answer["why"].as_str().unwrap().contains("TIMEOUT"));
    assert_eq!(world.state().field(&run, "state").as_deref(), Some("VOID"));
}

#[tokio::test]
async fn the_same_request_under_two_names_is_done_once_and_answered_twice() {
    let world = World::default();
    let first = world.trigger("optimization", "a", json!({"request_id": "r"}));
    let second = world.trigger("optimization", "b", json!({"request_id": "r"}));
    for (invocation, event) in [("i1", &first), ("i2", &second), ("i3", &first)] {
        call(&world, "optimization", invocation, event)
            .await
            .unwrap();
    }
    assert_eq!(world.state().runs.len(), 1);
    let answer = world.answer("optimization", "a").unwrap();
    assert_eq!(answer["state"], "ACCEPTED");
    assert_eq!(Some(answer), world.answer("optimization", "b"));
}

#[tokio::test]
async fn another_request_of_the_same_id_is_refused_and_leaves_the_first_alone() {
    let world = World::default();
    let first = world.trigger("glue2", "a", json!({"request_id": "r"}));
    let second = world.trigger(
        "glue2",
        "b",
        json!({"request_id": "r", "reason": "another"}),
    );
    call(&world, "glue2", "i1", &first).await.unwrap();
    call(&world, "glue2", "i2", &second).await.unwrap();
    let refused = world.answer("glue2", "b").unwrap();
    assert_eq!(refused["state"], "REFUSED");
    assert!(refused["why"].as_str().unwrap().starts_with("request_id: "));
    assert_eq!(world.answer("glue2", "a").unwrap()["state"], "ACCEPTED");
    assert_eq!(world.state().runs.len(), 1);
}

#[tokio::test]
async fn a_file_that_breaks_a_rule_is_answered_and_no_failure() {
    let world = World::default();
    for (name, content, id) in [
        ("x", "{", Value::Null),
        ("y", r#"{"request_id": "r-9", "key": 1}"#, json!("r-9")),
    ] {
        let event = world.trigger_file("glue2", name, content);
        call(&world, "glue2", "i", &event).await.unwrap();
        let answer = world.answer("glue2", name).unwrap();
        assert_eq!(answer["state"], "REFUSED");
        assert_eq!(answer["request_id"], id);
    }
    assert!(world.state().runs.is_empty());
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_is_found_and_not_repeated() {
    let world = World::default();
    world.state().loses_answer = true;
    let event = world.trigger("glue2", "r", json!({}));
    call(&world, "glue2", "i1", &event).await.unwrap();
    assert_eq!(world.state().runs.len(), 1);
    assert_eq!(
        world.answer("glue2", "r").unwrap()["start"]["run_id"],
        world.state().runs[0].id
    );
}

#[tokio::test]
async fn what_is_cut_off_between_start_and_answer_is_gone_on_with() {
    for broken in ["intermediary/requests/", "intermediary/results/"] {
        let world = World::default();
        world.state().broken_prefix = Some(broken.to_owned());
        let event = world.trigger("glue2", "r", json!({}));
        call(&world, "glue2", "i1", &event).await.unwrap_err();
        assert_eq!(world.answer("glue2", "r"), None);
        world.state().broken_prefix = None;
        // Lambda tries the same event again, under the same id.
        call(&world, "glue2", "i1", &event).await.unwrap();
        assert_eq!(world.state().runs.len(), 1, "{broken}");
        let answer = world.answer("glue2", "r").unwrap();
        assert_eq!(answer["start"]["run_id"], world.state().runs[0].id);
    }
}

#[tokio::test]
async fn a_request_that_another_invocation_has_in_hand_is_left_to_it() {
    let world = World::default();
    world.state().broken_prefix = Some("intermediary/requests/".to_owned());
    let event = world.trigger("glue2", "r", json!({}));
    call(&world, "glue2", "i1", &event).await.unwrap_err();
    world.state().broken_prefix = None;
    let summary = call(&world, "glue2", "another", &event).await.unwrap();
    assert_eq!(summary.in_hand, 1);
    assert_eq!(world.answer("glue2", "r"), None);
}

#[tokio::test]
async fn a_start_that_glue_refuses_is_accepted_and_settled_by_who_takes_the_work() {
    let world = World::default();
    let pk = open_file(&world, "tui/legacy/a/b.json");
    let other = world::Run {
        id: "jr_other".into(),
        job: "JOB".into(),
        state: "RUNNING",
        started_by: "reconcile".into(),
    };
    world.state().runs.push(other);
    world.state().is_busy = true;
    let event = world.trigger("copyglue", "r", json!({}));
    call(&world, "copyglue", "i1", &event).await.unwrap();
    let answer = world.answer("copyglue", "r").unwrap();
    assert_eq!(answer["state"], "ACCEPTED");
    assert_eq!(answer["start"]["active_runs"], json!(["jr_other"]));
    assert!(
        answer["start"]["not_now"]
            .as_str()
            .unwrap()
            .contains("ConcurrentRunsExceeded")
    );
    world.state().put_item(
        "RUN#1#jr_other",
        "ITEM",
        &[("state", "COMMITTED"), ("job", "JOB")],
    );
    world.state().set(&pk, "assigned_to", "jr_other");
    call(&world, "copyglue", "i2", &state_change())
        .await
        .unwrap();
    let answer = world.answer("copyglue", "r").unwrap();
    assert_eq!(answer["state"], "SUCCEEDED");
    assert_eq!(answer["ended"]["taken_by"], json!({"jr_other": 1}));
}

#[tokio::test]
async fn a_start_that_glue_refused_is_asked_for_again_once_nothing_runs_and_the_work_is_open() {
    let world = World::default();
    let pk = open_file(&world, "tui/legacy/a/b.json");
    let other = world::Run {
        id: "jr_other".into(),
        job: "JOB".into(),
        state: "RUNNING",
        started_by: "copy-prefix".into(),
    };
    world.state().runs.push(other);
    world.state().is_busy = true;
    let event = world.trigger("copyglue", "r", json!({}));
    call(&world, "copyglue", "i1", &event).await.unwrap();
    world.state().is_busy = false;
    // Glue would take more than one run; the work is in the hands of the one that is alive.
    let settled = call(&world, "copyglue", "i2", &state_change()).await;
    assert_eq!((settled.unwrap().settled, world.state().runs.len()), (0, 1));
    world.state().runs[0].state = "FAILED";
    // Cut off after the start, and tried again.
    world.state().broken_prefix = Some("intermediary/".to_owned());
    call(&world, "copyglue", "i3", &state_change())
        .await
        .unwrap_err();
    world.state().broken_prefix = None;
    for invocation in ["i3", "i4"] {
        let settled = call(&world, "copyglue", invocation, &state_change()).await;
        assert_eq!(settled.unwrap().settled, 0);
    }
    assert_eq!(world.state().runs.len(), 2, "one in its name");
    let run_id = world.state().runs[1].id.clone();
    let answer = world.answer("copyglue", "r").unwrap();
    assert_eq!(answer["state"], "ACCEPTED");
    let start = json!({"job": "JOB", "run_id": run_id});
    assert_eq!(answer["start"], start);
    {
        let mut state = world.state();
        state.runs[1].state = "SUCCEEDED";
        let fields = [("state", "COMMITTED"), ("job", "JOB")];
        state.put_item(&format!("RUN#1#{run_id}"), "ITEM", &fields);
        state.set(&pk, "assigned_to", &run_id);
    }
    let settled = call(&world, "copyglue", "i5", &state_change()).await;
    assert_eq!(settled.unwrap().settled, 1);
    let answer = world.answer("copyglue", "r").unwrap();
    assert_eq!(answer["state"], "SUCCEEDED");
    assert_eq!(answer["ended"]["taken_by"], json!({run_id: 1}));
}

#[tokio::test]
async fn keys_that_the_ledger_lacks_are_taken_in_before_the_start() {
    let world = World::default();
    open_file(&world, "tui/legacy/a/known.json");
    world.land("tui/legacy/a/unseen.json");
    world.land("tui/legacy/a/unseen.json.gz");
    let keys = [
        "tui/legacy/a/known.json",
        "tui/legacy/a/unseen.json",
        "tui/legacy/a/no.json",
    ];
    let event = world.trigger("copyglue", "r", json!({"keys": keys}));
    call(&world, "copyglue", "i1", &event).await.unwrap();
    let answer = world.answer("copyglue", "r").unwrap();
    let found = json!({"versions": 2, "known": 1, "taken_in": 1, "more": false, "missing": ["tui/legacy/a/no.json"]});
    assert_eq!(answer["found"], found);
    assert_eq!(answer["open"]["count"], 2);
}

#[tokio::test]
async fn a_file_is_landed_again_once_however_often_it_is_tried() {
    let world = World::default();
    let marks = [
        ("own", "1"),
        ("restore-request-id", "u"),
        ("restored-version-id", "v"),
    ];
    let marks = marks.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (key, body) = ("tui/legacy/a/b c.json", Some(b"{}".to_vec()));
    let old = world.state().put(LANDING, key, body, marks.into());
    let event = world.trigger(
        "copyglue",
        "r",
        json!({"keys": [key, "tui/legacy/a/no"], "reland": true}),
    );
    world.state().broken_prefix = Some("intermediary/".to_owned());
    call(&world, "copyglue", "i1", &event).await.unwrap_err();
    world.state().broken_prefix = None;
    call(&world, "copyglue", "i1", &event).await.unwrap();
    let state = world.state();
    let versions = &state.objects[&(LANDING.to_owned(), "tui/legacy/a/b c.json".to_owned())];
    assert_eq!(versions.len(), 2);
    let marks = [("own", "1"), ("reland-request-id", "r")];
    let marks = marks.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(versions[1].metadata, marks.into(), "it is no undoing's");
    let new = versions[1].id.clone();
    assert!(
        state
            .field(
                &format!("FILE#{LANDING}/tui/legacy/a/b c.json#{new}"),
                "key"
            )
            .is_some()
    );
    drop(state);
    assert_ne!(new, old);
    let answer = world.answer("copyglue", "r").unwrap();
    assert_eq!(answer["found"]["relanded"][0]["version_id"], json!(new));
    assert_eq!(answer["found"]["missing"], json!(["tui/legacy/a/no"]));
}

#[tokio::test]
async fn an_id_of_another_kinds_request_is_refused_and_leaves_no_hint() {
    let world = World::default();
    let first = world.trigger("copyglue", "a", json!({"request_id": "r"}));
    call(&world, "copyglue", "i1", &first).await.unwrap();
    let second = world.trigger("glue2", "b", json!({"request_id": "r"}));
    call(&world, "glue2", "i2", &second).await.unwrap();
    assert_eq!(world.answer("glue2", "b").unwrap()["state"], "REFUSED");
    let hints: Vec<String> = world
        .state()
        .items
        .keys()
        .map(|(pk, _)| pk.clone())
        .filter(|pk| pk.starts_with("REQUESTS#"))
        .collect();
    assert_eq!(hints, ["REQUESTS#copyglue"]);
}
