//! What to do, decided from what was read. No clock, no network.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use pipeline::glue::GlueRun;
use pipeline::ledger::{Marker, RunItem};
use pipeline::protocol::{
    Item, Phase, Resend, RunState, Settle, Stage, Upkeep, asks_for_run, has_ended, is_stale,
    upkeep_of_ended,
};
use pipeline::state_change::{GlueState, StateChange};

use crate::{Config, FUNCTION, Snapshot};

/// Within what time Glue lists a run that was asked for, for certain. What is known of runs that began
/// later may not be all; and it is remembered no more often than that.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// What to do, in the order in which it is done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Runs that are over and do not say so.
    pub settle: Vec<Settlement>,
    /// Events to send again.
    pub resend: Vec<StateChange>,
    /// Markers that stand for nothing.
    pub drop: Vec<Marker>,
    /// Moments before which every run of the stage needs nothing more.
    pub settled_before: Vec<(Stage, Timestamp)>,
    /// Stages to start a run of.
    pub start: Vec<Stage>,
}

/// A run to be set VOID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its stage.
    pub stage: Stage,
    /// Its job run id.
    pub run_id: String,
    /// When it started, as far as Glue knows.
    pub started_at: Option<Timestamp>,
    /// How.
    pub settle: Settle,
}

/// Plans an invocation.
#[must_use]
pub fn plan(config: &Config, snapshot: &Snapshot, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for (stage, run) in &snapshot.runs {
        if run.phase() == Phase::Ended {
            let record = snapshot.run_item(*stage, &run.run_id).map(RunItem::record);
            let upkeep =
                upkeep_of_ended(*stage, record.as_ref(), run.ended_at, now, &config.patience);
            let change = StateChange {
                job: config.job(*stage).to_owned(),
                run_id: run.run_id.clone(),
                state: run.state.clone(),
                message: run.message.clone(),
            };
            plan.look_after(*stage, run.started_at, change, upkeep);
        }
    }
    for run in &snapshot.unknown {
        if has_ended(Phase::Unknown, run.started_at, now) == Some(true) {
            let upkeep =
                upkeep_of_ended(run.stage, Some(&run.record()), None, now, &config.patience);
            plan.look_after(run.stage, run.started_at, forgotten(config, run), upkeep);
        }
    }
    plan.drop = snapshot
        .markers
        .iter()
        .filter(|(_, marker)| stands_for_nothing(config, snapshot, marker, now))
        .map(|(_, marker)| marker.clone())
        .collect();
    plan.settled_before = Stage::ALL
        .into_iter()
        .filter_map(|stage| Some((stage, settled_before(snapshot, stage, now)?)))
        .collect();
    plan.start = Stage::ALL
        .into_iter()
        .filter(|stage| needs_run(config, snapshot, *stage, now))
        .collect();
    plan
}

impl Plan {
    fn look_after(
        &mut self,
        stage: Stage,
        started_at: Option<Timestamp>,
        change: StateChange,
        upkeep: Upkeep,
    ) {
        if let Some(settle) = upkeep.settle {
            self.settle.push(Settlement {
                stage,
                run_id: change.run_id.clone(),
                started_at,
                settle,
            });
        }
        match upkeep.resend {
            None => {}
            Some(Resend::AsItEnded) => self.resend.push(change),
            Some(Resend::AsSucceeded) => self.resend.push(StateChange {
                state: GlueState::Succeeded,
                ..change
            }),
        }
    }
}

/// The end of a run that Glue has forgotten: a success if it committed, a failure if not.
fn forgotten(config: &Config, run: &RunItem) -> StateChange {
    let state = match run.state {
        RunState::Committed => GlueState::Succeeded,
        RunState::Started | RunState::Void => GlueState::Failed("ERROR".to_owned()),
    };
    StateChange {
        job: config.job(run.stage).to_owned(),
        run_id: run.run_id.clone(),
        state,
        message: "Glue no longer knows this run".to_owned(),
    }
}

/// A void run will never be work, and a marker without an item is a crash's left-over once it is old
/// and the landing zone was searched.
#[must_use]
pub fn stands_for_nothing(
    config: &Config,
    snapshot: &Snapshot,
    marker: &Marker,
    now: Timestamp,
) -> bool {
    match snapshot.items.get(&marker.item) {
        Some(item) => matches!(
            item.as_work(),
            Item::Run {
                state: RunState::Void,
                ..
            }
        ),
        // A time stamp that can't be read ages like one of the beginning of time: only a pass decides.
        None => is_stale(
            marker.moment().unwrap_or(Timestamp::UNIX_EPOCH),
            snapshot.full_pass_started_at,
            now,
            &config.patience,
        ),
    }
}

/// The moment before which every run of the stage needs nothing more, if that is worth to be remembered.
fn settled_before(snapshot: &Snapshot, stage: Stage, now: Timestamp) -> Option<Timestamp> {
    let mut moment = now.checked_sub(LISTED_WITHIN).ok()?;
    for (of, run) in &snapshot.runs {
        let item = snapshot.run_item(*of, &run.run_id);
        let is_settled = item.is_some_and(|item| item.record().is_settled(*of));
        if *of == stage && !(is_settled && run.phase() == Phase::Ended) {
            moment = moment.min(run.started_at?);
        }
    }
    let known = snapshot.settled_before.get(&stage);
    let is_later = known.is_none_or(|known| moment.duration_since(*known) >= LISTED_WITHIN);
    is_later.then_some(moment)
}

/// Which markers can be a reason to start a run of a stage, if what they mark asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// None: the stage has an active run, or its time has not come.
    Nothing,
    /// Any.
    Anything,
    /// Those that were put since.
    MarkedAfter(Timestamp),
    /// Those that were put before.
    MarkedBefore(Timestamp),
}

impl Sought {
    /// Whether this is such a marker.
    #[must_use]
    pub fn fits(self, marker: &Marker) -> bool {
        match self {
            Self::Nothing => false,
            Self::Anything => true,
            Self::MarkedAfter(moment) => marker.moment().is_some_and(|at| at > moment),
            Self::MarkedBefore(moment) => marker.moment().is_some_and(|at| at < moment),
        }
    }
}

/// Stage 1 and 3 start when there is open work and no active run. Stage 2 starts when its weekly moment
/// passed, work was open then, and no run has come since.
#[must_use]
pub fn sought(config: &Config, snapshot: &Snapshot, stage: Stage, now: Timestamp) -> Sought {
    let runs = || snapshot.runs.iter().filter(|(of, _)| *of == stage);
    if runs().any(|(_, run)| run.phase() == Phase::Alive) {
        return Sought::Nothing;
    }
    if stage == Stage::Classify {
        let is_since = |due| move |at: Timestamp| at >= due;
        return match snapshot.due {
            Some(due) if !runs().any(|(_, run)| run.started_at.is_none_or(is_since(due))) => {
                Sought::MarkedBefore(due)
            }
            _ => Sought::Nothing,
        };
    }
    // What was marked since the last run began is work that no run has failed on.
    paused_since(config, snapshot, stage, now).map_or(Sought::Anything, Sought::MarkedAfter)
}

/// Whether a run of a stage is to be started.
#[must_use]
pub fn needs_run(config: &Config, snapshot: &Snapshot, stage: Stage, now: Timestamp) -> bool {
    let sought = sought(config, snapshot, stage, now);
    sought != Sought::Nothing
        && asking_markers(snapshot, stage, now).any(|marker| sought.fits(marker))
}

/// For how many seconds the oldest work of a stage has waited that no run holds; 0 if there is none.
#[must_use]
pub fn open_work_age(snapshot: &Snapshot, stage: Stage, now: Timestamp) -> i64 {
    asking_markers(snapshot, stage, now)
        .filter_map(Marker::moment)
        .map(|at| now.duration_since(at).as_secs())
        .fold(0, i64::max)
}

/// If the stage's last runs committed nothing and their pause is not over: when the last of them began.
fn paused_since(
    config: &Config,
    snapshot: &Snapshot,
    stage: Stage,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut runs: Vec<&GlueRun> = snapshot
        .runs
        .iter()
        .filter(|(of, _)| *of == stage)
        .map(|(_, run)| run)
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    let committed = |run: &GlueRun| {
        let item = snapshot.run_item(stage, &run.run_id);
        item.is_some_and(|item| item.state == RunState::Committed)
    };
    let barren = runs
        .iter()
        .take_while(|run| !committed(run))
        .filter(|run| had_work(run))
        .count();
    let last = runs.first()?;
    let is_over = now.duration_since(last.ended_at?) >= config.patience.pause_after(barren);
    if is_over { None } else { last.started_at }
}

/// Whether a run that committed nothing is a sign of trouble. That it found nothing to do is none, unless it
/// was asked for here, where there was work to be seen.
fn had_work(run: &GlueRun) -> bool {
    run.state != GlueState::Succeeded || run.started_by.as_deref() == Some(FUNCTION)
}

fn asking_markers(
    snapshot: &Snapshot,
    stage: Stage,
    now: Timestamp,
) -> impl Iterator<Item = &Marker> {
    // By run id: there may be many markers, and many runs.
    let phases: HashMap<&str, Phase> = snapshot
        .unknown
        .iter()
        .map(|run| (run.stage, run.run_id.as_str(), Phase::Unknown))
        .chain(
            snapshot
                .runs
                .iter()
                .map(|(of, run)| (*of, run.run_id.as_str(), run.phase())),
        )
        .filter(|(of, _, _)| *of == stage)
        .map(|(_, run_id, phase)| (run_id, phase))
        .collect();
    snapshot
        .markers
        .iter()
        .filter(move |(of, _)| *of == stage)
        .filter(move |(_, marker)| {
            let item = snapshot.items.get(&marker.item).map(|item| item.as_work());
            let holder = item
                .as_ref()
                .and_then(Item::assigned_to)
                .and_then(|run_id| snapshot.run_item(stage, run_id));
            let ended = holder.and_then(|holder| {
                let phase = *phases.get(holder.run_id.as_str())?;
                has_ended(phase, holder.started_at, now)
            });
            asks_for_run(
                item.as_ref(),
                holder.map(RunItem::as_holder).as_ref(),
                ended,
            )
        })
        .map(|(_, marker)| marker)
}

#[cfg(test)]
mod tests;
