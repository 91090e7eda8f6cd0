//! `success-fail-event`: tells people how a run of one of the three jobs ended.
//!
//! **Trigger**: EventBridge, "Glue Job State Change" of the three jobs, as Glue sends it or
//! `reconcile` sends it again for a run that nobody was told of.
//!
//! **Effect**: what Glue says is held against the ledger; only COMMITTED is success. A committed run
//! that succeeded gives a mail (SNS). A run that found nothing to do gives none, except that of a
//! week in which there was nothing to classify. Everything else that ended is an incident in
//! ServiceNow: failed, timed out, stopped, never begun, 'succeeded' without a commit, and also
//! committed and then failed. A committed run that `clean-prefix` can't clean up after is an incident of
//! its own. States that are no end are ignored. A run that ended and is still STARTED becomes VOID before
//! anybody is told: a process of it that goes on all the same can't commit any more, and what was told
//! stays true.
//!
//! **Environment**: `LEDGER_TABLE`, `STATE_BUCKET`, `INGEST_JOB`, `CLASSIFY_JOB`, `CONFORM_JOB`,
//! `NOTIFICATION_TOPIC_ARN`, `ALERT_TOPIC_ARN`, `SERVICENOW_SECRET_ID`, `ENVIRONMENT`,
//! `TELLING_LEASE_SECONDS`, and `INCIDENT_CATEGORY`, `INCIDENT_SUBCATEGORY`, `INCIDENT_ASSIGNMENT_GROUP`,
//! `INCIDENT_URGENCY`, `INCIDENT_IMPACT`, `INCIDENT_URGENCY_AFTER_COMMIT`, `INCIDENT_IMPACT_AFTER_COMMIT`:
//! what stands in those fields of an incident.
//!
//! **Failure**: an alarm is never lost. If ServiceNow can't be told, an alert goes out (once a run) and
//! the invocation fails, so that Lambda tries it again; `told_at` stays open, so that `reconcile`
//! sends the event again until it works.
//!
//! **Idempotency**: a run is told once. Who tells it takes a lease (`telling_at`, five minutes if
//! nobody says otherwise) and records `told_at` afterwards (`cleaning_..` for its clean-up). Before an
//! incident is created it is looked up by its correlation id, which names the run: what a crash left
//! without `told_at` is found, not doubled. A mail can come twice, if the function dies between sending
//! and recording it.

mod config;
pub mod incident;
pub mod mail;
pub mod plan;
pub mod report;
#[cfg(test)]
mod sample;
pub mod service_now;
mod tell;
pub mod words;

use anyhow::Context;
use aws_config::SdkConfig;
use jiff::Timestamp;
use pipeline::ledger::{Ledger, RunItem};
use pipeline::protocol::{Settle, Stage};
use pipeline::state_change::StateChange;
use serde::Serialize;
use serde_json::Value;

pub use config::{Config, IncidentFields, Severity};
use plan::{Telling, plan, settle};
use service_now::ServiceNow;

/// The services that the function calls.
pub struct Clients {
    /// The ledger.
    pub ledger: Ledger,
    /// Reports.
    pub s3: aws_sdk_s3::Client,
    /// Mails and alerts.
    pub sns: aws_sdk_sns::Client,
    /// Incidents.
    pub service_now: ServiceNow,
    /// Region, for links into the console.
    pub region: String,
}

impl Clients {
    /// Clients for the region and credentials of `sdk`.
    ///
    /// # Errors
    /// If TLS to ServiceNow can't be set up.
    pub fn new(sdk: &SdkConfig, config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
            s3: aws_sdk_s3::Client::new(sdk),
            sns: aws_sdk_sns::Client::new(sdk),
            service_now: ServiceNow::new(aws_sdk_secretsmanager::Client::new(sdk))?,
            region: sdk.region().context("no region is set")?.to_string(),
        })
    }
}

/// A run that ended, as the texts about it see it.
pub struct About<'a> {
    /// `dev`, `test` or `prod`.
    pub environment: &'a str,
    /// AWS region.
    pub region: &'a str,
    /// Which of the three jobs.
    pub stage: Stage,
    /// What Glue says.
    pub change: &'a StateChange,
    /// What the ledger says.
    pub run: &'a RunItem,
}

/// How people call the job of a stage.
#[must_use]
pub const fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Ingest => "Glue 1 (ingest)",
        Stage::Classify => "Glue 2 (classify)",
        Stage::Conform => "Glue 3 (conform)",
    }
}

/// What the invocation answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Nothing was to be told, or somebody else tells it.
    Nothing,
    /// It is settled that there is nothing to tell.
    Quietly,
    /// A mail was sent.
    Mail,
    /// There is an incident, with this number.
    Incident(String),
}

/// Handles one event.
///
/// # Errors
/// The event is no state change, a service can't be reached, or ServiceNow could not be told.
pub async fn handler(config: &Config, clients: &Clients, event: &Value) -> anyhow::Result<Told> {
    let change = StateChange::decode(event)?;
    let (run_id, state) = (change.run_id.as_str(), change.state.to_string());
    let Some(stage) = change.stage(config.jobs()) else {
        tracing::info!(job = change.job, run_id, "none of the three jobs");
        return Ok(Told::Nothing);
    };
    let mut run = clients.ledger.run(stage, run_id).await?;
    if let Some(settle) = settle(&change.state, run.as_ref()) {
        settle_run(clients, stage, &change, settle).await?;
        run = clients.ledger.run(stage, run_id).await?;
    }
    let telling = plan(stage, &change.state, run.as_ref());
    if let Telling::Nothing(why) = telling {
        tracing::info!(%stage, run_id, state, why, "nothing to tell");
        return Ok(Told::Nothing);
    }
    let run = run.context("the run is not in the ledger although it was settled")?;
    let (matter, leased_at) = (telling.matter(), Timestamp::now());
    if !clients
        .ledger
        .try_lease_telling((stage, run_id), matter, leased_at, config.telling_lease)
        .await?
    {
        tracing::info!(%stage, run_id, "somebody else tells it");
        return Ok(Told::Nothing);
    }
    let about = About {
        environment: &config.environment,
        region: &clients.region,
        stage,
        change: &change,
        run: &run,
    };
    match tell::tell(config, clients, &about, telling).await {
        Ok(told) => {
            clients
                .ledger
                .mark_told((stage, run_id), matter, Timestamp::now())
                .await?;
            tracing::info!(%stage, run_id, state, ?told, "told");
            Ok(told)
        }
        Err(error) => {
            // Lambda's own retry comes before the lease runs out.
            if let Err(lost) = clients
                .ledger
                .release_telling((stage, run_id), matter, leased_at)
                .await
            {
                tracing::warn!(%stage, run_id, "the lease stays until it runs out: {lost:#}");
            }
            Err(error)
        }
    }
}

/// Gives a run up that Glue says has ended. A process of it that comes late, or still goes on, finds that
/// out when it begins or commits; if it was quicker, this changes nothing.
async fn settle_run(
    clients: &Clients,
    stage: Stage,
    change: &StateChange,
    settle: Settle,
) -> anyhow::Result<()> {
    let run_id = change.run_id.as_str();
    let settled = match settle {
        Settle::Void => clients.ledger.void_run(stage, run_id).await?,
        Settle::NeverStarted => {
            clients
                .ledger
                .put_never_started(stage, run_id, &change.job, None)
                .await?
        }
    };
    tracing::info!(%stage, run_id, settled, how = ?settle, "the run ended without saying so");
    Ok(())
}
