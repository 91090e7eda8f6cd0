//! Objects as S3 has them now.

use anyhow::Context;
use aws_sdk_s3::types::EncodingType;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use pipeline::intake::listed_key;

use crate::Clients;

/// What is known of the newest versions below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its key.
    pub key: String,
    /// Its id.
    pub version_id: String,
    /// Of its content; empty for a delete marker.
    pub etag: String,
    /// When it came.
    pub landed_at: Option<Timestamp>,
    /// Bytes; 0 for a delete marker.
    pub size: u64,
    /// It is what a reader without a version gets.
    pub is_latest: bool,
    /// It is a delete marker.
    pub is_marker: bool,
}

/// A listing: versions, folders (with a delimiter), and whether there are more.
#[derive(Debug, Default)]
pub struct Listing {
    /// Versions and delete markers.
    pub versions: Vec<Version>,
    /// Prefixes up to the next slash.
    pub folders: Vec<String>,
    /// It was cut off.
    pub more: bool,
}

/// Lists the versions below a prefix, so many pages at most; `folders` lists one level only.
///
/// # Errors
/// S3 can't be asked.
pub async fn list(
    clients: &Clients,
    bucket: &str,
    prefix: &str,
    folders: bool,
    pages: usize,
) -> anyhow::Result<Listing> {
    let mut listing = Listing::default();
    let (mut key_marker, mut version_id_marker) = (None, None);
    for _ in 0..pages {
        let page = clients
            .desk
            .s3
            .list_object_versions()
            .bucket(bucket)
            .prefix(prefix)
            .set_delimiter(folders.then(|| "/".to_owned()))
            .encoding_type(EncodingType::Url)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_id_marker)
            .send()
            .await
            .with_context(|| format!("s3://{bucket}/{prefix} can't be listed"))?;
        let decoded = |key: &str| listed_key(key, page.encoding_type());
        for folder in page
            .common_prefixes()
            .iter()
            .filter_map(|folder| folder.prefix())
        {
            listing.folders.push(decoded(folder)?);
        }
        for version in page.versions() {
            listing.versions.push(Version {
                key: decoded(version.key().unwrap_or_default())?,
                version_id: version.version_id().unwrap_or_default().to_owned(),
                etag: version
                    .e_tag()
                    .unwrap_or_default()
                    .trim_matches('"')
                    .to_owned(),
                landed_at: version.last_modified().and_then(moment),
                size: u64::try_from(version.size().unwrap_or_default())?,
                is_latest: version.is_latest() == Some(true),
                is_marker: false,
            });
        }
        for marker in page.delete_markers() {
            listing.versions.push(Version {
                key: decoded(marker.key().unwrap_or_default())?,
                version_id: marker.version_id().unwrap_or_default().to_owned(),
                etag: String::new(),
                landed_at: marker.last_modified().and_then(moment),
                size: 0,
                is_latest: marker.is_latest() == Some(true),
                is_marker: true,
            });
        }
        if page.is_truncated != Some(true) {
            return Ok(listing);
        }
        let next = page
            .next_key_marker
            .as_deref()
            .context("S3 does not say where the listing goes on")?;
        key_marker = Some(decoded(next)?);
        version_id_marker = page.next_version_id_marker.clone();
    }
    listing.more = true;
    Ok(listing)
}

fn moment(moment: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(moment.to_millis().ok()?).ok()
}

/// All versions of one key, up to a page.
///
/// # Errors
/// S3 can't be asked.
pub async fn versions_of(
    clients: &Clients,
    bucket: &str,
    key: &str,
) -> anyhow::Result<Vec<Version>> {
    // Those of a key come before those of longer keys.
    let mut listing = list(clients, bucket, key, false, 1).await?;
    listing.versions.retain(|version| version.key == key);
    Ok(listing.versions)
}

/// What a reader of the key gets, a delete marker included.
///
/// # Errors
/// S3 can't be asked.
pub async fn latest(clients: &Clients, bucket: &str, key: &str) -> anyhow::Result<Option<Version>> {
    let versions = versions_of(clients, bucket, key).await?;
    Ok(versions.into_iter().find(|version| version.is_latest))
}
