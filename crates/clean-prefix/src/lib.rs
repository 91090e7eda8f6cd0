//! `clean-prefix`: removes from raw's temp prefix what a classify run has consumed.
//!
//! **Trigger**: EventBridge, "Glue Job State Change" of the classify job (Glue 2), as Glue sends it or
//! `reconcile` sends it again.
//!
//! **Effect**: if the ledger says that the run is COMMITTED, deletes the outputs of the ingest runs
//! that its manifest lists, and records `cleaned_at`. Any other state: nothing. It never lists a
//! prefix: what arrived meanwhile, or belongs to a run that nobody consumed, is not even seen. An
//! ingest run's outputs are deleted only if that run is COMMITTED, is assigned to this classify run,
//! and its manifest is whole and names nothing but objects of its own below the temp prefix.
//!
//! **Environment**: `LEDGER_TABLE`, `STATE_BUCKET`, `RAW_BUCKET`, `TEMP_PREFIX`, `CLASSIFY_JOB`.
//!
//! **Failure**: throttled keys are tried again with growing pauses. Keys that can't be deleted, and
//! ingest runs that had to be left alone, do not keep the others; in the end they fail the invocation
//! with their number and the first of them, and `cleaned_at` stays open, so that `reconcile` comes back.
//! Why it failed is kept with the run (`cleaning_error`): if it is not over when `reconcile` comes back,
//! `success-fail-event` raises a ticket about it.
//!
//! **Idempotency**: deleting what is gone succeeds, so a doubled, late or cut-off run of this function
//! ends in the same state. The bucket is versioned: what was deleted can be had back for some days.

pub mod clean;
mod config;
pub mod delete;
pub mod plan;

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use jiff::Timestamp;
use pipeline::ledger::Ledger;
use pipeline::manifest::{self, Location};
use pipeline::protocol::Stage;
use pipeline::state_change::StateChange;
use serde::Serialize;
use serde_json::Value;

pub use config::Config;
use plan::{Plan, ingest_run, plan};

/// So many characters of an error are kept in the ledger.
const REASON_KEPT: usize = 1_000;

/// The services that the function calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The ledger.
    pub ledger: Ledger,
    /// Manifests, and what they list.
    pub s3: aws_sdk_s3::Client,
}

impl Clients {
    /// Clients for the region and credentials of `sdk`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        Self {
            ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
            s3: aws_sdk_s3::Client::new(sdk),
        }
    }
}

/// What the invocation answers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Ingest runs that were cleaned up.
    pub runs: usize,
    /// Objects that are gone.
    pub objects: u64,
}

/// Handles one event.
///
/// # Errors
/// The event is no state change, the ledger or a manifest can't be read, or something is still there.
pub async fn handler(config: &Config, clients: &Clients, event: &Value) -> anyhow::Result<Cleaned> {
    let change = StateChange::decode(event)?;
    if change.job != config.classify_job {
        tracing::info!(
            job = change.job,
            run_id = change.run_id,
            "not a classify run"
        );
        return Ok(Cleaned::default());
    }
    let by = change.run_id.as_str();
    let run = clients.ledger.run(Stage::Classify, by).await?;
    let uri = match plan(run.as_ref())? {
        Plan::Nothing(why) => {
            tracing::info!(run_id = by, why, "nothing to clean up");
            return Ok(Cleaned::default());
        }
        Plan::Clean { manifest } => manifest,
    };
    match clean_up(config, clients, by, uri).await {
        Ok(cleaned) => {
            clients.ledger.mark_cleaned(by, Timestamp::now()).await?;
            let Cleaned { runs, objects } = cleaned;
            tracing::info!(run_id = by, runs, objects, "temp is cleaned up");
            Ok(cleaned)
        }
        Err(error) => {
            let why: String = format!("{error:#}").chars().take(REASON_KEPT).collect();
            if let Err(lost) = clients.ledger.mark_cleaning_failed(by, &why).await {
                tracing::warn!(run_id = by, "why it failed is not kept: {lost:#}");
            }
            Err(error)
        }
    }
}

/// Deletes what classify run `by` consumed; all of it, or it is an error.
async fn clean_up(
    config: &Config,
    clients: &Clients,
    by: &str,
    uri: &str,
) -> anyhow::Result<Cleaned> {
    let run_ids = consumed_runs(config, clients, by, uri).await?;
    let runs = run_ids.len();
    let tally = clean::clean(config, clients, by, run_ids).await?;
    if let Some(complaint) = tally.complaint() {
        bail!(
            "{} objects were deleted after classify run {by}, but {complaint}",
            tally.deleted
        );
    }
    Ok(Cleaned {
        runs,
        objects: tally.deleted,
    })
}

/// The ingest runs that classify run `by` lists. They are few (a week's runs), their outputs are not.
async fn consumed_runs(
    config: &Config,
    clients: &Clients,
    by: &str,
    uri: &str,
) -> anyhow::Result<Vec<String>> {
    let at = Location::within(&config.state_bucket, uri)?;
    let (manifest, _) = manifest::open(&clients.s3, &at, (Stage::Classify, by), None).await?;
    let items = manifest
        .items()
        .await
        .with_context(|| format!("manifest of classify run {by}"))?;
    let runs = items.iter().map(|item| ingest_run(item).map(str::to_owned));
    Ok(runs.collect::<Result<_, _>>()?)
}
