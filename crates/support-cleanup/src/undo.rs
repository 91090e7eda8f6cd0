//! Putting back what a cleanup removed.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::MetadataDirective;
use pipeline::triggers::{CleanedObject, CopiedTo, Done, RESTORED_BY, RESTORED_FROM, copy_source};

use crate::act::{TAKEN, each, left};
use crate::objects::versions_of;
use crate::plan::{LandedFate, Present, Todo, landed_fate};
use crate::{Clients, Config};

/// Restores the objects. Says of each what became of it. Versions of one key come one after another, oldest first,
/// as of two states of a record the later landed one wins.
///
/// # Errors
/// Some object could not be restored; those of other keys are.
pub async fn restore(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    todo: Todo,
) -> anyhow::Result<Vec<CleanedObject>> {
    let same_key = |one: &CleanedObject, other: &CleanedObject| {
        (&one.bucket, &one.key) == (&other.bucket, &other.key)
    };
    let keys = todo.objects.chunk_by(same_key).map(<[_]>::to_vec).collect();
    each(keys, async |object| {
        if object.bucket == config.landing_bucket {
            let known = todo.landed.get(&object.key).map_or(&[][..], Vec::as_slice);
            restore_landed(clients, request_id, known, object).await
        } else {
            show(clients, object).await
        }
    })
    .await
}

/// How the note ends on an object that is back already.
const PUT_BACK: &str = "has put it back";

/// Left, as that request has put it back.
pub fn put_back_by(object: CleanedObject, by: &str) -> CleanedObject {
    left(object, format!("the request {by} {PUT_BACK}"))
}

/// Whether an object of an undoing's answer is back, by that undoing or by one before it.
pub fn is_back(object: &CleanedObject) -> bool {
    let by_another = |note: &String| note.ends_with(PUT_BACK);
    object.done == Some(Done::Restored) || object.note.as_ref().is_some_and(by_another)
}

/// An output comes back when its delete marker goes.
async fn show(clients: &Clients, mut object: CleanedObject) -> anyhow::Result<CleanedObject> {
    let marker = object
        .delete_marker
        .clone()
        .context("it has no delete marker")?;
    let request = clients
        .desk
        .s3
        .delete_object()
        .bucket(&object.bucket)
        .key(&object.key);
    request
        .version_id(marker)
        .send()
        .await
        .context("its delete marker can't be removed")?;
    object.done = Some(Done::Restored);
    Ok(object)
}

/// A landing file comes back as a new version, which is new work. Not over a newer one, not twice, and not if
/// it may have been read: its records would be there twice. `known` are the versions of its key that the cleanup saw.
async fn restore_landed(
    clients: &Clients,
    request_id: &str,
    known: &[String],
    mut object: CleanedObject,
) -> anyhow::Result<CleanedObject> {
    let copy = object.copy.clone().context("it has no copy")?;
    if object
        .note
        .as_deref()
        .is_some_and(|note| note.starts_with(TAKEN))
    {
        object.done = Some(Done::Left);
        return Ok(object);
    }
    let present = present(clients, known, &object).await?;
    match landed_fate(known, &object.version_id, &present) {
        LandedFate::PutBack => {
            object.restored_as = Some(copy_back(clients, request_id, &object, &copy).await?);
        }
        LandedFate::Is { version_id, by } => {
            object.restored_as = Some(version_id);
            if by != request_id {
                return Ok(put_back_by(object, &by));
            }
        }
        LandedFate::Newer { version_id } => {
            let why = format!("the key has a newer version, {version_id}");
            return Ok(left(object, why));
        }
    }
    object.done = Some(Done::Restored);
    Ok(object)
}

/// The versions that the key has, with the marks of those that the cleanup did not see.
async fn present(
    clients: &Clients,
    known: &[String],
    object: &CleanedObject,
) -> anyhow::Result<Vec<Present>> {
    let (bucket, key) = (&object.bucket, &object.key);
    let mut present = Vec::new();
    let versions = versions_of(clients, bucket, key).await?;
    for version in versions.into_iter().filter(|version| !version.is_marker) {
        let version_id = version.version_id;
        let mut restored = None;
        if !known.contains(&version_id) {
            let head = head(clients, bucket, key, &version_id).await?;
            let mark = |name| head.metadata().and_then(|all| all.get(name)).cloned();
            restored = mark(RESTORED_FROM).zip(mark(RESTORED_BY));
        }
        present.push(Present {
            version_id,
            restored,
        });
    }
    Ok(present)
}

async fn head(
    clients: &Clients,
    bucket: &str,
    key: &str,
    version_id: &str,
) -> anyhow::Result<HeadObjectOutput> {
    let request = clients
        .desk
        .s3
        .head_object()
        .bucket(bucket)
        .key(key)
        .version_id(version_id);
    request
        .send()
        .await
        .with_context(|| format!("s3://{bucket}/{key} can't be looked at"))
}

async fn copy_back(
    clients: &Clients,
    request_id: &str,
    object: &CleanedObject,
    copy: &CopiedTo,
) -> anyhow::Result<String> {
    let head = head(clients, &copy.bucket, &copy.key, &copy.version_id).await?;
    let mut metadata: HashMap<String, String> = head.metadata().cloned().unwrap_or_default();
    metadata.insert(RESTORED_BY.to_owned(), request_id.to_owned());
    metadata.insert(RESTORED_FROM.to_owned(), object.version_id.clone());
    let output = clients
        .desk
        .s3
        .copy_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .copy_source(copy_source(&copy.bucket, &copy.key, Some(&copy.version_id)))
        .metadata_directive(MetadataDirective::Replace)
        .set_metadata(Some(metadata))
        .set_content_type(head.content_type.clone())
        .set_content_encoding(head.content_encoding.clone())
        .send()
        .await
        .context("it can't be copied back")?;
    output
        .version_id
        .context("the landing bucket must be versioned")
}
