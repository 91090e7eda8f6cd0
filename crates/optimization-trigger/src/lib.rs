//! `optimization-trigger`: starts a conform run (Glue 3) when a classify run (Glue 2) has committed.
//!
//! **Trigger**: EventBridge, "Glue Job State Change" of the classify job, as Glue sends it or
//! `reconcile` sends it again.
//!
//! **Effect**: if the ledger says that the run is COMMITTED and no conform run has it in hand or has
//! done it, asks Glue for a run of the conform job. That run looks for open work by itself: nothing is
//! handed to it.
//!
//! **Environment**: `LEDGER_TABLE`, `CLASSIFY_JOB`, `CONFORM_JOB`.
//!
//! **Failure**: a start that Glue refuses (one runs already, throttling, a lost answer) is none: the
//! marker in the ledger stays, and `reconcile` sees to it that a run comes. A start that can never
//! work, such as one that the role may not make, fails the invocation.
//!
//! **Idempotency**: a doubled or late event finds the run taken and does nothing. If it comes before
//! the first conform run has taken the work, Glue is asked twice: the conform job runs one at a time, so
//! that the second start is refused, or finds nothing to do.

mod config;
pub mod plan;

use aws_config::SdkConfig;
use pipeline::glue::{StartOutcome, start_job_run};
use pipeline::ledger::Ledger;
use pipeline::protocol::Stage;
use pipeline::state_change::StateChange;
use serde::Serialize;
use serde_json::Value;

pub use config::Config;
use plan::{Plan, plan};

/// What the conform run's report says about who asked for it.
pub const STARTED_BY: &str = "optimization-trigger";

/// The services that the function calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The ledger.
    pub ledger: Ledger,
    /// Starts the conform job.
    pub glue: aws_sdk_glue::Client,
}

impl Clients {
    /// Clients for the region and credentials of `sdk`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        Self {
            ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
            glue: aws_sdk_glue::Client::new(sdk),
        }
    }
}

/// What the invocation answers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Triggered {
    /// Job run id of the conform run that was started.
    pub started: Option<String>,
}

/// Handles one event.
///
/// # Errors
/// The event is no state change, the ledger can't be read, or the start can never work.
pub async fn handler(
    config: &Config,
    clients: &Clients,
    event: &Value,
) -> anyhow::Result<Triggered> {
    let change = StateChange::decode(event)?;
    if change.job != config.classify_job {
        tracing::info!(
            job = change.job,
            run_id = change.run_id,
            "not a classify run"
        );
        return Ok(Triggered::default());
    }
    let run_id = change.run_id.as_str();
    let run = clients.ledger.run(Stage::Classify, run_id).await?;
    let holder = match run.as_ref().and_then(|run| run.assigned_to.as_deref()) {
        Some(holder) => clients.ledger.run(Stage::Conform, holder).await?,
        None => None,
    };
    if let Plan::Nothing(why) = plan(run.as_ref(), holder.as_ref()) {
        tracing::info!(run_id, why, "no conform run is started");
        return Ok(Triggered::default());
    }
    match start_job_run(&clients.glue, &config.conform_job, STARTED_BY).await? {
        StartOutcome::Started(started) => {
            tracing::info!(run_id, started, "a conform run is started");
            Ok(Triggered {
                started: Some(started),
            })
        }
        StartOutcome::Refused(why) => {
            tracing::info!(
                run_id,
                why,
                "Glue does not start a conform run now, another will take the work"
            );
            Ok(Triggered::default())
        }
    }
}
