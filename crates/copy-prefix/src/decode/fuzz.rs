//! Damaged events, on the way that real ones take: through the type that the runtime reads.

use aws_lambda_events::sqs::SqsEvent;
use pipeline::fuzz::{Damage, Mutation, damage, mutations, nasty_value};
use proptest::prelude::*;
use serde_json::json;

use super::tests::{BUCKET, PREFIX, record};
use super::*;

/// What SQS delivers at most.
const LARGEST_BODY: usize = 256 * 1024;

/// The body in a batch, read and decoded as the function does it.
fn delivered(body: &str) -> Message {
    let batch = json!({"Records": [{"messageId": "m-1", "body": body, "eventSource": "aws:sqs"}]});
    let event: SqsEvent = serde_json::from_str(&batch.to_string()).unwrap();
    let mut messages = event.records.into_iter();
    let message = decode(messages.next().unwrap(), BUCKET, PREFIX);
    assert!(messages.next().is_none());
    message
}

fn event(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

fn wrapped(event: &str) -> String {
    json!({"Type": "Notification", "TopicArn": "arn:aws:sns:...", "Message": event}).to_string()
}

fn outcomes(contents: &Contents) -> usize {
    contents.files.len() + contents.ignored + usize::from(contents.poison.is_some())
}

/// What is true of every message, however odd.
fn check(body: &str) -> Result<Contents, TestCaseError> {
    let message = delivered(body);
    prop_assert_eq!(&message.id, "m-1");
    prop_assert_eq!(
        &message.body,
        body,
        "the dead-letter queue gets it as it came"
    );
    let contents = message.contents;
    for file in &contents.files {
        prop_assert_eq!(&file.bucket, BUCKET);
        prop_assert!(file.key.starts_with(PREFIX));
        prop_assert!(!file.version_id.is_empty());
        prop_assert!(file.pk().len() <= 2048, "DynamoDB takes it");
        prop_assert_eq!(&file.dataset, &dataset_of(&file.key, PREFIX));
    }
    if let Some(reason) = &contents.poison {
        prop_assert!(!reason.is_empty() && reason.chars().count() <= 1003);
    }
    Ok(contents)
}

fn mutated(mutations: &[Mutation]) -> Value {
    let change = |record, mutation: &Mutation| mutation.applied_to(record);
    mutations.iter().fold(record(), change)
}

proptest! {
    #[test]
    fn each_record_is_accounted_for_and_none_takes_a_good_one_with_it(
        odd in prop::collection::vec(mutations(), 0..5),
        at in any::<prop::sample::Index>(),
        times_wrapped in 0..4_usize,
    ) {
        let mut records: Vec<Value> = odd.iter().map(|mutations| mutated(mutations)).collect();
        let good = record();
        records.insert(at.index(records.len() + 1), good.clone());
        // The decoder refuses a document that is nested too deep as a whole.
        let text = event(&records);
        let too_deep = serde_json::from_str::<Value>(&text).is_err();
        let body = (0..times_wrapped).fold(text, |event, _| wrapped(&event));
        let contents = check(&body)?;
        if too_deep || times_wrapped > 1 {
            prop_assert!(contents.files.is_empty() && contents.poison.is_some());
            return Ok(());
        }
        let expected = file_of(&good, BUCKET, PREFIX).unwrap().unwrap();
        prop_assert!(contents.files.contains(&expected));
        let poisonous = records.iter().filter(|record| file_of(record, BUCKET, PREFIX).is_err());
        let poisonous = poisonous.count();
        prop_assert_eq!(contents.poison.is_some(), poisonous > 0);
        prop_assert_eq!(outcomes(&contents) - usize::from(poisonous > 0), records.len() - poisonous);
    }

    #[test]
    fn damaged_bytes_make_nothing_panic(
        mutations in mutations(),
        once in damage(),
        again in damage(),
        in_sns in any::<bool>(),
    ) {
        let text = event(&[mutated(&mutations)]);
        let text = String::from_utf8_lossy(&once.applied_to(text.as_bytes())).into_owned();
        let text = if in_sns { wrapped(&text) } else { text };
        let body = String::from_utf8_lossy(&again.applied_to(text.as_bytes())).into_owned();
        let contents = check(&body)?;
        if matches!((&once, &again), (Damage::Double, Damage::None)) {
            prop_assert!(contents.files.is_empty(), "two documents are none");
        }
    }

    #[test]
    fn a_field_of_another_kind_makes_no_file(value in nasty_value(), pointer in prop::sample::select(vec![
        "/s3", "/s3/bucket", "/s3/object", "/s3/bucket/name", "/s3/object/versionId", "/eventTime",
    ])) {
        prop_assume!(!(value.is_string() && pointer == "/s3/object/versionId"));
        let mut record = record();
        *record.pointer_mut(pointer).unwrap() = value;
        let contents = check(&event(&[record]))?;
        prop_assert_eq!((contents.files.len(), contents.ignored), (0, 0));
        prop_assert!(contents.poison.is_some());
    }

    #[test]
    fn no_batch_makes_its_reader_panic(mutations in mutations(), body in nasty_value(), damage in damage()) {
        let batch = json!({
            "Records": {"0": {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}},
        });
        let change = |batch, mutation: &Mutation| mutation.applied_to(batch);
        let mut batch = mutations.iter().fold(batch, change);
        // As an object while it is changed, so that the fields of the message are too.
        let first = batch.pointer("/Records/0").cloned();
        if let Some(first) = first {
            batch["Records"] = json!([first]);
        }
        let bytes = damage.applied_to(batch.to_string().as_bytes());
        if let Ok(event) = serde_json::from_slice::<SqsEvent>(&bytes) {
            for message in event.records {
                let _ = decode(message, BUCKET, PREFIX);
            }
        }
    }
}

#[test]
fn an_event_cut_off_anywhere_is_poison() {
    for whole in [event(&[record()]), wrapped(&event(&[record()]))] {
        for end in 0..whole.len() {
            let contents = delivered(&whole[..end]).contents;
            assert!(
                contents.files.is_empty() && contents.poison.is_some(),
                "{end}"
            );
        }
    }
}

#[test]
fn an_array_in_place_of_an_object_is_no_record() {
    let mut odd = record();
    odd["s3"] = json!([[BUCKET], ["tui/legacy/a/b.json", 1, "v1", "etag", "00"]]);
    let contents = delivered(&event(&[odd])).contents;
    assert!(contents.files.is_empty());
    assert!(contents.poison.unwrap().contains("JSON object"));
}

#[test]
fn a_body_of_the_largest_size_is_read_whole() {
    let count = LARGEST_BODY / (record().to_string().len() + 1) - 1;
    let body = event(&vec![record(); count]);
    assert!(count > 300 && body.len() <= LARGEST_BODY);
    assert_eq!(delivered(&body).contents.files.len(), count);
    let nested = "[".repeat(LARGEST_BODY);
    assert!(
        delivered(&nested)
            .contents
            .poison
            .unwrap()
            .contains("recursion")
    );
    let small = event(&vec![json!({"eventName": ""}); 15_000]);
    assert_eq!(delivered(&small).contents.ignored, 15_000);
}

#[test]
fn a_key_that_the_ledger_can_not_hold_is_poison_with_the_length() {
    let of_length = |length: usize| {
        let mut record = record();
        record["s3"]["object"]["key"] = json!(format!("{PREFIX}a/{}", "k".repeat(length)));
        record["s3"]["object"]["versionId"] = json!("v");
        delivered(&event(&[record])).contents
    };
    let others = format!("FILE#{BUCKET}/{PREFIX}a/#v").len();
    assert_eq!(of_length(2048 - others).files.len(), 1);
    let refused = of_length(2049 - others);
    assert!(refused.files.is_empty());
    assert!(refused.poison.unwrap().contains("2049 bytes"));
}

#[test]
fn a_reason_is_short_even_if_what_it_quotes_is_not() {
    let mut record = record();
    record["s3"]["bucket"]["name"] = json!("\u{1}".repeat(40_000));
    let reason = delivered(&event(&[record])).contents.poison.unwrap();
    assert_eq!(reason.chars().count(), 1003);
    assert!(reason.ends_with("..."));
}
