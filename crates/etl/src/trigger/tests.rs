use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Cli, Command};
use crate::settings::Environment;
use crate::style;

fn now() -> Timestamp {
    "2025-11-21T12:00:00Z".parse().unwrap()
}

fn settings() -> Settings {
    Settings::of(Environment::Dev)
}

/// The trigger that a command line makes, and who asks.
fn made(line: &[&str]) -> anyhow::Result<(Trigger, Asking)> {
    let common = ["etl", "--env", "dev"].iter().chain(line).copied();
    let lookup = |name: &str| (name == "USER").then(|| "jo".to_owned());
    match Cli::try_parse_from(common.chain(["--reason", "because"]))?.command {
        Command::Trigger(command) => {
            let trigger = trigger_of(&command, &settings(), lookup, now())?;
            Ok((trigger, command.asking().clone()))
        }
        Command::Reland(args) => Ok((reland(&args, &settings(), lookup, now())?, args.asking)),
        other => anyhow::bail!("{other:?}"),
    }
}

fn file(line: &[&str]) -> Value {
    let (mut trigger, _) = made(line).unwrap();
    trigger.request_id = "r".to_owned();
    let mut json: Value = serde_json::from_str(&trigger.to_json().unwrap()).unwrap();
    let fields = json.as_object_mut().unwrap();
    assert_eq!(fields.remove("request_id").unwrap(), "r");
    assert_eq!(fields.remove("requested_by").unwrap(), "jo");
    assert_eq!(fields.remove("reason").unwrap(), "because");
    json
}

#[test]
fn each_command_makes_its_trigger() {
    let jr = format!("jr_{}", "a".repeat(64));
    let cases = [
        (vec!["trigger", "copyglue"], json!({})),
        (
            vec![
                "trigger",
                "copyglue",
                "--key",
                "d/a",
                "--key",
                "tui/legacy/d/b",
            ],
            json!({"keys": ["tui/legacy/d/a", "tui/legacy/d/b"], "reland": false}),
        ),
        (
            vec![
                "trigger",
                "copyglue",
                "--prefix",
                "d/",
                "--from",
                "2025-11-20T00:00:00Z",
            ],
            json!({"prefix": "tui/legacy/d/", "from": "2025-11-20T00:00:00Z"}),
        ),
        (
            vec!["reland", "d/a"],
            json!({"keys": ["tui/legacy/d/a"], "reland": true}),
        ),
        (vec!["trigger", "glue2"], json!({})),
        (vec!["trigger", "optimization"], json!({})),
        (
            vec!["trigger", "cleanup", "--stage", "2", "--run-id", &jr],
            json!({"stage": 2, "run_id": jr, "dry_run": true, "limit": 1000}),
        ),
        (
            vec![
                "trigger",
                "cleanup",
                "--key",
                "d/a",
                "--execute",
                "--mode",
                "quarantine",
                "--limit",
                "7",
            ],
            json!({"keys": ["tui/legacy/d/a"], "dry_run": false, "mode": "quarantine", "limit": 7}),
        ),
        (
            vec!["trigger", "cleanup", "--undo", "earlier", "--execute"],
            json!({"undo": "earlier", "dry_run": false, "limit": 1000}),
        ),
    ];
    for (line, wanted) in cases {
        assert_eq!(file(&line), wanted, "{line:?}");
    }
}

#[test]
fn a_request_has_an_id_of_its_own_unless_one_is_given() {
    let id = |line: &[&str]| made(line).unwrap().0.request_id;
    let (one, two) = (id(&["trigger", "glue2"]), id(&["trigger", "glue2"]));
    assert!(one.starts_with("20251121T120000Z-glue2-"), "{one}");
    assert_ne!(one, two);
    assert_eq!(id(&["trigger", "glue2", "--request-id", "mine"]), "mine");
}

#[test]
fn what_the_function_would_refuse_is_not_put() {
    for (line, rule) in [
        (
            vec!["trigger", "glue2", "--request-id", "a b"],
            "request_id",
        ),
        (
            vec!["trigger", "cleanup", "--key", "d/a", "--execute"],
            "mode",
        ),
        (
            vec!["trigger", "cleanup", "--stage", "1", "--run-id", "a/b"],
            "run_id",
        ),
        (vec!["reland", "d/a", "d/a"], "keys"),
    ] {
        let error = made(&line).unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Refused);
        assert!(
            error
                .to_string()
                .starts_with(&format!("no trigger was put: {rule}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_name_under_which_no_function_looks_is_refused() {
    let keys = Arc::default();
    let taken = takes(&keys);
    let s3 = mock_client!(aws_sdk_s3, [&taken]);
    let longest = "n".repeat(1024 - "intermediary/scripts/glue2/.json".len());
    for (name, rule) in [
        (String::new(), "at least"),
        (format!("{longest}n"), "1024 bytes"),
    ] {
        let (trigger, asking) = made(&["trigger", "glue2", "--name", &name]).unwrap();
        let error = put(&s3, &settings(), &trigger, &asking).await.unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Refused);
        assert!(error.to_string().contains(rule), "{error}");
    }
    assert_eq!(taken.num_calls(), 0);
    let (trigger, asking) = made(&["trigger", "glue2", "--name", &longest]).unwrap();
    assert!(place_of(&trigger, &asking).is_ok());
}

#[test]
fn somebody_has_to_ask() {
    let line = ["etl", "trigger", "glue2", "--reason", "r"];
    let Command::Trigger(command) = Cli::try_parse_from(line).unwrap().command else {
        panic!("no trigger")
    };
    let error = trigger_of(&command, &settings(), |_| None, now()).unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Usage);
}

fn takes(keys: &Arc<Mutex<Vec<String>>>) -> Rule {
    let keys = Arc::clone(keys);
    mock!(Client::put_object)
        .match_requests(move |request| {
            keys.lock().unwrap().push(request.key().unwrap().to_owned());
            request.bucket() == Some("ft-ingest-dev-use1-tui")
        })
        .then_output(|| PutObjectOutput::builder().build())
}

/// A version of its own each time, as in a bucket that keeps versions.
fn reply(request_id: &str, state: &str, more: &Value) -> GetObjectOutput {
    static VERSIONS: AtomicUsize = AtomicUsize::new(0);
    let version = format!("v{}", VERSIONS.fetch_add(1, Ordering::Relaxed));
    lying(&version, request_id, state, more)
}

fn lying(version: &str, request_id: &str, state: &str, more: &Value) -> GetObjectOutput {
    let mut json = json!({"request_id": request_id, "kind": "glue2", "state": state,
        "answered_at": "2025-11-21T12:00:00Z", "updated_at": "2025-11-21T12:00:00Z"});
    for (name, value) in more.as_object().unwrap() {
        json[name] = value.clone();
    }
    let body = ByteStream::from(json.to_string().into_bytes());
    GetObjectOutput::builder()
        .version_id(version)
        .body(body)
        .build()
}

async fn asked(line: &[&str], replies: &Rule) -> (Put, Vec<String>) {
    let keys = Arc::default();
    let put_rule = takes(&keys);
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&put_rule, replies]);
    let (trigger, asking) = made(line).unwrap();
    let mut done = put(&s3, &settings(), &trigger, &asking).await.unwrap();
    if asking.wait {
        let within = Duration::from_secs(asking.timeout);
        let never = std::future::pending();
        hear(&s3, &mut done, &trigger, within, never).await.unwrap();
    }
    let keys = keys.lock().unwrap().clone();
    (done, keys)
}

const WAITING: [&str; 5] = ["trigger", "glue2", "--request-id", "mine", "--wait"];

#[tokio::test]
async fn the_answer_is_waited_for_until_it_is_the_last_one() {
    let replies = mock!(Client::get_object)
        .match_requests(|request| request.key() == Some("intermediary/results/glue2/n.json"))
        .sequence()
        .error(|| GetObjectError::NoSuchKey(NoSuchKey::builder().build()))
        .times(2)
        // Of an earlier request, under the same name.
        .output(|| reply("another", "SUCCEEDED", &json!({})))
        .output(|| reply("mine", "ACCEPTED", &json!({"start": {"job": "glue-2-dev", "run_id": "jr_1"}})))
        .output(|| {
            reply("mine", "SUCCEEDED", &json!({
                "start": {"job": "glue-2-dev", "run_id": "jr_1"},
                "open": {"count": 3, "more": false, "items": []},
                "ended": {"glue_state": "SUCCEEDED", "ledger_state": "COMMITTED", "counts": {"items": 3},
                          "taken_by": {"jr_1": 3}},
            }))
        })
        .build();
    let line = [&WAITING[..], &["--name", "n"]].concat();
    let (put, keys) = asked(&line, &replies).await;
    assert_eq!(keys, ["intermediary/scripts/glue2/n.json"]);
    assert_eq!(replies.num_calls(), 5);
    let told = answer(&put).unwrap();
    assert_eq!(told.exit, Exit::Fine);
    let text = style::plain(&told.text);
    for line in [
        "glue2 mine SUCCEEDED",
        "glue-2-dev: jr_1",
        "open then: 3",
        "jr_1 took 3 of what was open",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in {text}");
    }
    assert_eq!(told.json["answer"]["ended"]["counts"]["items"], 3);
}

#[tokio::test]
async fn an_older_answer_to_the_same_id_is_not_taken_for_this_ones() {
    let line = [
        "trigger",
        "cleanup",
        "--key",
        "d/a",
        "--execute",
        "--mode",
        "delete",
    ];
    let line = [&line[..], &["--request-id", "mine", "--wait"]].concat();
    let done = |dry_run: bool| {
        let cleanup =
            json!({"dry_run": dry_run, "mode": null, "objects": 1, "bytes": 1, "list": []});
        json!({ "cleanup": cleanup })
    };
    let refused = json!({"why": "\"mine\" names another request already"});
    let replies = mock!(Client::get_object)
        .sequence()
        .output(move || lying("v-1", "mine", "SUCCEEDED", &done(false)))
        // It lies there until the function has looked at what was put.
        .times(2)
        // The earlier request comes to its end only now.
        .output(move || lying("v-2", "mine", "SUCCEEDED", &done(true)))
        .output(|| {
            lying(
                "v-3",
                "mine",
                "ACCEPTED",
                &json!({"requested_by": "somebody else"}),
            )
        })
        .output(move || lying("v-4", "mine", "REFUSED", &refused))
        .build();
    let (put, _) = asked(&line, &replies).await;
    let told = answer(&put).unwrap();
    assert_eq!((told.exit, replies.num_calls()), (Exit::Refused, 5));
    assert!(
        told.text.contains("another request already"),
        "{}",
        told.text
    );
}

#[tokio::test]
async fn the_same_request_put_again_hears_the_answer_as_soon_as_it_is_written_again() {
    let replies = mock!(Client::get_object)
        .sequence()
        .output(|| lying("v-1", "mine", "SUCCEEDED", &json!({"reason": "because"})))
        .output(|| lying("v-2", "mine", "SUCCEEDED", &json!({"reason": "because"})))
        .build();
    let (put, _) = asked(&WAITING, &replies).await;
    assert_eq!(answer(&put).unwrap().exit, Exit::Fine);
    assert_eq!(replies.num_calls(), 2);
}

#[tokio::test]
async fn who_gives_up_is_told_how_to_hear_the_answer_later() {
    let keys = Arc::default();
    let taken = takes(&keys);
    let accepted = mock!(Client::get_object).then_output(|| reply("mine", "ACCEPTED", &json!({})));
    let none = mock!(Client::get_object)
        .then_error(|| GetObjectError::NoSuchKey(NoSuchKey::builder().build()));
    for replies in [accepted, none] {
        let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&taken, &replies]);
        let (trigger, asking) = made(&WAITING).unwrap();
        let mut put = put(&s3, &settings(), &trigger, &asking).await.unwrap();
        let said = style::plain(&waiting(&put));
        let wanted = "put s3://ft-ingest-dev-use1-tui/intermediary/scripts/glue2/mine.json, request mine; \
                      waiting for the answer";
        assert_eq!(said, wanted);
        let looked = async {
            while replies.num_calls() < 2 {
                tokio::task::yield_now().await;
            }
        };
        let within = Duration::from_secs(asking.timeout);
        hear(&s3, &mut put, &trigger, within, looked).await.unwrap();
        let told = answer(&put).unwrap();
        assert_eq!(told.exit, Exit::TimedOut);
        assert!(
            told.text
                .ends_with("goes on: the same command with --request-id mine hears the answer"),
            "{}",
            told.text
        );
    }
}

#[tokio::test]
async fn the_exit_code_is_that_of_the_request() {
    for (state, exit) in [
        ("REFUSED", Exit::Refused),
        ("FAILED", Exit::Bad),
        ("NOTHING_TO_DO", Exit::Fine),
    ] {
        let replies = mock!(Client::get_object)
            .then_output(move || reply("mine", state, &json!({"why": "for a reason"})));
        let (put, _) = asked(&WAITING, &replies).await;
        let told = answer(&put).unwrap();
        assert_eq!(told.exit, exit);
        assert!(told.text.contains("for a reason"), "{}", told.text);
    }
}

#[tokio::test]
async fn a_key_that_was_named_and_is_not_there_is_told_by_the_exit_code_too() {
    let keys = json!(["tui/legacy/d/no.json", "tui/legacy/d/nor.json"]);
    let found = json!({"found": {"versions": 1, "known": 1, "taken_in": 0, "more": false, "missing": keys}});
    let cleanup = json!({"dry_run": true, "mode": null, "objects": 1, "bytes": 1, "list": [], "missing": keys});
    for (told, state, exit) in [
        (found.clone(), "SUCCEEDED", Exit::NotFound),
        (found.clone(), "NOTHING_TO_DO", Exit::NotFound),
        (json!({ "cleanup": cleanup }), "SUCCEEDED", Exit::NotFound),
        (
            json!({ "cleanup": cleanup }),
            "NOTHING_TO_DO",
            Exit::NotFound,
        ),
        (found, "FAILED", Exit::Bad),
    ] {
        let replies = mock!(Client::get_object).then_output(move || reply("mine", state, &told));
        let (put, _) = asked(&WAITING, &replies).await;
        let told = answer(&put).unwrap();
        assert_eq!(told.exit, exit, "{}", told.text);
        let text = style::plain(&told.text);
        for key in ["no", "nor"] {
            let line = format!("not there: tui/legacy/d/{key}.json");
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_said_to_be_missing() {
    let none = mock!(Client::get_object)
        .then_error(|| GetObjectError::NoSuchKey(NoSuchKey::builder().build()));
    let line = [&WAITING[..], &["--timeout", "1"]].concat();
    let (put, _) = asked(&line, &none).await;
    let told = answer(&put).unwrap();
    assert_eq!((told.exit, none.num_calls()), (Exit::TimedOut, 2));
    assert!(
        told.text.contains("intermediary/results/glue2/mine.json"),
        "{}",
        told.text
    );
    let (put, _) = asked(&["trigger", "glue2"], &none).await;
    assert_eq!(
        (answer(&put).unwrap().exit, none.num_calls()),
        (Exit::Fine, 3)
    );
}

#[test]
fn a_cleanup_is_told_object_by_object_up_to_a_number() {
    let object = |n: usize| json!({"bucket": "b", "key": format!("k{n}"), "version_id": "v", "size": 1024, "done": "removed"});
    let list: Vec<Value> = (0..22).map(object).collect();
    let reply: Reply = serde_json::from_value(json!({
        "request_id": "r", "kind": "cleanup", "state": "SUCCEEDED", "answered_at": "", "updated_at": "",
        "cleanup": {"dry_run": false, "mode": "delete", "objects": 22, "bytes": 22528, "list": list},
    }))
    .unwrap();
    let put = Put {
        request_id: "r".to_owned(),
        trigger: String::new(),
        result: String::new(),
        answer: Some(reply),
        waited: true,
        place: hear::Place::default(),
    };
    let text = style::plain(&render::render(&put));
    assert!(text.contains("it concerned 22 objects, 22.0 KiB"), "{text}");
    assert!(
        text.contains("s3://b/k19") && !text.contains("s3://b/k20"),
        "{text}"
    );
    assert!(
        text.contains("removed") && text.contains("and 2 more"),
        "{text}"
    );
}
