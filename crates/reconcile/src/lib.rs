//! reconcile: finds what events missed, so that they can be hints and no more.
//!
//! - **Trigger**: every few minutes, and each 'Glue Job State Change'. What the event says is not even
//!   read: an invocation looks at what there is.
//! - **Effect**, in this order: runs that Glue says ended and that are still STARTED, or have no item,
//!   become VOID; the event of a run's end is sent again if nobody was told, or if a committed stage 2
//!   run's input was not cleaned, however long ago that was (as long as Glue remembers the run); markers
//!   that stand for nothing are dropped; stage 1 or 3 is started if it has open work and no active run
//!   (with growing pauses while its runs commit nothing), stage 2 if its weekly moment passed without a
//!   run and its schedule is not switched off. Then, as long as there is time: landed versions that have no item are taken in (a window of the
//!   landing zone's versions an invocation), and stage 1 is started if there were any.
//! - **Environment**: see [`Config`]. **Permissions**: `dynamodb:Query`, `GetItem`, `BatchGetItem`,
//!   `PutItem`, `UpdateItem`, `DeleteItem` on the ledger, `glue:GetJobRuns`, `GetJobRun`,
//!   `StartJobRun` on the three jobs, `s3:ListBucketVersions` on the landing bucket, `events:PutEvents`
//!   on the bus.
//! - **Failure**: one part's failure does not stop the others; in the end the invocation fails with all
//!   of them, is retried, and alarmed on. A refused start is no failure, a job that can't be started is.
//!   A listing that takes longer than a day, and work that waits for too long, are alarmed on by metrics.
//! - **Idempotency**: every write is conditional on what was read, events are hints that their receivers
//!   check, and a start that is one too many finds nothing. Any number may run at once; of those that list
//!   at the same time one goes on.

mod apply;
mod config;
mod gather;
mod invocation;
mod listing;
mod metric;
mod plan;

use anyhow::{anyhow, bail};
use pipeline::protocol::Stage;
use serde::Serialize;

pub use config::{Clients, Config};
pub use gather::Snapshot;
pub use invocation::Invocation;
pub use listing::landed_files;
pub use plan::{Plan, Settlement, plan};

/// Who the reports of runs say asked for them, and the items of files that it took them in.
const FUNCTION: &str = "reconcile";

/// What an invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Versions of the landing zone that were listed.
    pub listed: usize,
    /// Whether the listing came to its end, and begins anew next time.
    pub pass_completed: bool,
    /// For how many seconds the pass is under way that did not.
    pub pass_age_seconds: i64,
    /// Files that were taken in.
    pub taken_in: usize,
    /// Markers that were looked at, of all stages.
    pub markers: usize,
    /// For how long the oldest open work of each stage has waited.
    pub open_work_seconds: Vec<i64>,
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
    invocation: &Invocation,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut errors = Vec::new();

    // Boxed, as the futures of many calls to the SDK are too large for a stack. What is known to be open
    // comes first: a listing may take minutes.
    match Box::pin(gather::gather(config, clients, invocation.now)).await {
        Ok(snapshot) => {
            let plan = plan(config, &snapshot, invocation.now);
            summary.markers = snapshot.markers_read;
            tell_of_open_work(&snapshot, invocation, &mut summary);
            Box::pin(apply::apply(
                config,
                clients,
                &plan,
                &mut summary,
                &mut errors,
            ))
            .await;
        }
        Err(error) => errors.push(error),
    }
    Box::pin(list(config, clients, invocation, &mut summary, &mut errors)).await;
    log(&summary, errors.len());
    match errors.len() {
        0 => Ok(summary),
        1 => Err(errors.pop().unwrap_or_else(|| anyhow!("unknown"))),
        count => {
            let all: Vec<String> = errors.iter().map(|error| format!("{error:#}")).collect();
            bail!("{count} things failed: {}", all.join("; "))
        }
    }
}

/// Work that Glue lets nobody start is no fault of anybody's, until it has waited for too long.
fn tell_of_open_work(snapshot: &Snapshot, invocation: &Invocation, summary: &mut Summary) {
    for stage in Stage::ALL {
        let seconds = plan::open_work_age(snapshot, stage, invocation.now);
        summary.open_work_seconds.push(seconds);
        println!(
            "{}",
            metric::open_work_age(&invocation.function_name, stage, seconds, invocation.now)
        );
    }
}

/// The listing, and a run for what it took in.
async fn list(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    summary: &mut Summary,
    errors: &mut Vec<anyhow::Error>,
) {
    let listing = listing::take_in_unseen(config, clients, invocation).await;
    summary.listed = listing.listed;
    summary.pass_completed = listing.pass_completed;
    summary.taken_in = listing.taken_in;
    summary.pass_age_seconds = listing
        .pass_started_at
        .map_or(0, |at| invocation.now.duration_since(at).as_secs());
    errors.extend(listing.error);
    let has_started = summary.started.iter().any(|start| start.stage == 1);
    if listing.taken_in > 0 && !has_started {
        match apply::start(config, clients, Stage::Ingest).await {
            Ok(start) => summary.started.push(start),
            Err(error) => errors.push(error),
        }
    }
    let seconds = summary.pass_age_seconds;
    println!(
        "{}",
        metric::listing_pass_age(&invocation.function_name, seconds, invocation.now)
    );
}

fn log(summary: &Summary, failures: usize) {
    tracing::info!(
        listed = summary.listed,
        pass_completed = summary.pass_completed,
        pass_age_seconds = summary.pass_age_seconds,
        taken_in = summary.taken_in,
        markers = summary.markers,
        open_work_seconds = ?summary.open_work_seconds,
        markers_dropped = summary.markers_dropped,
        settled = summary.settled,
        resent = summary.resent,
        started = ?summary.started,
        failures,
        "reconciled"
    );
}
