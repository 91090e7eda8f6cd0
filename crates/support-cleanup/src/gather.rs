//! What there is to remove or to put back.

use anyhow::Context;
use jiff::Timestamp;
use pipeline::glue::{GlueRun, run_of};
use pipeline::intake::{is_file, take_in};
use pipeline::ledger::{FileItem, LedgerItem, TakenIn};
use pipeline::protocol::{Phase, RunState, Stage, dataset_of, file_id, file_pk, has_ended, run_pk};
use pipeline::triggers::{CleanedObject, Cleanup, Done, HIGHEST_LIMIT, Target};

use crate::objects::{Version, list, versions_of};
use crate::plan::{FileFate, RunFate, Todo, file_fate, run_fate};
use crate::undoing::undoing;
use crate::{Clients, Config, Invocation};

/// Pages of a listing: some more than any limit, so that a refusal has a count.
const PAGES: usize = 2 * HIGHEST_LIMIT as usize / 1_000;

/// What is to be done, or (inner error) why nothing is.
///
/// # Errors
/// Something can't be read.
pub async fn gather(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    request_id: &str,
    cleanup: &Cleanup,
) -> anyhow::Result<Result<Todo, String>> {
    match &cleanup.target {
        Target::Run { stage, run_id } => {
            let run = (*stage, run_id.as_str());
            run_outputs(config, clients, invocation, run, cleanup.dry_run).await
        }
        Target::Files { keys } => {
            let by = TakenIn::new("support-cleanup", request_id, invocation.now);
            let by = (!cleanup.dry_run).then_some(&by);
            landing_files(config, clients, invocation.now, by, keys)
                .await
                .map(Ok)
        }
        Target::Undo { undo } => undoing(config, clients, undo, request_id).await,
    }
}

async fn run_outputs(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    (stage, run_id): (Stage, &str),
    dry_run: bool,
) -> anyhow::Result<Result<Todo, String>> {
    let ledger = &clients.desk.ledger;
    let (state, ended, glue) = facts(config, clients, (stage, run_id), invocation.now).await?;
    match run_fate(stage, run_id, state, ended) {
        RunFate::Refuse(why) => return Ok(Err(why)),
        RunFate::Remove => {}
        _ if dry_run => {}
        RunFate::VoidFirst => {
            ledger.void_run(stage, run_id).await?;
        }
        RunFate::PutVoidFirst => {
            let started_at = glue.and_then(|run| run.started_at);
            let job = config.job(stage);
            ledger
                .put_never_started(stage, run_id, job, started_at)
                .await?;
        }
    }
    if !dry_run {
        // Whatever was written or refused just now, only this counts.
        let state = ledger.run(stage, run_id).await?.map(|run| run.state);
        if state != Some(RunState::Void) {
            return Ok(Err(format!(
                "run_id: the stage {stage} run {run_id} has gone on meanwhile"
            )));
        }
    }
    if stage == Stage::Conform {
        return Ok(Ok(Todo {
            note: Some("Glue 3 writes tables, and nothing below run=: what an Iceberg commit did not publish is no part of a table".to_owned()),
            ..Todo::default()
        }));
    }
    let mut todo = Todo::default();
    for (bucket, prefix) in places(config, clients, stage, run_id).await? {
        let listing = list(clients, &bucket, &prefix, false, PAGES).await?;
        let current = listing
            .versions
            .into_iter()
            .filter(|version| version.is_latest && !version.is_marker);
        todo.objects.extend(current.map(|version| CleanedObject {
            bucket: bucket.clone(),
            key: version.key,
            version_id: version.version_id,
            size: version.size,
            ..CleanedObject::default()
        }));
        todo.more |= listing.more;
    }
    Ok(Ok(todo))
}

/// State in the ledger, whether Glue says that it ended, and what Glue says.
async fn facts(
    config: &Config,
    clients: &Clients,
    (stage, run_id): (Stage, &str),
    now: Timestamp,
) -> anyhow::Result<(Option<RunState>, Option<bool>, Option<GlueRun>)> {
    // Glue before the ledger: a run that commits in between has its commit seen.
    let glue = run_of(&clients.glue, config.job(stage), run_id).await?;
    let item = clients.desk.ledger.run(stage, run_id).await?;
    let phase = glue.as_ref().map_or(Phase::Unknown, GlueRun::phase);
    let started_at = item.as_ref().and_then(|item| item.started_at);
    let ended = has_ended(phase, started_at, now);
    Ok((item.map(|item| item.state), ended, glue))
}

/// The run's own places: `<dataset>/run=<id>/` below what its stage writes to, and staging's `run=<id>/`.
async fn places(
    config: &Config,
    clients: &Clients,
    stage: Stage,
    run_id: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let own = format!("run={run_id}/");
    let (mut places, roots) = match stage {
        Stage::Ingest => (
            vec![(
                config.raw_bucket.clone(),
                format!("{}{own}", config.staging_prefix),
            )],
            vec![
                (&config.raw_bucket, &config.temp_prefix),
                (&config.raw_bucket, &config.quarantine_prefix),
            ],
        ),
        Stage::Classify => (
            Vec::new(),
            vec![
                (&config.legacy_bucket, &config.classified_prefix),
                (&config.secured_bucket, &config.classified_prefix),
            ],
        ),
        Stage::Conform => (Vec::new(), Vec::new()),
    };
    for (bucket, root) in roots {
        let datasets = list(clients, bucket, root, true, PAGES).await?;
        anyhow::ensure!(
            !datasets.more,
            "s3://{bucket}/{root} has more datasets than can be listed"
        );
        places.extend(
            datasets
                .folders
                .iter()
                .map(|folder| (bucket.clone(), format!("{folder}{own}"))),
        );
    }
    Ok(places)
}

/// The versions of the keys, and what may be done about each. Those that the ledger lacks, as their event has not come yet
/// or never will, are taken in by `by` and decided about like the others; a dry run has none to take them in.
async fn landing_files(
    config: &Config,
    clients: &Clients,
    now: Timestamp,
    by: Option<&TakenIn>,
    keys: &[String],
) -> anyhow::Result<Todo> {
    let bucket = &config.landing_bucket;
    let mut todo = Todo::default();
    for key in keys {
        let versions = versions_of(clients, bucket, key).await?;
        if versions.iter().all(|version| version.is_marker) {
            todo.missing.push(key.clone());
        }
        for version in versions.into_iter().filter(|version| !version.is_marker) {
            let (done, note) = match landed_fate_of(config, clients, now, by, &version).await? {
                FileFate::Remove | FileFate::TakeInFirst => (None, None),
                FileFate::Leave(why) => (Some(Done::Left), Some(why)),
            };
            todo.objects.push(CleanedObject {
                bucket: bucket.clone(),
                key: key.clone(),
                version_id: version.version_id,
                size: version.size,
                done,
                note,
                ..CleanedObject::default()
            });
        }
    }
    if let Some(first) = todo.missing.first() {
        let (count, all) = (todo.missing.len(), keys.len());
        todo.note = Some(format!(
            "keys: {count} of {all} not there: {first:?}{}",
            if count > 1 { " and others" } else { "" }
        ));
    }
    Ok(todo)
}

async fn landed_fate_of(
    config: &Config,
    clients: &Clients,
    now: Timestamp,
    by: Option<&TakenIn>,
    version: &Version,
) -> anyhow::Result<FileFate> {
    let bucket = &config.landing_bucket;
    let file_id = file_id(bucket, &version.key, &version.version_id);
    let fate = fate_of(config, clients, &file_id, now).await?;
    if fate != FileFate::TakeInFirst {
        return Ok(fate);
    }
    if !is_file(&version.key, version.size, &config.landing_prefix) {
        let why = "it is no file, but what shows a folder".to_owned();
        return Ok(FileFate::Leave(why));
    }
    let Some(by) = by else {
        return Ok(fate);
    };
    let file = FileItem {
        bucket: bucket.clone(),
        key: version.key.clone(),
        version_id: version.version_id.clone(),
        sequencer: None,
        etag: version.etag.clone(),
        size: version.size,
        dataset: dataset_of(&version.key, &config.landing_prefix),
        landed_at: version
            .landed_at
            .context("S3 does not say when it was put")?,
        assigned_to: None,
    };
    take_in(&clients.desk.ledger, &file, by)
        .await
        .with_context(|| format!("{file_id} can't be taken in"))?;
    // A run may have it already: whoever else took it in may have been first.
    fate_of(config, clients, &file_id, now).await
}

/// What may be done about a landed version now.
pub async fn fate_of(
    config: &Config,
    clients: &Clients,
    file_id: &str,
    now: Timestamp,
) -> anyhow::Result<FileFate> {
    let Some(item) = clients.desk.ledger.file(file_id).await? else {
        return Ok(file_fate(None, None, None));
    };
    let Some(run_id) = item.assigned_to.as_deref() else {
        return Ok(file_fate(Some(None), None, None));
    };
    let (state, ended, _) = facts(config, clients, (Stage::Ingest, run_id), now).await?;
    Ok(file_fate(Some(Some(run_id)), state, ended))
}

/// Whether a run has, or may have, read a landed version in time: it holds its item, and is not void.
pub async fn taken_by(clients: &Clients, file_id: &str) -> anyhow::Result<Option<String>> {
    let items = clients.desk.ledger.items(&[file_pk(file_id)]).await?;
    let holder = items
        .values()
        .next()
        .and_then(|item| item.as_work().assigned_to());
    let Some(run_id) = holder else {
        return Ok(None);
    };
    let runs = clients
        .desk
        .ledger
        .items(&[run_pk(Stage::Ingest, run_id)])
        .await?;
    let is_void =
        matches!(runs.values().next(), Some(LedgerItem::Run(run)) if run.state == RunState::Void);
    Ok((!is_void).then(|| run_id.to_owned()))
}

/// Where the copy of a removed object lies.
///
/// # Errors
/// Never, for a hash of a text.
pub fn copy_key(
    config: &Config,
    request_id: &str,
    object: &CleanedObject,
) -> anyhow::Result<String> {
    let file_id = file_id(&object.bucket, &object.key, &object.version_id);
    let hash = pipeline::protocol::marker(Stage::Ingest, &file_id).sk;
    let name = object
        .key
        .rsplit('/')
        .next()
        .context("a key has a last part")?;
    let short: String = name
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || "._-".contains(*char))
        .take(80)
        .collect();
    Ok(format!(
        "{}_cleanup/request={request_id}/{hash}/{short}",
        config.quarantine_prefix
    ))
}
