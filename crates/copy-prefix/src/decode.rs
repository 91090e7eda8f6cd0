//! From a queue message to the files that it names. Nothing in here panics, whatever the message.

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use pipeline::intake::{decode_key, is_file};
use pipeline::json::object;
use pipeline::ledger::FileItem;
use pipeline::protocol::dataset_of;
use serde::Deserialize;
use serde_json::Value;

/// Most bytes of a partition key in DynamoDB.
const LONGEST_PK: usize = 2048;
/// Most characters of a reason; SQS counts it in with the message's own size.
const LONGEST_REASON: usize = 1000;

/// A message of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id in the queue.
    pub id: String,
    /// Its body, as it came.
    pub body: String,
    /// What is in it.
    pub contents: Contents,
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// The files that it names.
    pub files: Vec<FileItem>,
    /// How many of its records are none of ours.
    pub ignored: usize,
    /// Why (a part of) it can never work.
    pub poison: Option<String>,
}

impl Contents {
    fn poison(reason: impl Into<String>) -> Self {
        Self {
            poison: Some(shortened(reason.into())),
            ..Self::default()
        }
    }

    fn ignored() -> Self {
        Self {
            ignored: 1,
            ..Self::default()
        }
    }
}

/// What the code needs of an S3 event record; all else may be there or not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_time: String,
    #[serde(deserialize_with = "object")]
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    #[serde(deserialize_with = "object")]
    bucket: Bucket,
    #[serde(deserialize_with = "object")]
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<u64>,
    version_id: Option<String>,
    e_tag: Option<String>,
    sequencer: Option<String>,
}

/// Decodes one message: a file of `bucket` below `prefix` is work, others are ignored, and what can't
/// be understood is poison.
#[must_use]
pub fn decode(message: SqsMessage, bucket: &str, prefix: &str) -> Message {
    let body = message.body.unwrap_or_default();
    let contents = contents(&body, bucket, prefix);
    Message {
        id: message.message_id.unwrap_or_default(),
        body,
        contents,
    }
}

fn contents(body: &str, bucket: &str, prefix: &str) -> Contents {
    let event = match serde_json::from_str::<Value>(body).map(unwrap_sns) {
        Ok(Ok(event)) => event,
        Ok(Err(error)) => {
            return Contents::poison(format!("the SNS notification holds no JSON: {error}"));
        }
        Err(error) => return Contents::poison(format!("the message is not JSON: {error}")),
    };
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Contents::ignored();
    }
    let Some(Value::Array(records)) = event.get("Records") else {
        return Contents::poison("the message is no S3 event: it has no Records");
    };
    let mut contents = Contents::default();
    for record in records {
        match file_of(record, bucket, prefix) {
            Ok(Some(file)) => contents.files.push(file),
            Ok(None) => contents.ignored += 1,
            Err(reason) => contents.poison = contents.poison.or_else(|| Some(shortened(reason))),
        }
    }
    contents
}

/// What SNS wrapped is in a string of the notification.
fn unwrap_sns(event: Value) -> Result<Value, serde_json::Error> {
    let is_notification = event.get("Type").and_then(Value::as_str) == Some("Notification");
    match event.get("Message").and_then(Value::as_str) {
        Some(message) if is_notification => serde_json::from_str(message),
        _ => Ok(event),
    }
}

/// The file of one record; none if it tells of something that is none of ours. Else why it is poison.
fn file_of(record: &Value, bucket: &str, prefix: &str) -> Result<Option<FileItem>, String> {
    // The name alone first: records of other events need not look like those of a creation.
    match record.get("eventName").and_then(Value::as_str) {
        Some(name) if is_creation(name) => {}
        Some(_) => return Ok(None),
        None => return Err("the record is no S3 event: it has no eventName".to_owned()),
    }
    let record = Record::deserialize(record)
        .map_err(|error| format!("the record is no S3 event: {error}"))?;
    if record.s3.bucket.name != bucket {
        let name = record.s3.bucket.name;
        return Err(format!("the bucket {name:?} is not the landing bucket"));
    }
    let object = record.s3.object;
    let key = decode_key(&object.key).map_err(|error| error.to_string())?;
    let size = object.size.unwrap_or_default();
    if !is_file(&key, size, prefix) {
        return Ok(None);
    }
    let version_id = object
        .version_id
        .filter(|version_id| !version_id.is_empty())
        .ok_or("the file has no version id: the landing bucket must be versioned")?;
    let landed_at: Timestamp = record
        .event_time
        .parse()
        .map_err(|_| format!("eventTime is {:?}, which is no time", record.event_time))?;
    let file = FileItem {
        dataset: dataset_of(&key, prefix),
        bucket: record.s3.bucket.name,
        key,
        version_id,
        sequencer: object.sequencer.filter(|sequencer| !sequencer.is_empty()),
        etag: object
            .e_tag
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned(),
        size,
        landed_at,
        assigned_to: None,
    };
    fits_the_ledger(&file)?;
    Ok(Some(file))
}

/// The ledger refuses longer keys, and with one all that is read together with it. S3's own limits
/// keep every real file well below.
fn fits_the_ledger(file: &FileItem) -> Result<(), String> {
    let length = file.pk().len();
    if length > LONGEST_PK {
        return Err(format!(
            "bucket, key and version id come to {length} bytes in the ledger, which takes {LONGEST_PK}"
        ));
    }
    Ok(())
}

/// A reason as it fits beside the message: it may quote a field that fills the message by itself.
fn shortened(reason: String) -> String {
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}...", &reason[..end]),
        None => reason,
    }
}

/// `ObjectCreated:Put` and its kind; some senders put the service's name before it.
fn is_creation(event_name: &str) -> bool {
    let name = event_name.strip_prefix("s3:").unwrap_or(event_name);
    name.starts_with("ObjectCreated:")
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
