//! From an S3 event to the trigger files that it names.

use serde::Deserialize;
use serde_json::Value;

use super::TriggerPlace;
use crate::intake::decode_key;
use crate::json::Object;

/// A version of a trigger file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerObject {
    /// Kind and name.
    pub place: TriggerPlace,
    /// The version that was put.
    pub version_id: String,
}

#[derive(Deserialize)]
struct Record {
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    bucket: Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    version_id: Option<String>,
}

/// The trigger files of an S3 event of this bucket; none if it is no S3 event at all. What is no
/// trigger's key is left out: the notification's filter is wider than the names of kinds.
///
/// # Errors
/// It is an S3 event, of another bucket or without version ids: no retry makes it better.
pub fn triggers_of(event: &Value, bucket: &str) -> anyhow::Result<Option<Vec<TriggerObject>>> {
    let Some(Value::Array(records)) = event.get("Records") else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for record in records {
        let Object(record) = Object::<Record>::deserialize(record)?;
        let name = record.s3.bucket.name;
        anyhow::ensure!(
            name == bucket,
            "the bucket {name:?} is not the state bucket"
        );
        let key = decode_key(&record.s3.object.key)?;
        let version_id = record.s3.object.version_id.filter(|id| !id.is_empty());
        let Some(version_id) = version_id else {
            anyhow::bail!("{key} has no version id: the state bucket must be versioned");
        };
        match TriggerPlace::parse(&key) {
            Some(place) => found.push(TriggerObject { place, version_id }),
            None => tracing::warn!(key, "no trigger"),
        }
    }
    Ok(Some(found))
}
