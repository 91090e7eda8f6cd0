//! What there is: markers, the items that they name, who holds those, and what Glue says of runs.

use std::collections::{HashMap, HashSet};

use futures::future::{try_join, try_join_all};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use pipeline::glue::{GlueRun, recent_runs, run_of};
use pipeline::ledger::{LedgerItem, Marker, RunItem};
use pipeline::protocol::{RunState, Stage, run_pk};

use crate::{Clients, Config};

/// How many marked items of a stage are looked at, the oldest markers first: enough to know whether
/// there is work, and the rest comes into sight as these are done.
const ITEMS_A_STAGE: usize = 1_000;
/// How many older runs Glue is asked for one by one.
const LOOKUPS: usize = 50;
const LOOKUPS_AT_ONCE: usize = 4;

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Markers with the stage whose work they hint at, oldest first.
    pub markers: Vec<(Stage, Marker)>,
    /// Marked items, their holders, and the runs that Glue told of; by partition key.
    pub items: HashMap<String, LedgerItem>,
    /// The runs that Glue told of.
    pub runs: Vec<(Stage, GlueRun)>,
    /// Runs that the ledger has and Glue was asked for and does not know.
    pub unknown: Vec<RunItem>,
    /// When the weekly run was last due, and its grace is over.
    pub due: Option<Timestamp>,
    /// When the last listing of the whole landing zone began.
    pub full_pass_started_at: Option<Timestamp>,
}

impl Snapshot {
    /// A run's item.
    #[must_use]
    pub fn run_item(&self, stage: Stage, run_id: &str) -> Option<&RunItem> {
        match self.items.get(&run_pk(stage, run_id)) {
            Some(LedgerItem::Run(run)) => Some(run),
            _ => None,
        }
    }

    /// A run as Glue tells of it.
    #[must_use]
    pub fn glue_run(&self, stage: Stage, run_id: &str) -> Option<&GlueRun> {
        let mut runs = self.runs.iter();
        runs.find(|(of, run)| *of == stage && run.run_id == run_id)
            .map(|(_, run)| run)
    }
}

/// Reads all of it.
///
/// # Errors
/// Something can't be read; a plan on a part of the facts would be a wrong one.
pub async fn gather(
    config: &Config,
    clients: &Clients,
    full_pass_started_at: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<Snapshot> {
    let due = config.classify_schedule.last_due(now, &config.patience);
    // What Glue says is read before the ledger: a run that ends in between looks alive and is left alone.
    let runs = recent(config, clients, due, now).await?;
    let markers = try_join_all(Stage::ALL.map(async |stage| {
        let mut markers = clients.ledger.markers(stage).await?;
        markers.sort_by(|a, b| a.at.cmp(&b.at));
        markers.truncate(ITEMS_A_STAGE);
        anyhow::Ok(markers.into_iter().map(move |marker| (stage, marker)))
    }));
    let mut snapshot = Snapshot {
        markers: markers.await?.into_iter().flatten().collect(),
        runs,
        due,
        full_pass_started_at,
        ..Snapshot::default()
    };
    read_items(clients, &mut snapshot).await?;
    look_up_older_runs(config, clients, &mut snapshot).await?;
    Ok(snapshot)
}

async fn recent(
    config: &Config,
    clients: &Clients,
    due: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<Vec<(Stage, GlueRun)>> {
    let since = now.checked_sub(config.lookback)?;
    let lists = Stage::ALL.map(async |stage| {
        // Whether the weekly run was missed can only be told from all runs since it was due.
        let since = match (stage, due) {
            (Stage::Classify, Some(due)) => since.min(due),
            _ => since,
        };
        let runs = recent_runs(&clients.glue, config.job(stage), since).await?;
        anyhow::Ok(runs.into_iter().map(move |run| (stage, run)))
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// The marked items and the items of the runs; then the holders of those.
async fn read_items(clients: &Clients, snapshot: &mut Snapshot) -> anyhow::Result<()> {
    let marked: Vec<String> = snapshot
        .markers
        .iter()
        .map(|(_, marker)| marker.item.clone())
        .collect();
    let told_of: Vec<String> = snapshot
        .runs
        .iter()
        .map(|(stage, run)| run_pk(*stage, &run.run_id))
        .collect();
    let (marked, told_of) = try_join(
        clients.ledger.items(&marked),
        clients.ledger.items(&told_of),
    )
    .await?;
    snapshot.items = marked;
    snapshot.items.extend(told_of);
    let holders: Vec<String> = snapshot
        .markers
        .iter()
        .filter_map(|(stage, marker)| {
            let item = snapshot.items.get(&marker.item)?;
            let holder = run_pk(*stage, item.as_work().assigned_to()?);
            (!snapshot.items.contains_key(&holder)).then_some(holder)
        })
        .collect();
    snapshot.items.extend(clients.ledger.items(&holders).await?);
    Ok(())
}

/// Asks Glue for the runs that the ledger led to, that still need something, and that are older than
/// the look-back.
async fn look_up_older_runs(
    config: &Config,
    clients: &Clients,
    snapshot: &mut Snapshot,
) -> anyhow::Result<()> {
    let told_of: HashSet<(Stage, &str)> = snapshot
        .runs
        .iter()
        .map(|(stage, run)| (*stage, run.run_id.as_str()))
        .collect();
    let mut older: Vec<RunItem> = snapshot
        .items
        .values()
        .filter_map(|item| match item {
            LedgerItem::Run(run) => Some(run),
            LedgerItem::File(_) => None,
        })
        .filter(|run| needs_something(run) && !told_of.contains(&(run.stage, run.run_id.as_str())))
        .cloned()
        .collect();
    older.sort_by(|a, b| (a.started_at, &a.run_id).cmp(&(b.started_at, &b.run_id)));
    older.truncate(LOOKUPS);
    let found: Vec<(RunItem, Option<GlueRun>)> = stream::iter(older)
        .map(async |run| {
            let glue_run = run_of(&clients.glue, config.job(run.stage), &run.run_id).await?;
            anyhow::Ok((run, glue_run))
        })
        .buffer_unordered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await?;
    for (run, glue_run) in found {
        match glue_run {
            Some(glue_run) => snapshot.runs.push((run.stage, glue_run)),
            None => snapshot.unknown.push(run),
        }
    }
    Ok(())
}

fn needs_something(run: &RunItem) -> bool {
    let to_clean = run.stage == Stage::Classify
        && run.state == RunState::Committed
        && run.cleaned_at.is_none();
    run.state == RunState::Started || run.told_at.is_none() || to_clean
}
