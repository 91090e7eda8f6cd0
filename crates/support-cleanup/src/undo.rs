//! Putting back what a cleanup removed.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::MetadataDirective;
use pipeline::triggers::{CleanedObject, CopiedTo, Done, copy_source};

use crate::act::{TAKEN, each};
use crate::objects::latest;
use crate::{Clients, Config};

/// Metadata of a landing file that was put back: on whose request.
pub const RESTORED: &str = "restore-request-id";

/// Restores the objects. Says of each what became of it.
///
/// # Errors
/// Some object could not be restored; the others are.
pub async fn restore(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    list: Vec<CleanedObject>,
) -> anyhow::Result<Vec<CleanedObject>> {
    each(list, async |object| {
        if object.bucket == config.landing_bucket {
            restore_landed(clients, request_id, object).await
        } else {
            show(clients, object).await
        }
    })
    .await
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

/// A landing file comes back as a new version, which is new work. Not over a newer one, and not if it may
/// have been read: its records would be there twice.
async fn restore_landed(
    clients: &Clients,
    request_id: &str,
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
    let current = latest(clients, &object.bucket, &object.key).await?;
    if let Some(version) = current.filter(|version| !version.is_marker) {
        let head = head(clients, &object.bucket, &object.key, &version.version_id).await?;
        if head
            .metadata()
            .and_then(|all| all.get(RESTORED))
            .map(String::as_str)
            == Some(request_id)
        {
            object.restored_as = Some(version.version_id);
            object.done = Some(Done::Restored);
        } else {
            object.done = Some(Done::Left);
            object.note = Some("the key has another version now".to_owned());
        }
        return Ok(object);
    }
    object.restored_as = Some(copy_back(clients, request_id, &object, &copy).await?);
    object.done = Some(Done::Restored);
    Ok(object)
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
    metadata.insert(RESTORED.to_owned(), request_id.to_owned());
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
