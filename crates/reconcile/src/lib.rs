//! reconcile: finds what events missed, so that they can be hints and no more.
//!
//! - **Trigger**: every few minutes, and each 'Glue Job State Change'. What the event says is not even
//!   read: an invocation looks at what there is.
//! - **Effect**, in this order: landed versions that have no item are taken in (a window of the landing
//!   zone's versions an invocation); runs that Glue says ended and that are still STARTED, or have no
//!   item, become VOID; the event of a run's end is sent again if nobody was told, or if a committed
//!   stage 2 run's input was not cleaned; markers that stand for nothing are dropped; stage 1 or 3 is
//!   started if it has open work and no active run (with growing pauses while its runs commit nothing),
//!   stage 2 if its weekly moment passed without a run.
//! - **Environment**: see [`Config`]. **Permissions**: `dynamodb:Query`, `GetItem`, `BatchGetItem`,
//!   `PutItem`, `UpdateItem`, `DeleteItem` on the ledger, `glue:GetJobRuns`, `GetJobRun`,
//!   `StartJobRun` on the three jobs, `s3:ListBucketVersions` on the landing bucket, `events:PutEvents`
//!   on the bus.
//! - **Failure**: one part's failure does not stop the others; in the end the invocation fails with all
//!   of them, is retried, and alarmed on. A refused start is no failure, a job that can't be started is.
//! - **Idempotency**: every write is conditional on what was read, events are hints that their receivers
//!   check, and a start that is one too many finds nothing. Any number may run at once.

mod apply;
mod config;
mod gather;
mod listing;
mod plan;

use anyhow::{anyhow, bail};
use jiff::Timestamp;
use serde::Serialize;

pub use config::{Clients, Config};
pub use gather::Snapshot;
pub use listing::landed_files;
pub use plan::{Plan, Settlement, plan};

/// What an invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Versions of the landing zone that were listed.
    pub listed: usize,
    /// Whether the listing came to its end, and begins anew next time.
    pub pass_completed: bool,
    /// Files that were taken in.
    pub taken_in: usize,
    /// Markers that were looked at, of all stages.
    pub markers: usize,
    /// Markers that were dropped.
    pub markers_dropped: usize,
    /// Runs that were set VOID.
    pub settled: usize,
    /// Events that were sent again.
    pub resent: usize,
    /// Runs that were started.
    pub started: Vec<Start>,
}

/// A start that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The stage.
    pub stage: u8,
    /// The run that came of it, if Glue didn't refuse.
    pub run_id: Option<String>,
    /// Why Glue refused.
    pub refused: Option<String>,
}

/// Looks at everything once and does what is missing.
///
/// # Errors
/// Something could not be read or done; what could be, was.
pub async fn handler(
    config: &Config,
    clients: &Clients,
    now: Timestamp,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut errors = Vec::new();

    // Boxed, as the futures of many calls to the SDK are too large for a stack.
    let listing = Box::pin(listing::take_in_unseen(config, clients, now)).await;
    summary.listed = listing.listed;
    summary.pass_completed = listing.pass_completed;
    summary.taken_in = listing.taken_in;
    errors.extend(listing.error);

    let facts = gather::gather(config, clients, listing.full_pass_started_at, now);
    match Box::pin(facts).await {
        Ok(snapshot) => {
            let plan = plan(config, &snapshot, now);
            summary.markers = snapshot.markers.len();
            apply::apply(config, clients, &plan, &mut summary, &mut errors).await;
        }
        Err(error) => errors.push(error),
    }

    tracing::info!(
        listed = summary.listed,
        pass_completed = summary.pass_completed,
        taken_in = summary.taken_in,
        markers = summary.markers,
        markers_dropped = summary.markers_dropped,
        settled = summary.settled,
        resent = summary.resent,
        started = ?summary.started,
        failures = errors.len(),
        "reconciled"
    );
    match errors.len() {
        0 => Ok(summary),
        1 => Err(errors.pop().unwrap_or_else(|| anyhow!("unknown"))),
        count => {
            let all: Vec<String> = errors.iter().map(|error| format!("{error:#}")).collect();
            bail!("{count} things failed: {}", all.join("; "))
        }
    }
}
