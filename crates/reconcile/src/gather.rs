//! What there is: markers, the items that they name, who holds those, and what Glue says of runs.

use std::collections::{HashMap, HashSet};

use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use pipeline::glue::{GlueRun, recent_runs, run_of};
use pipeline::ledger::{Ledger, LedgerItem, Marker, RunItem};
use pipeline::protocol::{Stage, run_pk};

use crate::plan::{Sought, needs_run, sought, stands_for_nothing};
use crate::{Clients, Config};

/// How many markers that stand for nothing are kept to be dropped: more are found the next time.
const DROPS: usize = 1_000;
/// Glue forgets a run after some 90 days.
const GLUE_REMEMBERS: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many older runs Glue is asked for one by one, at a time.
const LOOKUPS: usize = 50;
const LOOKUPS_AT_ONCE: usize = 4;

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Markers whose items were looked at, with the stage whose work they hint at: enough to know whether
    /// there is work.
    pub markers: Vec<(Stage, Marker)>,
    /// How many markers were read in all.
    pub markers_read: usize,
    /// Marked items, their holders, and the runs that Glue told of; by partition key.
    pub items: HashMap<String, LedgerItem>,
    /// The runs that Glue told of.
    pub runs: Vec<(Stage, GlueRun)>,
    /// Runs that the ledger has and Glue was asked for and does not know.
    pub unknown: Vec<RunItem>,
    /// When the weekly run was last due, and its grace is over; `None` if it is switched off.
    pub due: Option<Timestamp>,
    /// When the last listing of the whole landing zone began.
    pub full_pass_started_at: Option<Timestamp>,
    /// By stage, the moment before which every run is known to need nothing more.
    pub settled_before: HashMap<Stage, Timestamp>,
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
}

/// Reads all of it.
///
/// # Errors
/// Something can't be read; a plan on a part of the facts would be a wrong one.
pub async fn gather(
    config: &Config,
    clients: &Clients,
    now: Timestamp,
) -> anyhow::Result<Snapshot> {
    let mut snapshot = Snapshot {
        due: config.classify_due(now),
        full_pass_started_at: clients.ledger.cursor().await?.full_pass_started_at,
        ..Snapshot::default()
    };
    for stage in Stage::ALL {
        let moment = clients.ledger.settled_before(stage).await?;
        snapshot.settled_before.extend(moment.map(|at| (stage, at)));
    }
    // What Glue says is read before the ledger: a run that ends in between looks alive and is left alone.
    snapshot.runs = recent(config, clients, &snapshot, now).await?;
    let pks = snapshot.runs.iter();
    let pks: Vec<String> = pks
        .map(|(stage, run)| run_pk(*stage, &run.run_id))
        .collect();
    snapshot.items = clients.ledger.items(&pks).await?;
    for stage in Stage::ALL {
        read_markers(config, clients, &mut snapshot, stage, now).await?;
    }
    Ok(snapshot)
}

async fn recent(
    config: &Config,
    clients: &Clients,
    snapshot: &Snapshot,
    now: Timestamp,
) -> anyhow::Result<Vec<(Stage, GlueRun)>> {
    let recently = now.checked_sub(config.lookback)?;
    let all = now.checked_sub(GLUE_REMEMBERS)?;
    let lists = Stage::ALL.map(async |stage| {
        let settled_before = snapshot.settled_before.get(&stage).copied();
        // Back to the oldest run that may still need something, however long ago that was.
        let since = recently.min(settled_before.unwrap_or(all));
        // Whether the weekly run was missed can only be told from all runs since it was due.
        let since = match (stage, snapshot.due) {
            (Stage::Classify, Some(due)) => since.min(due),
            _ => since,
        };
        let runs = recent_runs(&clients.glue, config.job(stage), since).await?;
        anyhow::Ok(runs.into_iter().map(move |run| (stage, run)))
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// Reads markers of a stage, and what they lead to, until there is a reason to start a run or none are
/// left. Of those that are none, only what may be dropped is kept: there can be a million of them.
async fn read_markers(
    config: &Config,
    clients: &Clients,
    snapshot: &mut Snapshot,
    stage: Stage,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut places = Ledger::marker_places(stage);
    let mut is_first = true;
    loop {
        let markers = clients.ledger.next_markers(&mut places).await?;
        snapshot.markers_read += markers.len();
        let sought = sought(config, snapshot, stage, now);
        // The first ones are looked at in any case, for those among them that stand for nothing.
        let candidates = markers
            .into_iter()
            .filter(|marker| is_first || sought.fits(marker))
            .map(|marker| (stage, marker))
            .collect();
        read_items(clients, snapshot, candidates).await?;
        look_up_older_runs(config, clients, snapshot).await?;
        if places.is_empty() || sought == Sought::Nothing || needs_run(config, snapshot, stage, now)
        {
            return Ok(());
        }
        is_first = false;
        forget(config, snapshot, now);
    }
}

/// Drops what no later decision needs.
fn forget(config: &Config, snapshot: &mut Snapshot, now: Timestamp) {
    let mut markers = std::mem::take(&mut snapshot.markers);
    markers.retain(|(_, marker)| stands_for_nothing(config, snapshot, marker, now));
    markers.truncate(DROPS);
    snapshot.markers = markers;
    let is_run = |item: &LedgerItem| matches!(item, LedgerItem::Run(_));
    snapshot.items.retain(|_, item| is_run(item));
}

/// The marked items; then the holders of those.
async fn read_items(
    clients: &Clients,
    snapshot: &mut Snapshot,
    markers: Vec<(Stage, Marker)>,
) -> anyhow::Result<()> {
    let marked: Vec<String> = markers
        .iter()
        .map(|(_, marker)| marker.item.clone())
        .collect();
    let items = clients.ledger.items(&marked).await?;
    let holders: Vec<String> = markers
        .iter()
        .filter_map(|(stage, marker)| {
            let item = items.get(&marker.item)?;
            let holder = run_pk(*stage, item.as_work().assigned_to()?);
            (!snapshot.items.contains_key(&holder)).then_some(holder)
        })
        .collect();
    let holders = clients.ledger.items(&holders).await?;
    snapshot.markers.extend(markers);
    snapshot.items.extend(items);
    snapshot.items.extend(holders);
    Ok(())
}

/// Asks Glue for the runs that the ledger led to, that still need something, and that are older than
/// all that Glue was asked to list.
async fn look_up_older_runs(
    config: &Config,
    clients: &Clients,
    snapshot: &mut Snapshot,
) -> anyhow::Result<()> {
    let unknown = snapshot.unknown.iter();
    let known: HashSet<(Stage, &str)> = snapshot
        .runs
        .iter()
        .map(|(stage, run)| (*stage, run.run_id.as_str()))
        .chain(unknown.map(|run| (run.stage, run.run_id.as_str())))
        .collect();
    let mut older: Vec<RunItem> = snapshot
        .items
        .values()
        .filter_map(|item| match item {
            LedgerItem::Run(run) => Some(run),
            LedgerItem::File(_) => None,
        })
        .filter(|run| !run.record().is_settled(run.stage))
        .filter(|run| !known.contains(&(run.stage, run.run_id.as_str())))
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
