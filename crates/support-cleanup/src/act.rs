//! Removing objects, each by how it is now, so that a second attempt does what the first left.

use anyhow::Context;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::copy_object::CopyObjectError;
use aws_sdk_s3::operation::delete_object::DeleteObjectError;
use futures::stream::{self, StreamExt};
use pipeline::protocol::file_id;
use pipeline::triggers::{CleanedObject, CopiedTo, Done, Mode, copy_source};

use crate::gather::{copy_key, fate_of, taken_by};
use crate::objects::latest;
use crate::plan::FileFate;
use crate::{Clients, Config};

/// Objects in flight.
const AT_ONCE: usize = 16;

/// Removes the objects. Says of each what became of it.
///
/// # Errors
/// Some object could not be removed, and might be by another attempt; the others are.
pub async fn remove(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    mode: Option<Mode>,
    list: Vec<CleanedObject>,
) -> anyhow::Result<Vec<CleanedObject>> {
    let mode = mode.context("a removal has a mode")?;
    let alone = list.into_iter().map(|object| vec![object]).collect();
    each(alone, async |object| {
        if object.bucket == config.landing_bucket {
            remove_landed(config, clients, request_id, mode, object).await
        } else {
            remove_output(config, clients, request_id, mode, object).await
        }
    })
    .await
}

/// Does something about each object that is not `left` already: about those of a group one after another, with groups
/// side by side. What S3 denies is left with the rest of its group, and says so: no other attempt would do better. Any other
/// failure ends its group and is the answer, but only after all groups were tried.
///
/// # Errors
/// Some object failed.
pub async fn each(
    groups: Vec<Vec<CleanedObject>>,
    act: impl AsyncFn(CleanedObject) -> anyhow::Result<CleanedObject>,
) -> anyhow::Result<Vec<CleanedObject>> {
    let act = &act;
    let answers: Vec<anyhow::Result<Vec<CleanedObject>>> = stream::iter(groups)
        .map(async |group| one_by_one(group, act).await)
        .buffered(AT_ONCE)
        .collect()
        .await;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    let done: anyhow::Result<Vec<_>> = answers.into_iter().collect();
    let done = done.with_context(|| format!("{failed} objects failed, and come again"))?;
    Ok(done.concat())
}

async fn one_by_one(
    group: Vec<CleanedObject>,
    act: &impl AsyncFn(CleanedObject) -> anyhow::Result<CleanedObject>,
) -> anyhow::Result<Vec<CleanedObject>> {
    let mut done = Vec::with_capacity(group.len());
    let mut denied = false;
    for object in group {
        done.push(match object.done {
            Some(Done::Left) => object,
            _ if denied => left(object, "it comes after one of its key that S3 denies"),
            _ => match act(object.clone()).await {
                Err(error) if is_denied(&error) => {
                    denied = true;
                    left(object, format!("{DENIED}: {error:#}"))
                }
                answer => {
                    answer.with_context(|| format!("s3://{}/{}", object.bucket, object.key))?
                }
            },
        });
    }
    Ok(done)
}

/// How the note begins on an object that S3 denied.
pub const DENIED: &str = "S3 denies it";

fn is_denied(error: &anyhow::Error) -> bool {
    fn says_so<E: ProvideErrorMetadata + std::error::Error + 'static>(
        cause: &(dyn std::error::Error + 'static),
    ) -> bool {
        let error = cause.downcast_ref::<SdkError<E>>();
        error.is_some_and(|error| error.code() == Some("AccessDenied"))
    }
    error
        .chain()
        .any(|cause| says_so::<DeleteObjectError>(cause) || says_so::<CopyObjectError>(cause))
}

/// An output of a run gets a delete marker.
async fn remove_output(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    mode: Mode,
    mut object: CleanedObject,
) -> anyhow::Result<CleanedObject> {
    let current = latest(clients, &object.bucket, &object.key).await?;
    let marker = current.as_ref().filter(|version| version.is_marker);
    let is_planned = current
        .as_ref()
        .is_some_and(|version| version.version_id == object.version_id);
    if marker.is_none() && !is_planned {
        return Ok(left(object, "it is another version by now"));
    }
    if mode == Mode::Quarantine {
        object.copy = Some(copy_aside(config, clients, request_id, &object).await?);
    }
    object.delete_marker = match marker {
        Some(marker) => Some(marker.version_id.clone()),
        None => Some(hide(clients, &object.bucket, &object.key).await?),
    };
    object.done = Some(Done::Removed);
    Ok(object)
}

/// A landed version is copied, then goes for good: Glue 1 would read it under any delete marker.
async fn remove_landed(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    mode: Mode,
    mut object: CleanedObject,
) -> anyhow::Result<CleanedObject> {
    let file_id = file_id(&object.bucket, &object.key, &object.version_id);
    let copy = copy_of(config, clients, request_id, &object).await?;
    if copy.is_none() {
        // Decided again: the plan may be older than a run.
        if let FileFate::Leave(why) =
            fate_of(config, clients, &file_id, jiff::Timestamp::now()).await?
        {
            return Ok(left(object, why));
        }
    }
    let copy = match copy {
        Some(copy) => copy,
        None => copy_aside(config, clients, request_id, &object).await?,
    };
    if mode == Mode::Delete {
        // Before the version goes: from then on nothing may fail that another attempt would not find done.
        let current = latest(clients, &copy.bucket, &copy.key).await?;
        if !current.is_some_and(|version| version.is_marker) {
            hide(clients, &copy.bucket, &copy.key).await?;
        }
    }
    let s3 = &clients.desk.s3;
    s3.delete_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .version_id(&object.version_id)
        .send()
        .await
        .context("the version can't be deleted")?;
    object.copy = Some(copy);
    object.done = Some(Done::Removed);
    // A run that took it after it was looked at, and before it was gone, may have read it.
    object.note = taken_by(clients, &file_id)
        .await?
        .map(|run_id| format!("{TAKEN} {run_id}"));
    Ok(object)
}

/// How the note begins on a landing file that a run took while it was moved.
pub const TAKEN: &str = "may have been read by the run";

/// The object as it is, not touched, and why.
pub fn left(object: CleanedObject, why: impl Into<String>) -> CleanedObject {
    CleanedObject {
        done: Some(Done::Left),
        note: Some(why.into()),
        ..object
    }
}

/// Puts a delete marker on a key and gives its id.
async fn hide(clients: &Clients, bucket: &str, key: &str) -> anyhow::Result<String> {
    let request = clients.desk.s3.delete_object().bucket(bucket).key(key);
    let output = request
        .send()
        .await
        .context("the object can't be deleted")?;
    output
        .version_id
        .context("there is no delete marker: the bucket must be versioned")
}

/// The copy that an earlier attempt has made.
async fn copy_of(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    object: &CleanedObject,
) -> anyhow::Result<Option<CopiedTo>> {
    let key = copy_key(config, request_id, object)?;
    let bucket = &config.raw_bucket;
    let versions = crate::objects::versions_of(clients, bucket, &key).await?;
    let copy = versions.into_iter().find(|version| !version.is_marker);
    Ok(copy.map(|version| CopiedTo {
        bucket: bucket.clone(),
        key,
        version_id: version.version_id,
    }))
}

/// Copies a version below quarantine, unless it is there.
async fn copy_aside(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    object: &CleanedObject,
) -> anyhow::Result<CopiedTo> {
    if let Some(copy) = copy_of(config, clients, request_id, object).await? {
        return Ok(copy);
    }
    let (bucket, key) = (
        config.raw_bucket.clone(),
        copy_key(config, request_id, object)?,
    );
    let source = copy_source(&object.bucket, &object.key, Some(&object.version_id));
    let request = clients.desk.s3.copy_object().bucket(&bucket).key(&key);
    let output = request
        .copy_source(source)
        .send()
        .await
        .context("it can't be copied to quarantine")?;
    Ok(CopiedTo {
        bucket,
        key,
        version_id: output
            .version_id
            .context("the raw bucket must be versioned")?,
    })
}
