//! The function against a world in memory: what it removes, what it leaves, and that all of it comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../support-trigger/tests/world/mod.rs"]
mod world;

use std::collections::HashMap;

use serde_json::{Value, json};
use support_cleanup::{Clients, Config, Invocation, handler};
use world::{LANDING, PREFIX, RAW, Run, STATE, World};

const TEMP: &str = "tui/legacy/temp/a/run=jr_dead/part-0.parquet";
const STAGED: &str = "tui/legacy/staging/run=jr_dead/x.json";
const OTHER: &str = "tui/legacy/temp/a/run=jr_other/part-0.parquet";
const LANDED: &str = "tui/legacy/a/b.json";

async fn call(world: &World, event: &Value) -> anyhow::Result<support_cleanup::Summary> {
    let config = Config::from_lookup(|name| {
        let value = match name {
            "STATE_BUCKET" => STATE,
            "LANDING_BUCKET" => LANDING,
            "RAW_BUCKET" => RAW,
            "LANDING_PREFIX" => PREFIX,
            "STAGING_PREFIX" => "tui/legacy/staging/",
            "TEMP_PREFIX" => "tui/legacy/temp/",
            "QUARANTINE_PREFIX" => "tui/legacy/quarantine/",
            "CLASSIFIED_PREFIX" => "tui/legacy/",
            other => other,
        };
        Some(value.to_owned())
    })
    .unwrap();
    let clients = Clients {
        desk: world.desk(),
        glue: world.glue(),
    };
    handler(&config, &clients, &Invocation::new("i"), event).await
}

async fn done(world: &World, name: &str, fields: Value) -> Value {
    let event = world.trigger("cleanup", name, fields);
    call(world, &event).await.unwrap();
    world.answer("cleanup", name).unwrap()
}

fn run(world: &World, state: Option<&str>, glue: &'static str) {
    if let Some(state) = state {
        world.state().put_item(
            "RUN#1#jr_dead",
            "ITEM",
            &[("state", state), ("job", "INGEST_JOB")],
        );
    }
    let run = Run {
        id: "jr_dead".into(),
        job: "INGEST_JOB".into(),
        state: glue,
        started_by: "copy-prefix".into(),
    };
    world.state().runs.push(run);
    for key in [TEMP, STAGED, OTHER] {
        world
            .state()
            .put(RAW, key, Some(b"1234".to_vec()), HashMap::new());
    }
}

fn outputs(world: &World) -> Vec<String> {
    let mut keys = world.state().keys(RAW, "tui/legacy/");
    keys.retain(|key| !key.contains("_cleanup"));
    keys
}

fn of_run(fields: Value) -> Value {
    let mut all = json!({"stage": 1, "run_id": "jr_dead"});
    all.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    all
}

#[tokio::test]
async fn a_dry_run_lists_the_runs_own_objects_and_touches_none() {
    let world = World::default();
    run(&world, Some("STARTED"), "FAILED");
    let answer = done(&world, "dry", of_run(json!({}))).await;
    assert_eq!(
        (
            &answer["state"],
            &answer["cleanup"]["objects"],
            &answer["cleanup"]["bytes"]
        ),
        (&json!("SUCCEEDED"), &json!(2), &json!(8))
    );
    assert_eq!(outputs(&world).len(), 3);
    assert_eq!(
        world.state().field("RUN#1#jr_dead", "state").as_deref(),
        Some("STARTED")
    );
}

#[tokio::test]
async fn a_run_that_is_alive_or_has_committed_is_refused() {
    for (state, glue, why) in [
        (Some("STARTED"), "RUNNING", "is alive"),
        (None, "RUNNING", "is alive"),
        (Some("COMMITTED"), "FAILED", "has committed"),
    ] {
        let world = World::default();
        run(&world, state, glue);
        let answer = done(
            &world,
            "r",
            of_run(json!({"dry_run": false, "mode": "delete"})),
        )
        .await;
        assert_eq!(answer["state"], "REFUSED");
        assert!(answer["why"].as_str().unwrap().contains(why), "{answer}");
        assert_eq!(outputs(&world).len(), 3);
    }
}

#[tokio::test]
async fn more_than_the_limit_is_refused_before_anything_is_touched() {
    let world = World::default();
    run(&world, Some("VOID"), "FAILED");
    let answer = done(
        &world,
        "r",
        of_run(json!({"dry_run": false, "mode": "delete", "limit": 1})),
    )
    .await;
    assert_eq!(answer["state"], "REFUSED");
    assert!(
        answer["why"]
            .as_str()
            .unwrap()
            .contains("2 objects, more than 1"),
        "{answer}"
    );
    assert_eq!(outputs(&world).len(), 3);
}

#[tokio::test]
async fn what_a_dead_run_left_is_removed_once_it_can_no_longer_commit_and_comes_back() {
    for (state, mode, copies) in [
        (Some("STARTED"), "quarantine", 2),
        (None, "delete", 0),
        (Some("VOID"), "delete", 0),
    ] {
        let world = World::default();
        run(&world, state, "FAILED");
        let answer = done(&world, "r", of_run(json!({"dry_run": false, "mode": mode}))).await;
        assert_eq!(
            (&answer["state"], &answer["cleanup"]["objects"]),
            (&json!("SUCCEEDED"), &json!(2))
        );
        assert_eq!(outputs(&world), [OTHER]);
        assert_eq!(
            world.state().field("RUN#1#jr_dead", "state").as_deref(),
            Some("VOID")
        );
        let moved = world
            .state()
            .keys(RAW, "tui/legacy/quarantine/_cleanup/request=r/");
        assert_eq!(moved.len(), copies);

        let undone = done(&world, "u", json!({"undo": "r", "dry_run": false})).await;
        assert_eq!(
            (&undone["state"], &undone["cleanup"]["objects"]),
            (&json!("SUCCEEDED"), &json!(2))
        );
        assert_eq!(outputs(&world).len(), 3);
        let version = |key: &str| world.state().current(RAW, key).unwrap().id.clone();
        let listed = |key: &str| {
            let list = answer["cleanup"]["list"].as_array().unwrap().clone();
            list.iter().find(|one| one["key"] == key).unwrap()["version_id"].clone()
        };
        assert_eq!(json!(version(TEMP)), listed(TEMP), "the very same version");
    }
}

#[tokio::test]
async fn what_is_cut_off_is_gone_on_with_and_hides_nothing_twice() {
    let world = World::default();
    run(&world, Some("VOID"), "FAILED");
    world.state().broken_prefix = Some("intermediary/requests/r/answer".to_owned());
    let event = world.trigger(
        "cleanup",
        "r",
        of_run(json!({"dry_run": false, "mode": "quarantine"})),
    );
    call(&world, &event).await.unwrap_err();
    assert_eq!(outputs(&world), [OTHER], "all was done but the answer");
    // What comes to the place meanwhile is none of the request's.
    world.state().put(
        RAW,
        "tui/legacy/temp/a/run=jr_dead/late.parquet",
        Some(b"1".to_vec()),
        HashMap::new(),
    );
    world.state().broken_prefix = None;
    call(&world, &event).await.unwrap();
    let answer = world.answer("cleanup", "r").unwrap();
    assert_eq!(answer["cleanup"]["objects"], 2);
    let state = world.state();
    let markers = state.objects[&(RAW.to_owned(), TEMP.to_owned())]
        .iter()
        .filter(|version| version.body.is_none());
    assert_eq!(markers.count(), 1);
    assert_eq!(state.keys(RAW, "tui/legacy/quarantine/_cleanup/").len(), 2);
}

fn file(world: &World, key: &str, holder: Option<(&str, &str)>) -> String {
    let version = world.land(key);
    let pk = format!("FILE#{LANDING}/{key}#{version}");
    let mut fields = vec![
        ("pk", pk.as_str()),
        ("bucket", LANDING),
        ("key", key),
        ("version_id", &version),
        ("landed_at", "2026-05-08T12:00:00.000Z"),
    ];
    if let Some((run_id, state)) = holder {
        fields.push(("assigned_to", run_id));
        world.state().put_item(
            &format!("RUN#1#{run_id}"),
            "ITEM",
            &[("state", state), ("job", "INGEST_JOB")],
        );
    }
    world.state().put_item(&pk, "ITEM", &fields);
    version
}

#[tokio::test]
async fn landing_files_go_only_if_no_run_has_done_or_holds_them_and_come_back_as_new_versions() {
    for mode in ["quarantine", "delete"] {
        let world = World::default();
        let open = file(&world, LANDED, None);
        file(&world, "tui/legacy/a/void.json", Some(("jr_void", "VOID")));
        file(
            &world,
            "tui/legacy/a/done.json",
            Some(("jr_done", "COMMITTED")),
        );
        file(
            &world,
            "tui/legacy/a/held.json",
            Some(("jr_alive", "STARTED")),
        );
        let keys = ["b", "void", "done", "held"].map(|name| format!("tui/legacy/a/{name}.json"));
        let answer = done(
            &world,
            "r",
            json!({"keys": keys, "dry_run": false, "mode": mode}),
        )
        .await;
        assert_eq!(answer["cleanup"]["objects"], 2, "{answer}");
        let left = ["done", "held"].map(|name| format!("tui/legacy/a/{name}.json"));
        assert_eq!(world.state().keys(LANDING, ""), left);
        let versions = world.state().objects[&(LANDING.to_owned(), LANDED.to_owned())].len();
        assert_eq!(
            versions, 0,
            "Glue 1 would read a version under a delete marker"
        );
        let moved = world
            .state()
            .keys(RAW, "tui/legacy/quarantine/_cleanup/request=r/")
            .len();
        assert_eq!(moved, if mode == "quarantine" { 2 } else { 0 });

        for name in ["u", "again"] {
            let undone = done(&world, name, json!({"undo": "r", "dry_run": false})).await;
            let state = if name == "u" { "SUCCEEDED" } else { "REFUSED" };
            assert_eq!(undone["state"], state, "{undone}");
        }
        let state = world.state();
        let restored = &state.objects[&(LANDING.to_owned(), LANDED.to_owned())];
        assert_eq!(restored.len(), 1);
        assert_ne!(restored[0].id, open);
        assert_eq!(restored[0].body.as_deref(), Some(&b"{}"[..]));
    }
}

#[tokio::test]
async fn landing_files_that_have_just_come_are_taken_in_and_go_too() {
    let world = World::default();
    let version = world.land(LANDED);
    let pk = format!("FILE#{LANDING}/{LANDED}#{version}");
    world
        .state()
        .put(LANDING, "tui/legacy/a/", Some(Vec::new()), HashMap::new());
    let keys = json!([LANDED, "tui/legacy/a/"]);
    let dry = done(&world, "dry", json!({"keys": keys})).await;
    assert_eq!(dry["cleanup"]["objects"], 1, "{dry}");
    assert!(
        world.state().field(&pk, "key").is_none(),
        "nothing is touched"
    );
    let cleanup = json!({"keys": keys, "dry_run": false, "mode": "delete"});
    let answer = done(&world, "r", cleanup).await;
    assert_eq!(
        (&answer["state"], &answer["cleanup"]["objects"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    assert_eq!(world.state().keys(LANDING, ""), ["tui/legacy/a/"]);
    let field = |name: &str| world.state().field(&pk, name);
    assert_eq!(field("dataset").as_deref(), Some("a"));
    assert_eq!(
        field("landed_at").as_deref(),
        Some("2023-11-14T22:13:20.000Z")
    );
    assert_eq!(field("taken_in_by").as_deref(), Some("support-cleanup/r"));
    let place = pipeline::protocol::marker(pipeline::protocol::Stage::Ingest, &pk);
    assert!(world.state().items.contains_key(&(place.pk, place.sk)));
}

#[tokio::test]
async fn keys_that_are_not_there_are_told() {
    let world = World::default();
    file(&world, LANDED, None);
    let gone = "tui/legacy/a/gone.json";
    world.state().put(LANDING, gone, None, HashMap::new());
    let absent = ["tui/legacy/a/b.jso", gone];
    for (name, keys, state, why) in [
        ("all", vec![absent[0], gone], "NOTHING_TO_DO", "2 of 2"),
        ("some", vec![absent[0], LANDED, gone], "SUCCEEDED", "2 of 3"),
    ] {
        let answer = done(&world, name, json!({"keys": keys})).await;
        let why = format!("keys: {why} not there: \"tui/legacy/a/b.jso\" and others");
        assert_eq!(
            (&answer["state"], &answer["why"]),
            (&json!(state), &json!(why))
        );
        assert_eq!(answer["cleanup"]["missing"], json!(absent));
    }
    let answer = done(&world, "none", json!({"keys": [LANDED]})).await;
    assert_eq!(
        (&answer["why"], &answer["cleanup"]["missing"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_file_that_a_run_took_after_it_was_listed_is_left() {
    let world = World::default();
    let version = file(&world, LANDED, None);
    world.state().breaks_copies = true;
    let event = world.trigger(
        "cleanup",
        "r",
        json!({"keys": [LANDED], "dry_run": false, "mode": "quarantine"}),
    );
    call(&world, &event).await.unwrap_err();
    world.state().put_item(
        "RUN#1#jr_new",
        "ITEM",
        &[("state", "STARTED"), ("job", "INGEST_JOB")],
    );
    world.state().set(
        &format!("FILE#{LANDING}/{LANDED}#{version}"),
        "assigned_to",
        "jr_new",
    );
    world.state().breaks_copies = false;
    call(&world, &event).await.unwrap();
    assert_eq!(
        world.answer("cleanup", "r").unwrap()["state"],
        "NOTHING_TO_DO"
    );
    assert!(world.state().current(LANDING, LANDED).is_some());
}

#[tokio::test]
async fn a_file_that_a_run_took_while_it_was_moved_is_not_put_back_behind_its_back() {
    let world = World::default();
    let version = file(&world, LANDED, None);
    let event = world.trigger(
        "cleanup",
        "r",
        json!({"keys": [LANDED], "dry_run": false, "mode": "quarantine"}),
    );
    world.state().broken_prefix = Some("intermediary/requests/r/answer".to_owned());
    call(&world, &event).await.unwrap_err();
    world.state().put_item(
        "RUN#1#jr_new",
        "ITEM",
        &[("state", "STARTED"), ("job", "INGEST_JOB")],
    );
    world.state().set(
        &format!("FILE#{LANDING}/{LANDED}#{version}"),
        "assigned_to",
        "jr_new",
    );
    world.state().broken_prefix = None;
    call(&world, &event).await.unwrap();
    let answer = world.answer("cleanup", "r").unwrap();
    assert!(
        answer["cleanup"]["list"][0]["note"]
            .as_str()
            .unwrap()
            .contains("jr_new"),
        "{answer}"
    );
    let undone = done(&world, "u", json!({"undo": "r", "dry_run": false})).await;
    assert_eq!(undone["state"], "NOTHING_TO_DO");
    assert!(world.state().current(LANDING, LANDED).is_none());
}

/// Removes what is open of a key; gives S3's event of the undoing `u`.
async fn removed(world: &World) -> Value {
    let cleanup = json!({"keys": [LANDED], "dry_run": false, "mode": "delete"});
    done(world, "r", cleanup).await;
    world.trigger("cleanup", "u", json!({"undo": "r", "dry_run": false}))
}

/// What each version of the key was that an undoing put back, and the ids of the others; oldest first.
fn origins(world: &World) -> Vec<String> {
    let state = world.state();
    let versions = &state.objects[&(LANDING.to_owned(), LANDED.to_owned())];
    let was = |version: &world::Version| version.metadata.get("restored-version-id").cloned();
    versions
        .iter()
        .filter(|version| version.body.is_some())
        .map(|version| was(version).unwrap_or_else(|| version.id.clone()))
        .collect()
}

/// What became of each object of an answer: its old version, what was done, its note.
fn fates(answer: &Value) -> Vec<(String, String, String)> {
    let list = answer["cleanup"]["list"].as_array().unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    list.iter()
        .map(|one| {
            (
                text(one, "version_id"),
                text(one, "done"),
                text(one, "note"),
            )
        })
        .collect()
}

#[tokio::test]
async fn versions_of_one_key_come_back_in_their_order_each_once_wherever_it_was_cut_off() {
    for copies in 0..=3 {
        let world = World::default();
        let versions = [(); 3].map(|()| file(&world, LANDED, None));
        let event = removed(&world).await;
        assert!(origins(&world).is_empty());
        world.state().copies_left = Some(copies);
        world.state().broken_prefix = Some("intermediary/requests/u/answer".to_owned());
        call(&world, &event).await.unwrap_err();
        assert_eq!(origins(&world), versions[..copies]);
        world.state().copies_left = None;
        world.state().broken_prefix = None;
        call(&world, &event).await.unwrap();
        assert_eq!(origins(&world), versions, "cut off after {copies}");
        let answer = world.answer("cleanup", "u").unwrap();
        let told = versions
            .clone()
            .map(|id| (id, "restored".into(), String::new()));
        assert_eq!(fates(&answer), told);
        let state = world.state();
        let ids = &state.objects[&(LANDING.to_owned(), LANDED.to_owned())];
        let list = answer["cleanup"]["list"].as_array().unwrap();
        for (version, told) in ids.iter().zip(list) {
            assert_eq!(told["restored_as"], json!(version.id));
        }
    }
}

#[tokio::test]
async fn an_old_version_comes_back_over_older_ones_and_never_over_a_newer_one() {
    let committed = Some(("jr_done", "COMMITTED"));
    // The holders of the key's two versions, and what is left of them in the end.
    for (first, second, is_back) in [(committed, None, true), (None, committed, false)] {
        let world = World::default();
        let versions = [first, second].map(|holder| file(&world, LANDED, holder));
        let event = removed(&world).await;
        call(&world, &event).await.unwrap();
        let answer = world.answer("cleanup", "u").unwrap();
        if is_back {
            assert_eq!(origins(&world), versions);
        } else {
            assert_eq!(origins(&world), versions[1..]);
            let why = format!("the key has a newer version, {}", versions[1]);
            let told = (versions[0].clone(), "left".to_owned(), why);
            assert_eq!(fates(&answer), [told]);
        }
    }
}

#[tokio::test]
async fn what_lands_while_an_undoing_is_cut_off_keeps_the_rest_away_even_under_a_delete_marker() {
    let world = World::default();
    let [first, second] = [(); 2].map(|()| file(&world, LANDED, None));
    let event = removed(&world).await;
    world.state().copies_left = Some(1);
    call(&world, &event).await.unwrap_err();
    let newer = world.land(LANDED);
    world.state().put(LANDING, LANDED, None, HashMap::new());
    world.state().copies_left = None;
    call(&world, &event).await.unwrap();
    let answer = world.answer("cleanup", "u").unwrap();
    let why = format!("the key has a newer version, {newer}");
    let told = [
        (first.clone(), "restored".to_owned(), String::new()),
        (second, "left".to_owned(), why),
    ];
    assert_eq!(fates(&answer), told);
    assert_eq!(origins(&world), [first, newer]);
}

/// What a run has done leaves the landing zone in the end, and takes its marks with it.
fn expire(world: &World) {
    let place = (LANDING.to_owned(), LANDED.to_owned());
    world.state().objects.remove(&place);
}

#[tokio::test]
async fn a_cleanup_is_undone_once_whatever_became_of_what_came_back() {
    let world = World::default();
    file(&world, LANDED, None);
    let event = removed(&world).await;
    call(&world, &event).await.unwrap();
    assert_eq!(world.answer("cleanup", "u").unwrap()["state"], "SUCCEEDED");
    expire(&world);
    for dry_run in [true, false] {
        let name = format!("again-{dry_run}");
        let again = done(&world, &name, json!({"undo": "r", "dry_run": dry_run})).await;
        let why = "undo: the request \"u\" has put back all of \"r\" already";
        assert_eq!(
            (&again["state"], &again["why"]),
            (&json!("REFUSED"), &json!(why))
        );
    }
    assert!(world.state().current(LANDING, LANDED).is_none());
}

#[tokio::test]
async fn a_dry_run_of_an_undoing_keeps_no_other_from_it() {
    let world = World::default();
    file(&world, LANDED, None);
    let event = removed(&world).await;
    let dry = done(&world, "dry", json!({"undo": "r"})).await;
    assert_eq!(dry["cleanup"]["objects"], 1);
    call(&world, &event).await.unwrap();
    assert_eq!(world.answer("cleanup", "u").unwrap()["state"], "SUCCEEDED");
}

#[tokio::test]
async fn an_undoing_that_was_cut_off_goes_on_and_no_other_takes_its_place() {
    let world = World::default();
    let [first, second] = [(); 2].map(|()| file(&world, LANDED, None));
    let event = removed(&world).await;
    world.state().copies_left = Some(1);
    call(&world, &event).await.unwrap_err();
    world.state().copies_left = None;
    // Removed by a reader: the version is there all the same.
    world.state().put(LANDING, LANDED, None, HashMap::new());
    let other = done(&world, "u2", json!({"undo": "r", "dry_run": false})).await;
    assert_eq!(other["state"], "REFUSED");
    let why = other["why"].as_str().unwrap();
    assert!(
        why.contains("the request \"u\" has set out to undo"),
        "{why}"
    );
    assert_eq!(origins(&world), [first.as_str()]);
    call(&world, &event).await.unwrap();
    assert_eq!(origins(&world), [first, second]);
}

#[tokio::test]
async fn of_two_undoings_that_were_planned_at_once_one_is_done() {
    let world = World::default();
    file(&world, LANDED, None);
    let event = removed(&world).await;
    world.state().copies_left = Some(0);
    call(&world, &event).await.unwrap_err();
    world.state().copies_left = None;
    world.state().set("REQUEST#r", "undone_by", "u2");
    call(&world, &event).await.unwrap();
    let answer = world.answer("cleanup", "u").unwrap();
    assert_eq!(answer["state"], "REFUSED");
    assert!(
        answer["why"].as_str().unwrap().contains("\"u2\""),
        "{answer}"
    );
    assert!(origins(&world).is_empty());
}

#[tokio::test]
async fn what_comes_after_a_denied_version_of_its_key_waits_for_another_undoing() {
    let world = World::default();
    let versions = [(); 3].map(|()| file(&world, LANDED, None));
    let event = removed(&world).await;
    world.state().copies_left = Some(1);
    world.state().denies_copies = true;
    call(&world, &event).await.unwrap();
    assert_eq!(origins(&world), versions[..1]);
    let answer = world.answer("cleanup", "u").unwrap();
    assert_eq!(answer["state"], "FAILED");
    assert!(
        fates(&answer)[2]
            .2
            .contains("after one of its key that S3 denies")
    );
    expire(&world);
    world.state().copies_left = Some(1);
    for (name, state, back) in [
        ("u2", "FAILED", &versions[1..2]),
        ("u3", "SUCCEEDED", &versions[1..]),
        ("u4", "REFUSED", &versions[1..]),
    ] {
        let answer = done(&world, name, json!({"undo": "r", "dry_run": false})).await;
        assert_eq!(answer["state"], state, "{answer}");
        assert_eq!(origins(&world), back, "by its answer, the first was back");
        if name == "u3" {
            let told = ["u", "u2"].map(|by| format!("the request {by} has put it back"));
            let notes: Vec<String> = fates(&answer).into_iter().map(|fate| fate.2).collect();
            assert_eq!(notes[..2], told);
        }
        world.state().copies_left = None;
    }
}

#[tokio::test]
async fn only_a_cleanup_that_removed_something_is_undone() {
    let world = World::default();
    run(&world, Some("VOID"), "FAILED");
    done(&world, "dry", of_run(json!({}))).await;
    for (undo, why) in [
        ("no", "there is no request"),
        ("dry", "has removed nothing"),
    ] {
        let answer = done(
            &world,
            &format!("undo-{undo}"),
            json!({"undo": undo, "dry_run": false}),
        )
        .await;
        assert_eq!(answer["state"], "REFUSED");
        assert!(answer["why"].as_str().unwrap().contains(why), "{answer}");
    }
}

#[tokio::test]
async fn glue_3_leaves_nothing_below_run_and_the_answer_says_so() {
    let world = World::default();
    world.state().put_item(
        "RUN#3#jr_3",
        "ITEM",
        &[("state", "VOID"), ("job", "CONFORM_JOB")],
    );
    let answer = done(
        &world,
        "r",
        json!({"stage": 3, "run_id": "jr_3", "dry_run": false, "mode": "delete"}),
    )
    .await;
    assert_eq!(answer["state"], "NOTHING_TO_DO");
    assert!(
        answer["why"]
            .as_str()
            .unwrap()
            .contains("Glue 3 writes tables")
    );
}

#[tokio::test]
async fn an_event_that_is_none_of_s3s_is_a_failure() {
    let error = call(&World::default(), &json!({"source": "aws.glue"}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no S3 event"));
}

#[tokio::test]
async fn what_s3_denies_is_left_and_told_and_the_rest_can_still_be_undone() {
    let world = World::default();
    run(&world, Some("VOID"), "FAILED");
    world.state().denied_key = Some(TEMP.to_owned());
    let answer = done(
        &world,
        "r",
        of_run(json!({"dry_run": false, "mode": "delete"})),
    )
    .await;
    assert_eq!(
        (&answer["state"], &answer["cleanup"]["objects"]),
        (&json!("FAILED"), &json!(1))
    );
    assert!(answer["why"].as_str().unwrap().contains("denied 1 objects"));
    assert_eq!(outputs(&world).len(), 2);
    let undone = done(&world, "u", json!({"undo": "r", "dry_run": false})).await;
    assert_eq!(undone["cleanup"]["objects"], 1);
    assert_eq!(outputs(&world).len(), 3);
}
