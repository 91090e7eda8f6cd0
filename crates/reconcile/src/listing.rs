//! Landed versions that no event brought: a window of the bucket's versions an invocation.

use anyhow::Context;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{EncodingType, ObjectVersion};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use pipeline::intake::{decode_key, is_file, take_in};
use pipeline::ledger::{Cursor, FileItem};
use pipeline::protocol::dataset_of;

use crate::{Clients, Config};

/// Files in flight.
const AT_ONCE: usize = 32;

/// What came of it.
#[derive(Debug, Default)]
pub struct Listing {
    /// Versions seen.
    pub listed: usize,
    /// Files taken in.
    pub taken_in: usize,
    /// Whether the pass came to its end.
    pub pass_completed: bool,
    /// When the last pass began that went through to its end.
    pub full_pass_started_at: Option<Timestamp>,
    /// What stopped it before the window's end. The pages before count all the same.
    pub error: Option<anyhow::Error>,
}

/// Lists the next window and takes in what has no item. The cursor moves past a page only once all of
/// that page is taken in.
pub async fn take_in_unseen(config: &Config, clients: &Clients, now: Timestamp) -> Listing {
    let mut listing = Listing::default();
    let mut cursor = match clients.ledger.cursor().await {
        Ok(cursor) => cursor,
        Err(error) => {
            listing.error = Some(error);
            return listing;
        }
    };
    let before = cursor.clone();
    cursor.pass_started_at.get_or_insert(now);
    for _ in 0..config.listing_pages {
        match page(config, clients, &mut cursor, now, &mut listing).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                listing.error = Some(error);
                break;
            }
        }
    }
    listing.full_pass_started_at = cursor.full_pass_started_at;
    if cursor != before
        && let Err(error) = clients.ledger.put_cursor(&cursor).await
    {
        listing.error.get_or_insert(error);
    }
    listing
}

/// One page. Says whether there are more.
async fn page(
    config: &Config,
    clients: &Clients,
    cursor: &mut Cursor,
    now: Timestamp,
    listing: &mut Listing,
) -> anyhow::Result<bool> {
    let page = clients
        .s3
        .list_object_versions()
        .bucket(&config.landing_bucket)
        .prefix(&config.landing_prefix)
        // Keys may hold characters that XML can't.
        .encoding_type(EncodingType::Url)
        .set_key_marker(cursor.key_marker.clone())
        .set_version_id_marker(cursor.version_id_marker.clone())
        .send()
        .await
        .context("the landing zone can't be listed")?;
    let files = landed_files(&page, config, now);
    let taken_in = take_in_missing(clients, &files, now).await?;

    listing.listed += page.versions().len();
    listing.taken_in += taken_in;
    let more = page.is_truncated == Some(true) && page.next_key_marker.is_some();
    if more {
        let is_encoded = page.encoding_type == Some(EncodingType::Url);
        let next = page.next_key_marker.unwrap_or_default();
        cursor.key_marker = Some(if is_encoded { decode_key(&next)? } else { next });
        cursor.version_id_marker = page.next_version_id_marker;
    } else {
        listing.pass_completed = true;
        *cursor = Cursor {
            full_pass_started_at: cursor.pass_started_at,
            ..Cursor::default()
        };
    }
    Ok(more)
}

async fn take_in_missing(
    clients: &Clients,
    files: &[FileItem],
    now: Timestamp,
) -> anyhow::Result<usize> {
    let pks: Vec<String> = files.iter().map(FileItem::pk).collect();
    let known = clients.ledger.items(&pks).await?;
    let missing: Vec<&FileItem> = files
        .iter()
        .zip(&pks)
        .filter(|(_, pk)| !known.contains_key(*pk))
        .map(|(file, _)| file)
        .collect();
    stream::iter(&missing)
        .map(async |file| {
            let is_new = take_in(&clients.ledger, file, now).await?;
            tracing::warn!(
                file_id = file.file_id(),
                is_new,
                "no event brought this file"
            );
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(missing.len())
}

/// The files of one page of the listing, without those whose own event may still come. Delete markers
/// are in a list of their own, and folder markers are no files.
#[must_use]
pub fn landed_files(
    page: &ListObjectVersionsOutput,
    config: &Config,
    now: Timestamp,
) -> Vec<FileItem> {
    let is_encoded = page.encoding_type == Some(EncodingType::Url);
    page.versions()
        .iter()
        .filter_map(|version| landed_file(version, is_encoded, config))
        .filter(|file| now.duration_since(file.landed_at) >= config.patience.landing_grace)
        .collect()
}

fn landed_file(version: &ObjectVersion, is_encoded: bool, config: &Config) -> Option<FileItem> {
    let prefix = &config.landing_prefix;
    let listed_key = version.key.as_deref()?;
    let key = if is_encoded {
        decode_key(listed_key)
            .inspect_err(|error| tracing::error!(key = listed_key, %error, "a version is left out"))
            .ok()?
    } else {
        listed_key.to_owned()
    };
    let size = u64::try_from(version.size.unwrap_or_default()).ok()?;
    let landed_at = version.last_modified.as_ref()?.to_millis().ok()?;
    is_file(&key, size, prefix).then_some(())?;
    Some(FileItem {
        bucket: config.landing_bucket.clone(),
        version_id: version.version_id.clone()?,
        sequencer: None,
        etag: version
            .e_tag
            .as_deref()
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned(),
        size,
        dataset: dataset_of(&key, prefix),
        key,
        landed_at: Timestamp::from_millisecond(landed_at).ok()?,
        assigned_to: None,
    })
}
