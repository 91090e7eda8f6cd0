//! What happens around the job runs: intake, reconcile, clean-prefix, and telling.

use clean_prefix::plan as clean;
use pipeline::protocol::{RunState, Settle, VoidReason};
use success_fail_event::plan::{self as tell, Fault, Telling};

use crate::facts::{self, glue_state, name_of, run_item, stage_of};
use crate::job::void;
use crate::world::{Cleaner, Index, Intent, News, RunItem, Set, Teller, Temp, World};
use crate::{Protection, Rules};

/// The item of a file: its own, or one that all versions of its key share.
fn item_of(file: Index, rules: Rules) -> Index {
    if rules.has(Protection::VersionIdentity) {
        file
    } else {
        0
    }
}

/// Intake's next write: the marker, then the item (put if absent); the start is an action of its own.
pub fn take_in(world: &mut World, file: Index, intake: usize, rules: Rules) {
    let Some(steps) = world.files[usize::from(file)].intake[intake] else {
        return;
    };
    let item = item_of(file, rules);
    if (steps == 0) == rules.has(Protection::MarkerBeforeItem) {
        world.put_marker(1, item);
    } else {
        let put = &mut world.files[usize::from(item)].item;
        if put.is_none() || !rules.has(Protection::FilePutIfAbsent) {
            *put = Some(None);
        }
    }
    let intakes = &mut world.files[usize::from(file)].intake;
    intakes[intake] = (steps == 0).then_some(1);
    intakes.sort_unstable();
}

/// reconcile's listing comes to a file: one without an item is taken in, if it is there.
///
/// None if that changes nothing, or if no intake is free.
pub fn list(world: &mut World, file: Index, rules: Rules) -> Option<()> {
    let item = item_of(file, rules);
    let is_seen = world.files[usize::from(item)].item.is_some();
    let at = &mut world.files[usize::from(file)];
    if is_seen || at.gone {
        return (!std::mem::replace(&mut at.listed, true)).then_some(());
    }
    *at.intake.iter_mut().find(|steps| steps.is_none())? = Some(0);
    at.intake.sort_unstable();
    Some(())
}

/// What reconcile decides to write, given what there is.
#[must_use]
pub fn intents(world: &World, rules: Rules) -> Vec<Intent> {
    let plan = facts::plan(world);
    let settle = plan.settle.iter().filter_map(|settlement| {
        Some(Intent::Settle {
            run: facts::run_named(&settlement.run_id)?,
            settle: settlement.settle,
        })
    });
    let mut intents: Vec<Intent> = settle.collect();
    let mut drop = |(stage, item)| {
        intents.push(Intent::Drop {
            stage,
            item,
            renewed: false,
        });
    };
    for marker in &plan.drop {
        facts::marked(&marker.item)
            .filter(|(stage, _)| *stage == 1 || rules.has(Protection::VoidMarkersDropped))
            .map(&mut drop);
    }
    if !rules.has(Protection::StaleMarkersOnlyAfterListing) {
        let unlisted = world.markers[1]
            .iter()
            .filter(|item| world.files[usize::from(*item)].item.is_none());
        unlisted.for_each(|item| drop((1, item)));
    }
    intents
}

/// reconcile does what it decided, on condition that it still holds.
pub fn act(world: &mut World, rules: Rules) {
    match world.intent.take() {
        Some(Intent::Settle { run, settle }) => apply_settle(world, run, settle, rules),
        Some(Intent::Drop {
            stage,
            item,
            renewed: false,
        }) => world.drop_marker(stage, item),
        _ => {}
    }
}

fn apply_settle(world: &mut World, run: Index, settle: Settle, rules: Rules) {
    match settle {
        Settle::Void => void(world, run, VoidReason::Ended, rules),
        Settle::NeverStarted => {
            world.run(run).item.get_or_insert_with(|| {
                RunItem::new(RunState::Void, Some(VoidReason::NeverStarted))
            });
        }
    }
}

/// clean-prefix is invoked for a run that ended: reads it, and its manifest. None if there is nothing to do.
#[must_use]
pub fn cleaner(world: &World, by: Index, rules: Rules) -> Option<Cleaner> {
    let at = world.at(by);
    let listed = match clean::plan(run_item(world, by).as_ref()) {
        Ok(clean::Plan::Clean { .. }) => at.committed(),
        _ if !rules.has(Protection::CleanReadsState) => at.holds,
        _ => return None,
    };
    let left = if rules.has(Protection::DeleteByManifest) {
        listed
    } else {
        let there = world
            .indexes()
            .filter(|run| world.at(*run).temp == Temp::Output);
        there.fold(Set::default(), |mut set, run| {
            set.insert(run);
            set
        })
    };
    Some(Cleaner {
        by,
        left,
        deleting: None,
        refused: false,
    })
}

/// clean-prefix's next step: checks a stage 1 run, deletes its output, or records that it is through.
pub fn clean_on(world: &mut World, mut cleaner: Cleaner, rules: Rules) -> Option<Cleaner> {
    if let Some(run) = cleaner.deleting.take() {
        world.run(run).temp = Temp::Deleted;
        return Some(cleaner);
    }
    let marks_first = !rules.has(Protection::CleanedRecordedLast);
    if marks_first && !cleaner.left.is_empty() {
        mark_cleaned(world, cleaner.by);
    }
    let Some(run) = cleaner.left.iter().next() else {
        if !cleaner.refused {
            mark_cleaned(world, cleaner.by);
        }
        return None;
    };
    cleaner.left.remove(run);
    let read = run_item(world, run);
    let is_consumed = clean::consumed(name_of(run), read.as_ref(), name_of(cleaner.by)).is_ok();
    let checks = rules.has(Protection::CleanReadsState) && rules.has(Protection::DeleteByManifest);
    if is_consumed || !checks {
        cleaner.deleting = Some(run);
    } else {
        cleaner.refused = true;
    }
    Some(cleaner)
}

/// Condition: it is COMMITTED.
fn mark_cleaned(world: &mut World, by: Index) {
    if let Some(item) = world.run(by).item.as_mut()
        && item.state == RunState::Committed
    {
        item.cleaned = true;
    }
}

/// success-fail-event is invoked for a run that ended: settles it, reads it, and decides what to tell.
/// None if that is nothing.
///
/// The lease is not part of the model: it only makes doubles rarer, and a slow holder outlives it.
pub fn teller(world: &mut World, run: Index, rules: Rules) -> Option<Teller> {
    let (stage, state) = (
        stage_of(world.at(run).stage)?,
        glue_state(world.at(run).glue),
    );
    if let Some(settle) = tell::settle(&state, run_item(world, run).as_ref())
        && rules.has(Protection::SettledBeforeTelling)
    {
        apply_settle(world, run, settle, rules);
    }
    let news = match tell::plan(stage, &state, run_item(world, run).as_ref()) {
        // The model's cleaners give no reasons; what is told of one is no matter of the run's end.
        Telling::Nothing(_) | Telling::Incident(Fault::NotCleaned) => return None,
        Telling::Quietly | Telling::NothingToClassify => News::Quiet,
        Telling::Success => News::Done,
        Telling::Incident(Fault::AfterCommit) => News::DoneThenFailed,
        Telling::Incident(Fault::NotCommitted | Fault::NeverStarted) => News::NotDone,
    };
    Some(Teller {
        run,
        news,
        half_way: false,
    })
}

/// Tells, and then records that it did.
pub fn tell_on(world: &mut World, teller: Teller, rules: Rules) -> Option<Teller> {
    let at = world.run(teller.run);
    if teller.half_way != rules.has(Protection::ToldRecordedLast) {
        at.said_done |= matches!(teller.news, News::Done | News::DoneThenFailed);
        at.said_not_done |= teller.news == News::NotDone;
    } else if let Some(item) = at.item.as_mut() {
        item.told = true;
    }
    (!teller.half_way).then_some(Teller {
        half_way: true,
        ..teller
    })
}
