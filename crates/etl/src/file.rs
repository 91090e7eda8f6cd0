//! `etl file`: where a landed file is and was, and how many records of it each stage had.

pub mod follow;
pub mod numbers;
mod render;
pub mod report;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, ObjectVersion};
use bytes::Bytes;
use futures::future::try_join_all;
use jiff::Timestamp;
use pipeline::intake::listed_key;
use pipeline::ledger::{FileItem, Ledger};
use pipeline::protocol::{Stage, file_id, split_file_id};
use serde::Serialize;

use crate::answer::{Answer, Exit, Stop};
use crate::cli::FileArgs;
use crate::settings::Settings;
use follow::{Source, Step};

/// One version of a key, and its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `<bucket>/<key>#<version id>`.
    pub file_id: String,
    /// It is what the key holds now; none if only its id was asked for.
    pub is_latest: Option<bool>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it landed.
    pub landed_at: Option<Timestamp>,
    /// The ledger has it.
    pub known: bool,
    /// Its dataset, by its key.
    pub dataset: Option<String>,
    /// Where it is now, in words.
    pub is_now: String,
    /// The runs that took it, or hold it.
    pub steps: Vec<Step>,
    /// Later runs in which rows of it made room for newer ones.
    pub later: Vec<Step>,
    /// Its rows in the tables now; none before Glue 3 has committed.
    pub rows_now: Option<u64>,
    /// What does not add up. Nothing should be here.
    pub problems: Vec<String>,
}

/// What the landing bucket says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    file_id: String,
    is_latest: Option<bool>,
    size: Option<u64>,
    landed_at: Option<Timestamp>,
}

/// Finds the versions that are meant, and follows each of them.
///
/// # Errors
/// There is no such file, or something can't be read.
pub async fn gather(
    ledger: &Ledger,
    s3: &Client,
    settings: &Settings,
    args: &FileArgs,
) -> anyhow::Result<Vec<Seen>> {
    let versions = match meant(&args.file, settings)? {
        Meant::FileId(file_id) => vec![Version {
            file_id,
            is_latest: None,
            size: None,
            landed_at: None,
        }],
        Meant::Key(key) => versions_of(s3, settings, &key, args.versions).await?,
    };
    let source = Source {
        ledger,
        s3,
        bucket: &settings.state_bucket,
    };
    let is_id = versions.first().is_some_and(|one| one.is_latest.is_none());
    let seen = try_join_all(versions.into_iter().map(|version| see(&source, version))).await?;
    if seen.is_empty() || (is_id && !seen.iter().any(|one| one.known)) {
        let message = format!(
            "neither the landing bucket nor the ledger knows {}",
            args.file
        );
        return Err(Stop::with(Exit::NotFound, message));
    }
    Ok(seen)
}

#[derive(Debug, PartialEq, Eq)]
enum Meant {
    FileId(String),
    Key(String),
}

/// Reads a key, with or without the landing prefix, an address, or a file id.
fn meant(text: &str, settings: &Settings) -> anyhow::Result<Meant> {
    let bucket = &settings.landing_bucket;
    if let Some((named, _, _)) = split_file_id(text)
        && named == bucket
    {
        return Ok(Meant::FileId(text.to_owned()));
    }
    let key = match text.strip_prefix("s3://") {
        None => text,
        Some(address) => address
            .strip_prefix(bucket.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| {
                let message = format!("{text} is not in the landing bucket, which is {bucket}");
                Stop::with(Exit::Usage, message)
            })?,
    };
    Ok(Meant::Key(full_key(key, settings)))
}

/// A key as the bucket has it: the landing prefix may be left out.
#[must_use]
pub fn full_key(key: &str, settings: &Settings) -> String {
    let prefix = &settings.landing_prefix;
    if key.starts_with(prefix.as_str()) {
        key.to_owned()
    } else {
        format!("{prefix}{key}")
    }
}

async fn versions_of(
    s3: &Client,
    settings: &Settings,
    key: &str,
    most: usize,
) -> anyhow::Result<Vec<Version>> {
    let bucket = &settings.landing_bucket;
    let mut versions = Vec::new();
    let (mut key_marker, mut version_marker) = (None, None);
    loop {
        let page = s3
            .list_object_versions()
            .bucket(bucket)
            .prefix(key)
            .encoding_type(EncodingType::Url)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_marker)
            .send()
            .await
            .with_context(|| format!("the versions of {key} can't be listed"))?;
        let decoded = |listed: &str| listed_key(listed, page.encoding_type());
        let is_ours = |version: &&ObjectVersion| {
            decoded(version.key().unwrap_or_default()).as_deref() == Ok(key)
        };
        // Keys that only begin like it come after it.
        let passed = !page.versions().iter().all(|version| is_ours(&version));
        let ours = page.versions().iter().filter(is_ours);
        versions.extend(ours.map(|version| {
            Version {
                file_id: file_id(bucket, key, version.version_id().unwrap_or("null")),
                is_latest: Some(version.is_latest().unwrap_or_default()),
                size: version.size().and_then(|size| u64::try_from(size).ok()),
                landed_at: version
                    .last_modified()
                    .and_then(|at| Timestamp::from_millisecond(at.to_millis().ok()?).ok()),
            }
        }));
        if passed || versions.len() >= most || page.is_truncated() != Some(true) {
            versions.truncate(most);
            return Ok(versions);
        }
        key_marker = page.next_key_marker().map(decoded).transpose()?;
        version_marker = page.next_version_id_marker;
    }
}

async fn see(source: &Source<'_>, version: Version) -> anyhow::Result<Seen> {
    let file = source.ledger.file(&version.file_id).await?;
    let steps = match &file {
        Some(file) => source.steps(file).await?,
        None => vec![],
    };
    let dataset = file.as_ref().and_then(|file| file.dataset.clone());
    let later = match &dataset {
        Some(dataset) if conformed(&steps) > 0 => {
            source.later(&steps, dataset, &version.file_id).await?
        }
        _ => vec![],
    };
    Ok(told(version, file.as_ref(), steps, later))
}

/// An object of the state bucket.
pub(crate) async fn read(s3: &Client, bucket: &str, key: &str) -> anyhow::Result<Bytes> {
    let cant = || format!("s3://{bucket}/{key} can't be read");
    let answer = s3.get_object().bucket(bucket).key(key).send().await;
    let body = answer.with_context(cant)?.body.collect().await;
    Ok(body.with_context(cant)?.into_bytes())
}

fn number(steps: &[Step], stage: Stage, name: &str) -> u64 {
    let of_stage = steps.iter().filter(|step| step.stage == stage);
    of_stage.filter_map(|step| step.numbers.get(name)).sum()
}

/// Rows that the run which took it brought into tables.
fn conformed(steps: &[Step]) -> u64 {
    number(steps, Stage::Conform, "legacy") + number(steps, Stage::Conform, "secured")
}

fn told(version: Version, file: Option<&FileItem>, steps: Vec<Step>, later: Vec<Step>) -> Seen {
    let took = |stage| steps.iter().any(|step| step.stage == stage && step.took);
    let replaced = number(&later, Stage::Conform, "replaced");
    let rows = conformed(&steps);
    let mut problems = problems(&steps);
    if replaced > rows {
        problems.push(format!(
            "{replaced} rows were replaced, and {rows} conformed"
        ));
    }
    Seen {
        is_now: is_now(file, &steps),
        rows_now: took(Stage::Conform).then(|| rows.saturating_sub(replaced)),
        file_id: version.file_id,
        is_latest: version.is_latest,
        size: file.map(|file| file.size).or(version.size),
        landed_at: file.map(|file| file.landed_at).or(version.landed_at),
        known: file.is_some(),
        dataset: file.and_then(|file| file.dataset.clone()),
        steps,
        later,
        problems,
    }
}

fn is_now(file: Option<&FileItem>, steps: &[Step]) -> String {
    let Some(file) = file else {
        return "landed, and not in the ledger: its event has not come, and reconcile has not come by".to_owned();
    };
    let Some(last) = steps.last() else {
        return match &file.assigned_to {
            None => "waits for Glue 1".to_owned(),
            Some(run) => format!("waits for Glue 1: {run}, which has it, is not in the ledger"),
        };
    };
    let (stage, run) = (last.stage, &last.run_id);
    if !last.took {
        return match last.state.as_str() {
            "STARTED" => format!("in the hands of Glue {stage}, {run}"),
            "VOID" => format!("waits for Glue {stage}: {run}, which had it, did not commit"),
            _ => format!("waits for Glue {stage}: {run} left it to the next run"),
        };
    }
    let nothing = stage == Stage::Ingest && last.numbers.get("records") == Some(&0);
    match (stage, last.outcome.as_deref()) {
        (Stage::Ingest, Some("empty")) => "done: it holds no record".to_owned(),
        (Stage::Ingest, Some(outcome)) if nothing => {
            let reason = last.reason.as_deref().unwrap_or("see quarantine");
            format!("{outcome}: {reason}")
        }
        (Stage::Ingest, _) => "in temp, waits for Glue 2".to_owned(),
        (Stage::Classify, _) => "classified, waits for Glue 3".to_owned(),
        (Stage::Conform, _) => conformed_to(last),
    }
}

/// Where the records are that Glue 3 took.
fn conformed_to(step: &Step) -> String {
    let of = |name| step.numbers.get(name).copied().unwrap_or_default();
    let tables = match step.tables.as_slice() {
        [] => "done: in no table".to_owned(),
        tables => format!("in {}", tables.join(", ")),
    };
    match of("quarantined") {
        0 => tables,
        all if all == of("records_in") => format!("quarantined by its contract: {all}"),
        some => format!("{tables}; quarantined by its contract: {some}"),
    }
}

/// What does not add up from stage to stage.
fn problems(steps: &[Step]) -> Vec<String> {
    let of = |stage, name| number(steps, stage, name);
    let took = |stage| steps.iter().any(|step| step.stage == stage && step.took);
    let ingested = of(Stage::Ingest, "records");
    let classified = of(Stage::Classify, "records_in");
    let zones = of(Stage::Classify, "legacy") + of(Stage::Classify, "secured");
    let read = of(Stage::Conform, "records_in");
    let refused = of(Stage::Conform, "quarantined");
    let settled = conformed(steps) + of(Stage::Conform, "superseded") + refused;
    let comparisons = [
        (
            Stage::Classify,
            ("records by Glue 1", ingested),
            ("into Glue 2", classified),
        ),
        (
            Stage::Classify,
            ("into Glue 2", classified),
            ("legacy and secured", zones),
        ),
        (
            Stage::Conform,
            ("into Glue 2", classified),
            ("into Glue 3", read),
        ),
        (
            Stage::Conform,
            ("into Glue 3", read),
            ("conformed, superseded and quarantined", settled),
        ),
    ];
    comparisons
        .into_iter()
        .filter(|(stage, left, right)| took(*stage) && left.1 != right.1)
        .map(|(_, left, right)| format!("{} {}, {} {}", left.1, left.0, right.1, right.0))
        .collect()
}

/// The answer; bad news if something does not add up.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(files: &[Seen]) -> anyhow::Result<Answer> {
    let exit = if files.iter().all(|seen| seen.problems.is_empty()) {
        Exit::Fine
    } else {
        Exit::Bad
    };
    Answer::new(render::render(files), &files, exit)
}

#[cfg(test)]
mod tests;
