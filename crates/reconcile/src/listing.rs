//! Landed versions that no event brought: a window of the bucket's versions an invocation.

use std::time::Instant;

use anyhow::{Context, bail};
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{EncodingType, ObjectVersion};
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use pipeline::intake::{is_file, listed_key, take_in};
use pipeline::ledger::{Cursor, FileItem, TakenIn};
use pipeline::protocol::dataset_of;

use crate::{Clients, Config, FUNCTION, Invocation};

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
    /// When the pass began that is under way; none if it came to its end.
    pub pass_started_at: Option<Timestamp>,
    /// What stopped it before the window's end. The pages before count all the same.
    pub error: Option<anyhow::Error>,
}

/// Lists the next window and takes in what has no item.
pub async fn take_in_unseen(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
) -> Listing {
    let mut listing = Listing::default();
    listing.error = list(config, clients, invocation, &mut listing).await.err();
    listing
}

/// The cursor moves past a page once the page is through, and before the next one is asked for: whatever
/// ends this, a page at most is listed twice. Whoever finds that somebody else has moved the cursor
/// leaves the rest to them.
async fn list(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    listing: &mut Listing,
) -> anyhow::Result<()> {
    let mut cursor = clients.ledger.cursor().await?;
    cursor.pass_started_at.get_or_insert(invocation.now);
    listing.pass_started_at = cursor.pass_started_at;
    for _ in 0..config.listing_pages {
        if Instant::now() >= invocation.listing_ends {
            tracing::info!(listed = listing.listed, "the rest is listed next time");
            break;
        }
        let page = list_page(config, clients, &cursor).await?;
        let files = landed_files(&page, config, invocation.now);
        let (taken_in, failure) = take_in_missing(clients, &files, invocation).await?;
        listing.listed += page.versions().len();
        listing.taken_in += taken_in;

        // One file that the ledger won't have must not hide all that lies behind it: the pass goes on
        // from the next page, does not count as one without gaps, and the next pass tries again.
        cursor.has_gaps |= failure.is_some();
        let next = next_cursor(&page, &cursor)?;
        if !clients.ledger.put_cursor(&next).await? {
            tracing::info!(listed = listing.listed, "somebody else goes on listing");
            break;
        }
        cursor = next;
        cursor.revision += 1;
        listing.pass_started_at = cursor.pass_started_at;
        listing.pass_completed = cursor.pass_started_at.is_none();
        if let Some(error) = failure {
            return Err(error);
        }
        if listing.pass_completed {
            break;
        }
    }
    Ok(())
}

async fn list_page(
    config: &Config,
    clients: &Clients,
    cursor: &Cursor,
) -> anyhow::Result<ListObjectVersionsOutput> {
    clients
        .s3
        .list_object_versions()
        .bucket(&config.landing_bucket)
        .prefix(&config.landing_prefix)
        .encoding_type(EncodingType::Url)
        .set_key_marker(cursor.key_marker.clone())
        .set_version_id_marker(cursor.version_id_marker.clone())
        .send()
        .await
        .context("the landing zone can't be listed")
}

/// Where the listing goes on after `page`: behind it, or, at the end of a pass, at the beginning.
///
/// # Errors
/// S3 says that there is more and not where. To take that for the end would be to call files seen that
/// were not.
fn next_cursor(page: &ListObjectVersionsOutput, cursor: &Cursor) -> anyhow::Result<Cursor> {
    if page.is_truncated != Some(true) {
        return Ok(Cursor {
            full_pass_started_at: if cursor.has_gaps {
                cursor.full_pass_started_at
            } else {
                cursor.pass_started_at
            },
            revision: cursor.revision,
            ..Cursor::default()
        });
    }
    let next = page
        .next_key_marker
        .as_deref()
        .filter(|next| !next.is_empty())
        .context("the landing zone's listing goes on, but S3 does not say where")?;
    let next = Cursor {
        key_marker: Some(listed_key(next, page.encoding_type())?),
        version_id_marker: page.next_version_id_marker.clone(),
        ..cursor.clone()
    };
    if (&next.key_marker, &next.version_id_marker)
        == (&cursor.key_marker, &cursor.version_id_marker)
    {
        bail!("the landing zone's listing goes on where it was");
    }
    Ok(next)
}

/// Takes in all files that have no item. Says how many, and why one could not be; the others are.
async fn take_in_missing(
    clients: &Clients,
    files: &[FileItem],
    invocation: &Invocation,
) -> anyhow::Result<(usize, Option<anyhow::Error>)> {
    let pks: Vec<String> = files.iter().map(FileItem::pk).collect();
    let known = clients.ledger.items(&pks).await?;
    let missing = files
        .iter()
        .zip(&pks)
        .filter(|(_, pk)| !known.contains_key(*pk))
        .map(|(file, _)| file);
    let by = &TakenIn::new(FUNCTION, &invocation.request_id, invocation.now);
    let answers: Vec<anyhow::Result<()>> = stream::iter(missing)
        .map(async |file| {
            let file_id = file.file_id();
            let is_new = take_in(&clients.ledger, file, by)
                .await
                .with_context(|| format!("{file_id} can't be taken in"))?;
            tracing::warn!(file_id, is_new, "no event brought this file");
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let taken_in = answers.iter().filter(|answer| answer.is_ok()).count();
    Ok((taken_in, answers.into_iter().find_map(Result::err)))
}

/// The files of one page of the listing, without those whose own event may still come. Delete markers
/// are in a list of their own, and folder markers are no files.
#[must_use]
pub fn landed_files(
    page: &ListObjectVersionsOutput,
    config: &Config,
    now: Timestamp,
) -> Vec<FileItem> {
    page.versions()
        .iter()
        .filter_map(|version| landed_file(version, page.encoding_type(), config))
        .filter(|file| now.duration_since(file.landed_at) >= config.patience.landing_grace)
        .collect()
}

fn landed_file(
    version: &ObjectVersion,
    encoding: Option<&EncodingType>,
    config: &Config,
) -> Option<FileItem> {
    let prefix = &config.landing_prefix;
    let listed = version.key.as_deref()?;
    let key = listed_key(listed, encoding)
        .inspect_err(|error| tracing::error!(key = listed, %error, "a version is left out"))
        .ok()?;
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
