//! The model's world as the product's functions read it: ledger items, markers, what Glue says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use pipeline::glue::GlueRun;
use pipeline::ledger::{FileItem, LedgerItem, Marker, RunItem};
use pipeline::protocol::{ItemKey, MarkerKey, RunState, Stage, file_pk, iso, run_pk};
use pipeline::state_change::GlueState;
use reconcile::{Config, Plan, Snapshot};

use crate::world::{File, Glue, Index, MOST_RUNS, World};

const NAMES: [&str; MOST_RUNS as usize] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
];

/// The job run id of a run; also the version id of a file.
#[must_use]
pub fn name_of(index: Index) -> &'static str {
    NAMES[usize::from(index)]
}

fn index_of(name: &str) -> Option<Index> {
    name.parse().ok()
}

/// When everything began that the model holds: long enough ago for every grace and lease to be over,
/// since the model's processes take any time they like.
static BEGINNING: LazyLock<Timestamp> = LazyLock::new(|| at("2026-11-26T12:00:00Z"));
/// When the last complete listing of the landing zone began.
static LISTED: LazyLock<Timestamp> = LazyLock::new(|| at("2026-11-27T08:00:00Z"));
/// A marker that was put after that listing began.
static MARKED_LATE: LazyLock<Timestamp> = LazyLock::new(|| *LISTED + SignedDuration::from_mins(1));
/// When reconcile looks: the weekly run was due at noon of the 27th, a Friday.
static NOW: LazyLock<Timestamp> = LazyLock::new(|| at("2026-11-30T12:00:00Z"));

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_default()
}

/// A configuration that reconcile refuses would leave a model that plans nothing, so that is no way to go on.
#[allow(clippy::expect_used)]
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let value = |name: &str| match name {
        "CLASSIFY_ENABLED" => "true".to_owned(),
        "CLASSIFY_WEEKDAY" => "FRI".to_owned(),
        "CLASSIFY_TIME" => "12:00".to_owned(),
        "CLASSIFY_TIMEZONE" => "UTC".to_owned(),
        "LOOKBACK_HOURS" => "48".to_owned(),
        "LISTING_PAGES" => "1".to_owned(),
        "EVENT_GRACE_SECONDS" => "180".to_owned(),
        "LANDING_GRACE_SECONDS" => "360".to_owned(),
        "TELLING_LEASE_SECONDS" | "FIRST_PAUSE_SECONDS" => "300".to_owned(),
        "SCHEDULE_GRACE_SECONDS" => "1800".to_owned(),
        "STALE_MARKER_SECONDS" => "86400".to_owned(),
        "LONGEST_PAUSE_SECONDS" => "3600".to_owned(),
        other => other.to_owned(),
    };
    Config::from_lookup(|name| Some(value(name))).expect("a configuration of reconcile")
});

/// What reconcile would do now.
#[must_use]
pub fn plan(world: &World) -> Plan {
    reconcile::plan(&CONFIG, &snapshot(world), *NOW)
}

/// A run's item as the ledger has it.
#[must_use]
pub fn run_item(world: &World, run: Index) -> Option<RunItem> {
    let at = world.at(run);
    let item = at.item.as_ref()?;
    let moment = |is_set: bool| is_set.then_some(*BEGINNING);
    Some(RunItem {
        stage: stage_of(at.stage)?,
        run_id: name_of(run).to_owned(),
        job: String::new(),
        state: item.state,
        reason: item.reason,
        started_by: None,
        started_at: Some(*BEGINNING),
        committed_at: None,
        manifest: (item.state == RunState::Committed).then(String::new),
        report: None,
        counts: BTreeMap::new(),
        assigned_to: item.assigned_to.map(|run| name_of(run).to_owned()),
        cleaned_at: moment(item.cleaned),
        telling_at: None,
        alerted_at: None,
        told_at: moment(item.told),
        cleaning_error: None,
        cleaning_alerted_at: None,
        cleaning_told_at: None,
    })
}

/// A stage by its number.
#[must_use]
pub fn stage_of(number: u8) -> Option<Stage> {
    Stage::try_from(number).ok()
}

/// A run's state as Glue spells it.
#[must_use]
pub fn glue_state(glue: Glue) -> GlueState {
    GlueState::of(match glue {
        Glue::NotStarted => "WAITING",
        Glue::Alive => "RUNNING",
        Glue::Succeeded => "SUCCEEDED",
        Glue::Failed => "FAILED",
    })
}

/// The index that a run id stands for.
#[must_use]
pub fn run_named(run_id: &str) -> Option<Index> {
    index_of(run_id)
}

/// The stage and the index of the item that a marker names.
#[must_use]
pub fn marked(item_pk: &str) -> Option<(u8, Index)> {
    match ItemKey::parse(item_pk)? {
        ItemKey::File(file_id) => Some((1, index_of(file_id)?)),
        ItemKey::Run(stage, run_id) => Some((stage.number() + 1, index_of(run_id)?)),
    }
}

fn snapshot(world: &World) -> Snapshot {
    let mut snapshot = Snapshot {
        due: CONFIG.classify_due(*NOW),
        full_pass_started_at: Some(*LISTED),
        ..Snapshot::default()
    };
    for run in world.indexes() {
        add_run(world, run, &mut snapshot);
    }
    for (file, at) in world.file_indexes().zip(&world.files) {
        if at.item.is_some() {
            let item = LedgerItem::File(file_item(file, at));
            snapshot.items.insert(file_pk(name_of(file)), item);
        }
    }
    for stage in Stage::ALL {
        for item in world.markers[usize::from(stage.number())].iter() {
            snapshot.markers.push((stage, marker(world, stage, item)));
        }
    }
    snapshot
}

fn add_run(world: &World, run: Index, snapshot: &mut Snapshot) {
    let at = world.at(run);
    let Some(stage) = stage_of(at.stage).filter(|_| at.glue != Glue::NotStarted) else {
        return;
    };
    if let Some(item) = run_item(world, run) {
        let pk = run_pk(stage, name_of(run));
        snapshot.items.insert(pk, LedgerItem::Run(item));
    }
    let told_of = GlueRun {
        job: String::new(),
        run_id: name_of(run).to_owned(),
        state: glue_state(at.glue),
        started_at: Some(*BEGINNING),
        ended_at: at.glue.has_ended().then_some(*BEGINNING),
        message: String::new(),
        started_by: None,
    };
    snapshot.runs.push((stage, told_of));
}

fn marker(world: &World, stage: Stage, item: Index) -> Marker {
    let (pk, at) = match stage {
        Stage::Ingest if world.files[usize::from(item)].listed => {
            (file_pk(name_of(item)), *BEGINNING)
        }
        Stage::Ingest => (file_pk(name_of(item)), *MARKED_LATE),
        Stage::Classify => (run_pk(Stage::Ingest, name_of(item)), *BEGINNING),
        Stage::Conform => (run_pk(Stage::Classify, name_of(item)), *BEGINNING),
    };
    Marker {
        key: MarkerKey {
            pk: String::new(),
            sk: String::new(),
        },
        item: pk,
        at: iso(at),
    }
}

fn file_item(file: Index, at: &File) -> FileItem {
    FileItem {
        bucket: String::new(),
        key: String::new(),
        version_id: name_of(file).to_owned(),
        sequencer: None,
        etag: String::new(),
        size: 1,
        dataset: None,
        landed_at: *BEGINNING,
        assigned_to: at.item.flatten().map(|run| name_of(run).to_owned()),
    }
}
