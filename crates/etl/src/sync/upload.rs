//! Sending one file so that what arrives is what was read.
//!
//! Each request carries the SHA-256 of its bytes, and S3 refuses what does not fit. A file that is sent in parts is
//! gone on with where an earlier sending stopped: a part that S3 has, by its hash, is not sent again.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, MultipartUpload, Part,
};
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use indicatif::ProgressBar;

use super::digest::{self, Stored, sha256};
use super::folder::Source;

/// Parts of one file that are sent at a time.
const PARTS_AT_ONCE: usize = 4;

/// Where files go.
#[derive(Debug, Clone)]
pub struct Destination {
    /// S3, as who may write there.
    pub s3: Client,
    /// The bucket.
    pub bucket: String,
}

impl Destination {
    /// What the bucket has under a key now; none if it has nothing.
    ///
    /// # Errors
    /// S3 can't be asked. Without leave to list the bucket it says 'forbidden' where there is nothing.
    pub async fn stored(&self, key: &str) -> anyhow::Result<Option<Stored>> {
        let answer = self
            .s3
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        match answer {
            Ok(head) => Ok(Some(Stored {
                size: head.content_length.unwrap_or_default().unsigned_abs(),
                sha256: head.checksum_sha256,
                crc64nvme: head.checksum_crc64_nvme,
                crc32: head.checksum_crc32,
            })),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{key} can't be looked up")),
        }
    }

    /// Sends a file; answers its version.
    ///
    /// # Errors
    /// It can't be read, changes meanwhile, or S3 does not take it.
    pub async fn send(
        &self,
        source: &Source,
        key: &str,
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<String>> {
        let parts = digest::parts(source.size);
        match parts.as_slice() {
            [whole] => self.send_whole(source, key, *whole, bar).await,
            _ => self.send_parts(source, key, parts, bar).await,
        }
    }

    async fn send_whole(
        &self,
        source: &Source,
        key: &str,
        part: (u64, u64),
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<String>> {
        let bytes = read(source.path.clone(), part).await?;
        check_unchanged(source)?;
        let length = bytes.len() as u64;
        let answer = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_sha256(sha256(&bytes))
            .body(ByteStream::from(bytes))
            .send()
            .await
            .with_context(|| format!("{key} is not taken"))?;
        bar.inc(length);
        Ok(answer.version_id)
    }

    async fn send_parts(
        &self,
        source: &Source,
        key: &str,
        parts: Vec<(u64, u64)>,
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<String>> {
        let (upload_id, there) = match self.unfinished(key).await? {
            Some(upload_id) => {
                let there = self.parts_of(key, &upload_id).await?;
                (upload_id, there)
            }
            None => (self.begin(key).await?, HashMap::new()),
        };
        let (upload, there) = (upload_id.as_str(), &there);
        let sent = (1..).zip(parts).map(|(number, part)| {
            let sending = async move {
                let bytes = read(source.path.clone(), part).await?;
                let length = bytes.len() as u64;
                let done = match reusable(there.get(&number), &bytes) {
                    Some(done) => done,
                    None => self.send_part(key, upload, number, bytes).await?,
                };
                bar.inc(length);
                anyhow::Ok(done)
            };
            sending.boxed()
        });
        let sent: Vec<CompletedPart> = stream::iter(sent.collect::<Vec<_>>())
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        check_unchanged(source)?;
        self.finish(key, upload, sent).await
    }

    /// The latest sending of this key that was begun and not ended.
    async fn unfinished(&self, key: &str) -> anyhow::Result<Option<String>> {
        let answer = self
            .s3
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(key)
            .send()
            .await
            .with_context(|| format!("unfinished uploads of {key} can't be listed"))?;
        let ours = |upload: &&MultipartUpload| {
            let algorithm = upload.checksum_algorithm();
            upload.key() == Some(key) && algorithm.is_none_or(|a| *a == ChecksumAlgorithm::Sha256)
        };
        let last = answer
            .uploads()
            .iter()
            .filter(ours)
            .max_by_key(|upload| upload.initiated().map(|at| (at.secs(), at.subsec_nanos())));
        Ok(last.and_then(|upload| upload.upload_id.clone()))
    }

    async fn parts_of(&self, key: &str, upload_id: &str) -> anyhow::Result<HashMap<i32, Part>> {
        let mut found = HashMap::new();
        let mut pages = self
            .s3
            .list_parts()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.with_context(|| format!("the parts of {key} can't be listed"))?;
            let parts = page.parts.unwrap_or_default().into_iter();
            found.extend(parts.filter_map(|part| Some((part.part_number?, part))));
        }
        Ok(found)
    }

    async fn begin(&self, key: &str) -> anyhow::Result<String> {
        let answer = self
            .s3
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .with_context(|| format!("{key} is not taken"))?;
        answer
            .upload_id
            .with_context(|| format!("S3 gives the upload of {key} no id"))
    }

    async fn send_part(
        &self,
        key: &str,
        upload_id: &str,
        number: i32,
        bytes: Vec<u8>,
    ) -> anyhow::Result<CompletedPart> {
        let hash = sha256(&bytes);
        let answer = self
            .s3
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .part_number(number)
            .checksum_sha256(&hash)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .with_context(|| format!("part {number} of {key} is not taken"))?;
        Ok(completed(number, answer.e_tag, hash))
    }

    async fn finish(
        &self,
        key: &str,
        upload_id: &str,
        parts: Vec<CompletedPart>,
    ) -> anyhow::Result<Option<String>> {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let answer = self
            .s3
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(parts)
            .send()
            .await
            .with_context(|| format!("the parts of {key} are not put together"))?;
        Ok(answer.version_id)
    }
}

/// What S3 has of a part already, if it is the same.
fn reusable(there: Option<&Part>, bytes: &[u8]) -> Option<CompletedPart> {
    let there = there?;
    let stored = there.checksum_sha256()?;
    let same_size = there.size().and_then(|size| usize::try_from(size).ok()) == Some(bytes.len());
    let same = same_size && stored == sha256(bytes);
    same.then(|| {
        completed(
            there.part_number.unwrap_or_default(),
            there.e_tag.clone(),
            stored.to_owned(),
        )
    })
}

fn completed(number: i32, e_tag: Option<String>, sha256: String) -> CompletedPart {
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(e_tag)
        .checksum_sha256(sha256)
        .build()
}

/// A part of a file, read aside so that other transfers go on.
async fn read(path: PathBuf, (offset, length): (u64, u64)) -> anyhow::Result<Vec<u8>> {
    let name = path.display().to_string();
    let reading = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(length).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    });
    let bytes = reading
        .await?
        .with_context(|| format!("{name} can't be read"))?;
    ensure!(
        bytes.len() as u64 == length,
        "{name} became shorter while it was sent"
    );
    Ok(bytes)
}

/// A file that is written to while it is sent would arrive as a mixture.
fn check_unchanged(source: &Source) -> anyhow::Result<()> {
    let now = std::fs::metadata(&source.path)?;
    ensure!(
        now.len() == source.size && now.modified().ok() == source.modified,
        "{} changed while it was sent",
        source.name
    );
    Ok(())
}
