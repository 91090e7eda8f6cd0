//! Asking for the run, and what was open then.

use jiff::SignedDuration;
use pipeline::glue::{GlueRun, StartOutcome, recent_runs, start_job_run};
use pipeline::ledger::{Ledger, LedgerItem, RequestItem};
use pipeline::protocol::{Phase, RunState, Stage, run_pk};
use pipeline::triggers::{Open, Start};

use crate::{Clients, Config};

/// Open items that an answer lists, and is settled by.
const LISTED: usize = 100;
/// Markers that are looked at; with more, the count is a lower bound.
const MOST_MARKERS: usize = 5_000;
/// A run may look older than the request that it was started for, as the clocks are two.
const CLOCKS: SignedDuration = SignedDuration::from_mins(2);

/// Why there is no answer about a start.
#[derive(Debug)]
pub enum StartError {
    /// No later attempt makes it better: the job is not there, or may not be started.
    Impossible(anyhow::Error),
    /// Glue could not be asked what runs there are.
    Unknown(anyhow::Error),
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> Self {
        Self::Unknown(error)
    }
}

/// Asks Glue for one run in the request's name. If an earlier attempt did, and its answer was lost, that
/// run is found by its name.
///
/// # Errors
/// Glue can't be asked, or the job can never be started.
pub async fn start_once(
    config: &Config,
    clients: &Clients,
    item: &RequestItem,
) -> Result<Start, StartError> {
    let runs = runs_since(config, clients, item).await?;
    start_after(config, clients, item, &runs).await
}

/// The same, but only if no run of the job is alive; none if one is, or if Glue starts none now either.
///
/// # Errors
/// Glue can't be asked, or the job can never be started.
pub async fn start_if_idle(
    config: &Config,
    clients: &Clients,
    item: &RequestItem,
) -> Result<Option<Start>, StartError> {
    let runs = runs_since(config, clients, item).await?;
    let is_own = run_of(&runs, &started_by(&item.request_id)).is_some();
    if !is_own && !active(&runs).is_empty() {
        return Ok(None);
    }
    let start = start_after(config, clients, item, &runs).await?;
    Ok(Some(start).filter(|start| start.run_id.is_some()))
}

async fn runs_since(
    config: &Config,
    clients: &Clients,
    item: &RequestItem,
) -> anyhow::Result<Vec<GlueRun>> {
    recent_runs(&clients.glue, &config.job, item.requested_at - CLOCKS).await
}

async fn start_after(
    config: &Config,
    clients: &Clients,
    item: &RequestItem,
    runs: &[GlueRun],
) -> Result<Start, StartError> {
    let started_by = started_by(&item.request_id);
    let mut start = Start {
        job: config.job.clone(),
        run_id: run_of(runs, &started_by),
        ..Start::default()
    };
    if start.run_id.is_some() {
        return Ok(start);
    }
    let asked = start_job_run(&clients.glue, &config.job, &started_by).await;
    match asked.map_err(StartError::Impossible)? {
        StartOutcome::Started(run_id) => start.run_id = Some(run_id),
        StartOutcome::Refused(why) => {
            let runs = runs_since(config, clients, item).await?;
            start.run_id = run_of(&runs, &started_by);
            if start.run_id.is_none() {
                start.not_now = Some(why);
                start.active_runs = active(&runs);
            }
        }
    }
    Ok(start)
}

/// What the run's report says about who asked for it.
#[must_use]
pub fn started_by(request_id: &str) -> String {
    format!("support/{request_id}")
}

/// The first run of that name; Glue lists the newest first.
fn run_of(runs: &[GlueRun], started_by: &str) -> Option<String> {
    let named = |run: &&GlueRun| run.started_by.as_deref() == Some(started_by);
    runs.iter().rev().find(named).map(|run| run.run_id.clone())
}

fn active(runs: &[GlueRun]) -> Vec<String> {
    let alive = runs.iter().filter(|run| run.phase() == Phase::Alive);
    alive.map(|run| run.run_id.clone()).collect()
}

/// The items of the stage that nobody has done.
///
/// # Errors
/// The ledger can't be read.
pub async fn open_work(config: &Config, clients: &Clients) -> anyhow::Result<Open> {
    let (ledger, stage) = (&clients.desk.ledger, config.stage);
    let mut places = Ledger::marker_places(stage);
    let mut marked = Vec::new();
    while !places.is_empty() && marked.len() < MOST_MARKERS {
        let markers = ledger.next_markers(&mut places).await?;
        marked.extend(markers.into_iter().map(|marker| marker.item));
    }
    let found = ledger.items(&marked).await?;
    let work: Vec<&LedgerItem> = found.values().filter(|item| is_work(item)).collect();
    let holders = holders(ledger, stage, work.iter().copied()).await?;
    let mut items: Vec<String> = work
        .iter()
        .filter(|item| !is_done(item, stage, &holders))
        .map(|item| item.pk())
        .collect();
    items.sort_unstable();
    let count = items.len();
    items.truncate(LISTED);
    Ok(Open {
        count,
        more: !places.is_empty(),
        items,
    })
}

type Holders = std::collections::HashMap<String, LedgerItem>;

/// The runs that hold these items.
///
/// # Errors
/// The ledger can't be read.
pub async fn holders(
    ledger: &Ledger,
    stage: Stage,
    items: impl Iterator<Item = &LedgerItem>,
) -> anyhow::Result<Holders> {
    let pks: Vec<String> = items
        .filter_map(|item| Some(run_pk(stage, item.as_work().assigned_to()?)))
        .collect();
    ledger.items(&pks).await
}

/// A run is work of the next stage once it is committed.
fn is_work(item: &LedgerItem) -> bool {
    match item {
        LedgerItem::File(_) => true,
        LedgerItem::Run(run) => run.state == RunState::Committed,
    }
}

/// Whether the item's holder has committed.
pub fn is_done(item: &LedgerItem, stage: Stage, holders: &Holders) -> bool {
    let work = item.as_work();
    let Some(holder) = work.assigned_to() else {
        return false;
    };
    matches!(
        holders.get(&run_pk(stage, holder)),
        Some(LedgerItem::Run(run)) if run.state == RunState::Committed
    )
}
