//! Deletes what the ingest runs of one classify run left in temp: many small manifests or few
//! large ones, in flat memory.
//!
//! Ingest runs are checked some ahead of the deletions. A check reads the run's whole
//! manifest, because no key may be deleted before the manifest is known to be whole and to list
//! only what is the run's own. Keys of a manifest that has few are kept meanwhile; a larger one is
//! read a second time, held to the entity tag of the first time and checked all over. Batches are
//! filled across manifests, so that many small runs do not cost a call each.

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use pipeline::ledger::{LedgerItem, RunItem};
use pipeline::manifest::{self, KeysToDelete, Location};
use pipeline::protocol::{Stage, run_pk};
use tokio::task::JoinSet;

use crate::delete::{Failed, KEYS_A_CALL, Outcome, Patience, delete};
use crate::plan::consumed;
use crate::{Clients, Config};

/// Calls of `DeleteObjects` under way at a time.
pub const CALLS_IN_FLIGHT: usize = 16;
/// Ingest runs that are checked at a time.
const CHECKS_IN_FLIGHT: usize = 8;
/// So many of the keys that are still there are named.
const KEYS_NAMED: usize = 5;

/// What one clean-up did.
#[derive(Debug, Default)]
pub struct Tally {
    /// Keys that are gone.
    pub deleted: u64,
    /// Keys that are still there.
    pub failed: u64,
    /// The first of these.
    pub first_failed: Vec<Failed>,
    /// Ingest runs whose outputs were not touched, or not all of them, and why.
    pub refused: Vec<String>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.deleted += outcome.deleted;
        self.failed += outcome.failed.len() as u64;
        let room = KEYS_NAMED.saturating_sub(self.first_failed.len());
        self.first_failed
            .extend(outcome.failed.into_iter().take(room));
    }

    /// `None` if everything is gone; otherwise what is not, in a sentence or two.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let mut complaints = Vec::new();
        if self.failed > 0 {
            let keys: Vec<_> = self
                .first_failed
                .iter()
                .map(|failed| format!("{} ({})", failed.key, failed.code))
                .collect();
            complaints.push(format!(
                "{} keys could not be deleted, the first: {}",
                self.failed,
                keys.join(", ")
            ));
        }
        if let Some(first) = self.refused.first() {
            complaints.push(format!(
                "{} ingest runs were left alone, the first: {first}",
                self.refused.len()
            ));
        }
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }
}

/// Keys of an ingest run whose manifest was read to its end.
enum Checked {
    /// All of them.
    Few(Vec<String>),
    /// Too many to keep: where they are listed.
    Many {
        run_id: String,
        at: Location,
        etag: Option<String>,
    },
}

/// Deletes the outputs of the ingest runs `run_ids`, all consumed by classify run `by`. One run
/// that must be left alone, or one key that can't be deleted, does not keep the others.
///
/// # Errors
/// Only if the ledger can't be read, in which case nothing is deleted, or if a task died; everything
/// else is in the tally.
pub async fn clean(
    config: &Config,
    clients: &Clients,
    by: &str,
    run_ids: Vec<String>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut deletions = Deletions::new(config, clients);
    let runs = runs(clients, &run_ids).await?;
    let mut checks = stream::iter(run_ids.into_iter().zip(runs))
        .map(|(run_id, run)| {
            let (config, clients, by) = (config.clone(), clients.clone(), by.to_owned());
            // A task of its own: it gets on while this one waits for deletions.
            tokio::spawn(async move { check(&config, &clients, &by, run_id, run).await })
        })
        .buffered(CHECKS_IN_FLIGHT);
    while let Some(checked) = checks.next().await {
        let deleted = match checked.context("a check died")? {
            Ok(Checked::Few(keys)) => {
                for key in keys {
                    deletions.push(key, &mut tally).await?;
                }
                Ok(())
            }
            Ok(Checked::Many { run_id, at, etag }) => {
                delete_listed(
                    config,
                    clients,
                    (&run_id, &at, etag),
                    &mut deletions,
                    &mut tally,
                )
                .await
            }
            Err(refused) => Err(refused),
        };
        if let Err(error) = deleted {
            tally.refused.push(format!("{error:#}"));
        }
    }
    deletions.finish(&mut tally).await?;
    Ok(tally)
}

/// The runs' items, in this order; a hundred a request, as with a request each the ledger would be most
/// of the time that many small runs take. A consumed run's item does not change any more.
async fn runs(clients: &Clients, run_ids: &[String]) -> Result<Vec<Option<RunItem>>> {
    let pks: Vec<String> = run_ids
        .iter()
        .map(|run_id| run_pk(Stage::Ingest, run_id))
        .collect();
    let mut items = clients.ledger.items(&pks).await?;
    let runs = pks.iter().map(|pk| match items.remove(pk) {
        Some(LedgerItem::Run(run)) => Some(run),
        _ => None,
    });
    Ok(runs.collect())
}

/// First pass: nothing is deleted.
async fn check(
    config: &Config,
    clients: &Clients,
    by: &str,
    run_id: String,
    run: Option<RunItem>,
) -> Result<Checked> {
    let uri = consumed(&run_id, run.as_ref(), by)?;
    let at = Location::within(&config.state_bucket, uri)?;
    let (mut keys, etag) = keys(config, clients, (&run_id, &at, None)).await?;
    let mut few = Some(Vec::new());
    while let Some(key) = keys
        .next()
        .await
        .with_context(|| format!("manifest of ingest run {run_id}"))?
    {
        match &mut few {
            Some(kept) if kept.len() < KEYS_A_CALL => kept.push(key),
            _ => few = None,
        }
    }
    Ok(match few {
        Some(keys) => Checked::Few(keys),
        None => Checked::Many { run_id, at, etag },
    })
}

/// Second pass over a large manifest.
async fn delete_listed(
    config: &Config,
    clients: &Clients,
    (run_id, at, etag): (&str, &Location, Option<String>),
    deletions: &mut Deletions,
    tally: &mut Tally,
) -> Result<()> {
    let (mut keys, _) = keys(config, clients, (run_id, at, etag.as_deref())).await?;
    while let Some(key) = keys
        .next()
        .await
        .with_context(|| format!("manifest of ingest run {run_id}, second time"))?
    {
        deletions.push(key, tally).await?;
    }
    Ok(())
}

async fn keys(
    config: &Config,
    clients: &Clients,
    (run_id, at, etag): (&str, &Location, Option<&str>),
) -> Result<(KeysToDelete, Option<String>)> {
    let (manifest, etag) = manifest::open(&clients.s3, at, (Stage::Ingest, run_id), etag).await?;
    let keys = KeysToDelete::new(manifest, &config.raw_bucket, &config.temp_prefix);
    Ok((keys, etag))
}

/// Batches under way, and the one that is being filled.
struct Deletions {
    s3: aws_sdk_s3::Client,
    bucket: String,
    patience: Patience,
    batch: Vec<String>,
    calls: JoinSet<Outcome>,
}

impl Deletions {
    fn new(config: &Config, clients: &Clients) -> Self {
        Self {
            s3: clients.s3.clone(),
            bucket: config.raw_bucket.clone(),
            patience: config.patience,
            batch: Vec::new(),
            calls: JoinSet::new(),
        }
    }

    /// Takes one more key; waits while enough calls are under way.
    async fn push(&mut self, key: String, tally: &mut Tally) -> Result<()> {
        self.batch.push(key);
        if self.batch.len() < KEYS_A_CALL {
            return Ok(());
        }
        self.send(tally).await
    }

    async fn send(&mut self, tally: &mut Tally) -> Result<()> {
        if self.calls.len() >= CALLS_IN_FLIGHT
            && let Some(done) = self.calls.join_next().await
        {
            tally.add(done.context("a deletion died")?);
        }
        let batch = std::mem::take(&mut self.batch);
        self.calls.spawn(delete(
            self.s3.clone(),
            self.bucket.clone(),
            batch,
            self.patience,
        ));
        Ok(())
    }

    async fn finish(mut self, tally: &mut Tally) -> Result<()> {
        if !self.batch.is_empty() {
            self.send(tally).await?;
        }
        while let Some(done) = self.calls.join_next().await {
            tally.add(done.context("a deletion died")?);
        }
        Ok(())
    }
}
