//! Landed versions that the ledger lacks, and files that are put once more.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{EncodingType, MetadataDirective, ObjectVersion};
use aws_smithy_types::DateTime;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use pipeline::intake::{is_file, listed_key, take_in};
use pipeline::ledger::{FileItem, TakenIn};
use pipeline::protocol::dataset_of;
use pipeline::triggers::{
    Admitted, Copyglue, Found, RESTORED_BY, RESTORED_FROM, Relanded, copy_source,
};
use serde::{Deserialize, Serialize};

use crate::{Clients, Config, Invocation};

/// Pages (1,000 versions each) of a listing.
const MOST_PAGES: usize = 10;
/// Files in flight.
const AT_ONCE: usize = 16;
/// Metadata of a file that was put once more: on whose request.
pub const RELANDED: &str = "reland-request-id";

/// What a request has set itself to take in: what it found, and the files that the ledger lacked.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Intake {
    found: Found,
    files: Vec<LandedFile>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LandedFile {
    key: String,
    version_id: String,
    etag: String,
    size: u64,
    landed_at: Timestamp,
}

impl LandedFile {
    fn into_item(self, config: &Config) -> FileItem {
        FileItem {
            bucket: config.landing_bucket.clone(),
            dataset: dataset_of(&self.key, &config.landing_prefix),
            key: self.key,
            version_id: self.version_id,
            sequencer: None,
            etag: self.etag,
            size: self.size,
            landed_at: self.landed_at,
            assigned_to: None,
        }
    }
}

/// Takes in the versions that the ledger lacks. Which ones these are is kept first: after a retry, they
/// are still those that this request has found.
///
/// # Errors
/// S3 or the ledger can't be used.
pub async fn take_in_missing(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    admitted: &Admitted,
    files: &Copyglue,
) -> anyhow::Result<Found> {
    let desk = &clients.desk;
    let request_id = &admitted.trigger.request_id;
    let intake: Intake = match desk.plan(&admitted.item).await? {
        Some(intake) => intake,
        None => {
            desk.keep_plan(request_id, look(config, clients, files).await?)
                .await?
        }
    };
    let by = &taken_in(request_id, invocation);
    stream::iter(intake.files)
        .map(async |file| {
            let item = file.into_item(config);
            take_in(&desk.ledger, &item, by)
                .await
                .with_context(|| format!("{} can't be taken in", item.file_id()))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<bool>>()
        .await?;
    Ok(intake.found)
}

fn taken_in(request_id: &str, invocation: &Invocation) -> TakenIn {
    TakenIn::new("support-trigger", request_id, invocation.now)
}

async fn look(config: &Config, clients: &Clients, files: &Copyglue) -> anyhow::Result<Intake> {
    let mut found = Found::default();
    let mut listed = Vec::new();
    match files {
        Copyglue::Open {} => {}
        Copyglue::Keys { keys, .. } => {
            for key in keys {
                // The versions of a key come before those of longer keys.
                let (versions, _) = list(config, clients, key, 1).await?;
                let own: Vec<LandedFile> = versions
                    .into_iter()
                    .filter(|file| file.key == *key)
                    .collect();
                if own.is_empty() {
                    found.missing.push(key.clone());
                }
                listed.extend(own);
            }
        }
        Copyglue::Prefix { prefix, from, to } => {
            let (versions, more) = list(config, clients, prefix, MOST_PAGES).await?;
            found.more = more;
            listed = versions;
            listed.retain(|file| {
                from.is_none_or(|from| file.landed_at >= from)
                    && to.is_none_or(|to| file.landed_at < to)
            });
        }
    }
    let items: Vec<FileItem> = listed
        .iter()
        .map(|file| file.clone().into_item(config))
        .collect();
    let pks: Vec<String> = items.iter().map(FileItem::pk).collect();
    let known = clients.desk.ledger.items(&pks).await?;
    found.versions = listed.len();
    let missing: Vec<LandedFile> = listed
        .into_iter()
        .zip(&pks)
        .filter(|(_, pk)| !known.contains_key(*pk))
        .map(|(file, _)| file)
        .collect();
    found.taken_in = missing.len();
    found.known = found.versions - found.taken_in;
    Ok(Intake {
        found,
        files: missing,
    })
}

/// The versions below a prefix, and whether there are more.
async fn list(
    config: &Config,
    clients: &Clients,
    prefix: &str,
    pages: usize,
) -> anyhow::Result<(Vec<LandedFile>, bool)> {
    let mut files = Vec::new();
    let (mut key_marker, mut version_id_marker) = (None, None);
    for _ in 0..pages {
        let page = clients
            .desk
            .s3
            .list_object_versions()
            .bucket(&config.landing_bucket)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_id_marker)
            .send()
            .await
            .with_context(|| format!("{prefix} can't be listed"))?;
        let encoding = page.encoding_type();
        let landed = page
            .versions()
            .iter()
            .filter_map(|version| landed_file(version, encoding, config));
        files.extend(landed);
        if page.is_truncated != Some(true) {
            return Ok((files, false));
        }
        let next = page
            .next_key_marker
            .as_deref()
            .context("S3 does not say where the listing goes on")?;
        key_marker = Some(listed_key(next, encoding)?);
        version_id_marker = page.next_version_id_marker.clone();
    }
    Ok((files, true))
}

fn landed_file(
    version: &ObjectVersion,
    encoding: Option<&EncodingType>,
    config: &Config,
) -> Option<LandedFile> {
    let key = listed_key(version.key()?, encoding).ok()?;
    let size = u64::try_from(version.size.unwrap_or_default()).ok()?;
    is_file(&key, size, &config.landing_prefix).then_some(())?;
    Some(LandedFile {
        key,
        version_id: version.version_id.clone()?,
        etag: unquoted(version.e_tag.as_deref()),
        size,
        landed_at: moment(version.last_modified.as_ref())?,
    })
}

fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn moment(moment: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_millisecond(moment?.to_millis().ok()?).ok()
}

/// Puts the current version of each key once more, and takes the new version in. A key whose current
/// version bears this request's mark has been through.
///
/// # Errors
/// S3 or the ledger can't be used.
pub async fn reland(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    admitted: &Admitted,
    keys: &[String],
) -> anyhow::Result<Found> {
    let request_id = &admitted.trigger.request_id;
    let by = &taken_in(request_id, invocation);
    let answers: Vec<(&String, Option<Relanded>)> = stream::iter(keys)
        .map(async |key| {
            let relanded = reland_one(config, clients, request_id, by, key)
                .await
                .with_context(|| format!("{key} can't be put once more"))?;
            anyhow::Ok((key, relanded))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut found = Found::default();
    for (key, relanded) in answers {
        match relanded {
            Some(relanded) => found.relanded.push(relanded),
            None => found.missing.push(key.clone()),
        }
    }
    found.versions = found.relanded.len();
    found.taken_in = found.relanded.len();
    Ok(found)
}

async fn reland_one(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    by: &TakenIn,
    key: &str,
) -> anyhow::Result<Option<Relanded>> {
    let Some(current) = head(config, clients, key).await? else {
        return Ok(None);
    };
    let is_ours = |head: &HeadObjectOutput| {
        head.metadata()
            .and_then(|all| all.get(RELANDED))
            .map(String::as_str)
            == Some(request_id)
    };
    let (from, new) = if is_ours(&current) {
        (None, Some(current))
    } else {
        let from = current.version_id.clone();
        copy_onto_itself(config, clients, request_id, key, &current).await?;
        (
            from,
            head(config, clients, key)
                .await?
                .filter(|head| is_ours(head)),
        )
    };
    // A newer version has come in between: this one's own event brings it.
    let Some(new) = new else {
        anyhow::bail!("another version came in the same moment");
    };
    let file = LandedFile {
        key: key.to_owned(),
        version_id: new
            .version_id
            .clone()
            .context("the landing bucket must be versioned")?,
        etag: unquoted(new.e_tag.as_deref()),
        size: u64::try_from(new.content_length.unwrap_or_default())?,
        landed_at: moment(new.last_modified.as_ref()).context("S3 does not say when it was put")?,
    };
    let version_id = file.version_id.clone();
    take_in(&clients.desk.ledger, &file.into_item(config), by).await?;
    Ok(Some(Relanded {
        key: key.to_owned(),
        from_version_id: from,
        version_id,
    }))
}

/// The current version; none if there is none. A role that may list the bucket is told 404 then.
async fn head(
    config: &Config,
    clients: &Clients,
    key: &str,
) -> anyhow::Result<Option<HeadObjectOutput>> {
    let s3 = &clients.desk.s3;
    let answer = s3
        .head_object()
        .bucket(&config.landing_bucket)
        .key(key)
        .send()
        .await;
    match answer {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => Ok(None),
        Err(error) => {
            let code = error.code().unwrap_or("no answer").to_owned();
            Err(error).with_context(|| format!("S3 does not tell of it: {code}"))
        }
    }
}

async fn copy_onto_itself(
    config: &Config,
    clients: &Clients,
    request_id: &str,
    key: &str,
    current: &HeadObjectOutput,
) -> anyhow::Result<()> {
    let mut metadata: HashMap<String, String> = current.metadata().cloned().unwrap_or_default();
    metadata.insert(RELANDED.to_owned(), request_id.to_owned());
    // Or an undoing would take the new version for one that it has put back.
    for mark in [RESTORED_BY, RESTORED_FROM] {
        metadata.remove(mark);
    }
    let bucket = &config.landing_bucket;
    clients
        .desk
        .s3
        .copy_object()
        .bucket(bucket)
        .key(key)
        .copy_source(copy_source(bucket, key, None))
        .set_copy_source_if_match(current.e_tag.clone())
        .metadata_directive(MetadataDirective::Replace)
        .set_metadata(Some(metadata))
        .set_content_type(current.content_type.clone())
        .set_content_encoding(current.content_encoding.clone())
        .send()
        .await
        .context("the copy failed")?;
    Ok(())
}
