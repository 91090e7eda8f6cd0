use serde_json::{Value, json};

use super::*;

const LANDING: &str = "tui/legacy/";

fn with(fields: Value) -> Vec<u8> {
    let mut file = json!({"request_id": "r-1", "requested_by": "ann", "reason": "a try"});
    if let (Value::Object(file), Value::Object(fields)) = (&mut file, fields) {
        file.extend(fields);
    }
    file.to_string().into_bytes()
}

fn parse(kind: Kind, fields: Value) -> Result<Trigger, TriggerError> {
    Trigger::parse(kind, &with(fields), LANDING)
}

#[test]
fn every_trigger_reads_back_from_its_own_file() {
    let cases = [
        (Kind::Copyglue, json!({})),
        (Kind::Copyglue, json!({"keys": ["tui/legacy/a/b.json"]})),
        (
            Kind::Copyglue,
            json!({"keys": ["tui/legacy/a/b.json"], "reland": true}),
        ),
        (Kind::Copyglue, json!({"prefix": "tui/legacy/"})),
        (
            Kind::Copyglue,
            json!({"prefix": "tui/legacy/a/", "from": "2026-05-08T12:00:00+02:00", "to": "2026-05-09T00:00:00Z"}),
        ),
        (Kind::Glue2, json!({})),
        (Kind::Optimization, json!({})),
        (Kind::Cleanup, json!({"stage": 2, "run_id": "jr_1"})),
        (
            Kind::Cleanup,
            json!({"keys": ["tui/legacy/a"], "dry_run": false, "mode": "delete", "limit": 5}),
        ),
        (Kind::Cleanup, json!({"undo": "r-0", "dry_run": false})),
    ];
    for (kind, fields) in cases {
        let trigger = parse(kind, fields.clone()).unwrap();
        assert_eq!(trigger.kind(), kind);
        let written = trigger.to_json().unwrap();
        let again = Trigger::parse(kind, written.as_bytes(), LANDING);
        assert_eq!(again.as_ref(), Ok(&trigger), "{fields}: {written}");
        assert_eq!(again.unwrap().hash().unwrap(), trigger.hash().unwrap());
    }
}

#[test]
fn a_cleanup_is_a_dry_run_unless_it_says_otherwise() {
    let Task::Cleanup(cleanup) = parse(Kind::Cleanup, json!({"undo": "r-0"})).unwrap().task else {
        panic!("no cleanup")
    };
    assert!(cleanup.dry_run);
    assert_eq!(cleanup.limit, DEFAULT_LIMIT);
}

#[test]
fn what_breaks_a_rule_is_refused_with_field_and_rule() {
    let many: Vec<String> = (0..=MOST_KEYS).map(|n| format!("tui/legacy/{n}")).collect();
    let cases = [
        (Kind::Glue2, json!({"keys": []}), "unknown field `keys`"),
        (
            Kind::Optimization,
            json!({"request_id": 1}),
            "request_id: invalid type: integer `1`",
        ),
        (
            Kind::Copyglue,
            json!({"keys": "tui/legacy/a"}),
            "keys: invalid type: string",
        ),
        (
            Kind::Copyglue,
            json!({"keys": ["tui/legacy/a", 5]}),
            "keys[1]: invalid type: integer `5`",
        ),
        (
            Kind::Cleanup,
            json!({"stage": 300, "run_id": "jr_1"}),
            "stage: invalid value: integer `300`",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a", "dry_run": "false"}),
            "dry_run: invalid type: string",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a", "limit": -1}),
            "limit: invalid value: integer `-1`",
        ),
        (
            Kind::Glue2,
            json!({"request_id": "."}),
            "request_id: must be 1 to 128",
        ),
        (
            Kind::Cleanup,
            json!({"undo": ".."}),
            "and neither . nor .., not \"..\"",
        ),
        (
            Kind::Glue2,
            json!({"request_id": "a b"}),
            "request_id: must be 1 to 128",
        ),
        (Kind::Glue2, json!({"request_id": ""}), "request_id: "),
        (
            Kind::Glue2,
            json!({"request_id": "x".repeat(129)}),
            "request_id: ",
        ),
        (Kind::Glue2, json!({"request_id": "\u{fc}"}), "request_id: "),
        (
            Kind::Glue2,
            json!({"requested_by": " "}),
            "requested_by: must say something",
        ),
        (Kind::Glue2, json!({"reason": "x".repeat(1001)}), "reason: "),
        (
            Kind::Copyglue,
            json!({"keys": []}),
            "keys: must be 1 to 200 keys, not 0",
        ),
        (
            Kind::Copyglue,
            json!({"keys": many}),
            "keys: must be 1 to 200 keys, not 201",
        ),
        (
            Kind::Copyglue,
            json!({"keys": ["other/a"]}),
            "keys: each must lie below",
        ),
        (
            Kind::Copyglue,
            json!({"keys": ["tui/legacy/"]}),
            "keys: each must lie below",
        ),
        (
            Kind::Copyglue,
            json!({"keys": ["tui/legacy/a", "tui/legacy/a"]}),
            "keys: each must be there once",
        ),
        (
            Kind::Copyglue,
            json!({"keys": ["tui/legacy/a"], "prefix": "tui/legacy/"}),
            "prefix: can't be there together with keys",
        ),
        (
            Kind::Copyglue,
            json!({"prefix": "tui/"}),
            "prefix: must begin with",
        ),
        (
            Kind::Copyglue,
            json!({"prefix": "tui/legacy/", "reland": true}),
            "reland: needs keys",
        ),
        (
            Kind::Copyglue,
            json!({"from": "2026-05-08T12:00:00Z"}),
            "from: needs a prefix",
        ),
        (
            Kind::Copyglue,
            json!({"to": "2026-05-08T12:00:00Z"}),
            "to: needs a prefix",
        ),
        (
            Kind::Copyglue,
            json!({"prefix": "tui/legacy/", "from": "today"}),
            "from: must be a time",
        ),
        (
            Kind::Copyglue,
            json!({"prefix": "tui/legacy/", "from": "2026-05-08T12:00:00Z", "to": "2026-05-08T12:00:00Z"}),
            "to: must be later than from",
        ),
        (Kind::Cleanup, json!({}), "file: must have either"),
        (Kind::Cleanup, json!({"stage": 1}), "file: must have either"),
        (
            Kind::Cleanup,
            json!({"undo": "a", "keys": ["tui/legacy/a"]}),
            "file: must have either",
        ),
        (
            Kind::Cleanup,
            json!({"stage": 4, "run_id": "jr_1"}),
            "stage: 4 is no stage",
        ),
        (
            Kind::Cleanup,
            json!({"stage": 1, "run_id": "a/b"}),
            "run_id: must be a Glue job run id",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a/b"}),
            "undo: must be 1 to 128",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a", "mode": "delete"}),
            "mode: can't be there",
        ),
        (
            Kind::Cleanup,
            json!({"stage": 1, "run_id": "jr_1", "dry_run": false}),
            "mode: must be quarantine or delete",
        ),
        (
            Kind::Cleanup,
            json!({"stage": 1, "run_id": "jr_1", "mode": "burn"}),
            "mode: unknown variant `burn`",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a", "limit": 0}),
            "limit: must be 1 to 10000, not 0",
        ),
        (
            Kind::Cleanup,
            json!({"undo": "a", "limit": 10001}),
            "limit: must be 1 to 10000",
        ),
    ];
    for (kind, fields, said) in cases {
        let error = parse(kind, fields.clone()).unwrap_err().to_string();
        assert!(error.contains(said), "{fields}: {error}");
    }
}

#[test]
fn a_file_that_is_no_object_or_too_large_or_lacks_a_field_is_refused() {
    let cases: [(&[u8], &str); 6] = [
        (
            b"{\"request_id\": \"r\", \"requested_by\": \"a\", \"reason\": \"b\"} x",
            "file: is not JSON: trailing",
        ),
        (b"", "file: is not JSON"),
        (b"{", "file: is not JSON"),
        (b"[\"r\", \"a\", \"b\"]", "a JSON object"),
        (
            b"{\"request_id\": \"r\", \"reason\": \"b\"}",
            "missing field `requested_by`",
        ),
        (
            b"{\"request_id\": \"r\", \"request_id\": \"s\"}",
            "duplicate field `request_id`",
        ),
    ];
    for (content, said) in cases {
        let error = Trigger::parse(Kind::Glue2, content, LANDING)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
    let large = vec![b' '; LARGEST_FILE + 1];
    let error = Trigger::parse(Kind::Glue2, &large, LANDING).unwrap_err();
    assert!(
        error.to_string().contains("at most 524288 bytes"),
        "{error}"
    );
}

#[test]
fn other_content_or_another_kind_is_another_hash() {
    let hash = |kind, fields| parse(kind, fields).unwrap().hash().unwrap();
    let plain = hash(Kind::Glue2, json!({}));
    assert_ne!(plain, hash(Kind::Optimization, json!({})));
    assert_ne!(plain, hash(Kind::Glue2, json!({"reason": "another"})));
    assert_eq!(
        hash(Kind::Copyglue, json!({})),
        hash(Kind::Copyglue, json!({"reland": false}))
    );
}

#[test]
fn a_refused_file_is_still_known_by_a_good_request_id() {
    assert_eq!(
        request_id_of(&with(json!({"nonsense": 1}))).as_deref(),
        Some("r-1")
    );
    assert_eq!(request_id_of(&with(json!({"request_id": "a/b"}))), None);
    assert_eq!(request_id_of(b"{"), None);
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let content = with(json!({}));
    let marked = [&b"\xef\xbb\xbf"[..], &content].concat();
    let read = |content: &[u8]| Trigger::parse(Kind::Glue2, content, LANDING);
    assert_eq!(read(&marked), Ok(read(&content).unwrap()));
    assert_eq!(request_id_of(&marked).as_deref(), Some("r-1"));
}

#[test]
fn a_trigger_and_its_answer_share_kind_and_name() {
    let place = TriggerPlace::parse("intermediary/scripts/copyglue/2026/a b.json").unwrap();
    assert_eq!(place.kind, Kind::Copyglue);
    assert_eq!(
        place.trigger_key(),
        "intermediary/scripts/copyglue/2026/a b.json"
    );
    assert_eq!(
        place.result_key(),
        "intermediary/results/copyglue/2026/a b.json"
    );
    for key in [
        "intermediary/scripts/a.json",
        "intermediary/scripts/other/a.json",
        "intermediary/scripts/glue2/.json",
        "intermediary/scripts/glue2/a.txt",
        "intermediary/results/glue2/a.json",
    ] {
        assert_eq!(TriggerPlace::parse(key), None, "{key}");
    }
}

#[test]
fn the_examples_of_the_documentation_are_what_they_say() {
    let page = include_str!("../../../../docs/triggers.md");
    let mut triggers = 0;
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        for example in section.split("```json\n").skip(1) {
            let example = example.split("```").next().unwrap();
            if title == "The answer" {
                let answer: Answer = serde_json::from_str(example).unwrap();
                assert_eq!(answer.state, State::Succeeded);
                continue;
            }
            for kind in title.split(", ").map(|name| Kind::of(name).unwrap()) {
                Trigger::parse(kind, example.as_bytes(), LANDING).unwrap();
                triggers += 1;
            }
        }
    }
    assert_eq!(triggers, 5);
}
