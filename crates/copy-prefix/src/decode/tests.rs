use proptest::prelude::*;
use serde_json::json;

use super::*;

pub(super) const BUCKET: &str = "grp2-landing-dev";
pub(super) const PREFIX: &str = "tui/legacy/";

/// A record as S3 sends it.
pub(super) fn record() -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-23T12:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "landing",
            "bucket": {"name": BUCKET, "arn": "arn:aws:s3:::grp2-landing-dev"},
            "object": {
                "key": "tui/legacy/Crew-Payroll/a+b%2Bc.json",
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut record = record();
    *record.pointer_mut(pointer).unwrap() = value;
    record
}

fn decoded(records: &[Value]) -> Contents {
    contents(&json!({ "Records": records }).to_string(), BUCKET, PREFIX)
}

fn poison_of(record: Value) -> String {
    let contents = decoded(&[record]);
    assert_eq!((contents.files.len(), contents.ignored), (0, 0));
    contents.poison.unwrap()
}

#[test]
fn a_landed_file_is_work_with_all_that_its_event_says() {
    let expected = FileItem {
        bucket: BUCKET.to_owned(),
        key: "tui/legacy/Crew-Payroll/a b+c.json".to_owned(),
        version_id: "096fKKXTRTtl3on89fVO.nfljtsv6qko".to_owned(),
        sequencer: Some("0055AED6DCD90281E5".to_owned()),
        etag: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        size: 1024,
        dataset: Some("crew_payroll".to_owned()),
        landed_at: "2026-11-23T12:00:00.123Z".parse().unwrap(),
        assigned_to: None,
    };
    let contents = decoded(&[record()]);
    assert_eq!(
        contents,
        Contents {
            files: vec![expected],
            ..Contents::default()
        }
    );
}

#[test]
fn an_event_that_sns_wrapped_is_the_same_event() {
    let event = json!({ "Records": [record()] }).to_string();
    let wrapped =
        json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:...", "Message": event });
    assert_eq!(
        contents(&wrapped.to_string(), BUCKET, PREFIX),
        decoded(&[record()])
    );
    let broken = json!({ "Type": "Notification", "Message": "no json" }).to_string();
    let reason = contents(&broken, BUCKET, PREFIX).poison.unwrap();
    assert!(reason.contains("SNS"), "{reason}");
}

#[test]
fn the_test_event_of_a_new_notification_is_ignored() {
    let event = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-23T12:00:00.000Z",
        "Bucket": BUCKET, "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
    });
    assert_eq!(
        contents(&event.to_string(), BUCKET, PREFIX),
        Contents::ignored()
    );
}

#[test]
fn every_way_to_create_an_object_counts_and_no_other_event_does() {
    for name in [
        "ObjectCreated:Put",
        "ObjectCreated:Post",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectCreated:Put",
    ] {
        assert_eq!(
            decoded(&[with("/eventName", json!(name))]).files.len(),
            1,
            "{name}"
        );
    }
    for name in [
        "ObjectRemoved:Delete",
        "ObjectRestore:Completed",
        "ObjectTagging:Put",
        "",
    ] {
        assert_eq!(
            decoded(&[with("/eventName", json!(name))]),
            Contents::ignored(),
            "{name}"
        );
    }
    // Such a record need not even look like one of ours.
    assert_eq!(
        decoded(&[json!({"eventName": "ObjectRemoved:Delete"})]),
        Contents::ignored()
    );
}

#[test]
fn folders_and_keys_outside_the_prefix_are_ignored() {
    assert_eq!(
        decoded(&[with("/s3/object/key", json!("other/a.json"))]),
        Contents::ignored()
    );
    let mut folder = with("/s3/object/key", json!("tui/legacy/bookings/"));
    assert_eq!(
        decoded(&[folder.clone()]).files.len(),
        1,
        "it holds something"
    );
    folder["s3"]["object"]["size"] = json!(0);
    assert_eq!(decoded(&[folder.clone()]), Contents::ignored());
    // S3 leaves the size out of nothing that matters here, but an emulator may.
    folder["s3"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("size");
    assert_eq!(decoded(&[folder]), Contents::ignored());
}

#[test]
fn an_empty_file_is_a_file() {
    let contents = decoded(&[with("/s3/object/size", json!(0))]);
    assert_eq!(contents.files.len(), 1);
    assert_eq!(contents.files[0].size, 0);
}

#[test]
fn a_file_without_a_dataset_is_work_all_the_same() {
    let contents = decoded(&[with("/s3/object/key", json!("tui/legacy/direct.json"))]);
    assert_eq!(contents.files[0].dataset, None);
}

#[test]
fn what_can_never_work_is_poison_with_its_reason() {
    for (body, part) in [
        ("", "not JSON"),
        ("<xml/>", "not JSON"),
        ("{}", "no Records"),
        ("[]", "no Records"),
        ("null", "no Records"),
        ("{\"Records\": {}}", "no Records"),
    ] {
        let reason = contents(body, BUCKET, PREFIX).poison.unwrap();
        assert!(reason.contains(part), "{body}: {reason}");
    }
    for (pointer, value, part) in [
        (
            "/s3/bucket/name",
            json!("grp2-landing-prod"),
            "grp2-landing-prod",
        ),
        ("/s3/object/versionId", json!(null), "version id"),
        ("/s3/object/versionId", json!(""), "version id"),
        ("/s3/object/key", json!("tui/legacy/a%ff.json"), "UTF-8"),
        ("/s3/object/key", json!("tui/legacy/a%zz.json"), "hex"),
        ("/s3/object/size", json!(-1), "no S3 event"),
        ("/s3", json!("text"), "no S3 event"),
        ("/eventTime", json!("soon"), "no time"),
        ("/eventName", json!(7), "eventName"),
    ] {
        let reason = poison_of(with(pointer, value));
        assert!(reason.contains(part), "{pointer}: {reason}");
    }
    assert!(poison_of(json!("text")).contains("eventName"));
}

#[test]
fn poison_in_one_record_holds_back_no_other() {
    let other = with("/s3/object/versionId", json!("v2"));
    let contents = decoded(&[record(), with("/s3/bucket/name", json!("theirs")), other]);
    assert_eq!(contents.files.len(), 2);
    assert!(contents.poison.unwrap().contains("theirs"));
}

#[test]
fn a_missing_sequencer_stays_missing() {
    for value in [json!(null), json!("")] {
        assert_eq!(
            decoded(&[with("/s3/object/sequencer", value)]).files[0].sequencer,
            None
        );
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(
                prop::sample::select(vec![
                    "Records", "s3", "object", "key", "bucket", "name", "Type", "Message"
                ])
                .prop_map(str::to_owned),
                inner,
                0..4
            )
            .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_each_is_accounted_for(body in "(?s).{0,80}") {
        let contents = contents(&body, BUCKET, PREFIX);
        prop_assert!(contents.poison.is_some() || contents.ignored > 0 || body.contains("Records"));
    }

    #[test]
    fn no_json_makes_it_panic(body in any_json()) {
        let _ = contents(&body.to_string(), BUCKET, PREFIX);
    }

    #[test]
    fn no_field_makes_it_panic(
        pointer in prop::sample::select(vec![
            "/eventName", "/eventTime", "/s3", "/s3/bucket", "/s3/bucket/name", "/s3/object",
            "/s3/object/key", "/s3/object/size", "/s3/object/versionId", "/s3/object/eTag", "/s3/object/sequencer",
        ]),
        value in any_json(),
    ) {
        let contents = decoded(&[with(pointer, value)]);
        let outcomes = contents.files.len() + contents.ignored + usize::from(contents.poison.is_some());
        prop_assert_eq!(outcomes, 1);
    }
}
