//! The steps of a job run. Which write comes next is decided by the functions that decide in the product,
//! or that the job's Python is held to by tables.

use jiff::Timestamp;
use pipeline::protocol::{
    AfterTaking, Begin, Holder, Item, Phase, RunState, Take, VoidReason, Write,
    decide_after_taking, decide_begin, decide_take, has_ended,
};

use crate::commit::{commit_on, order};
use crate::facts::name_of;
use crate::world::{Glue, Index, Look, Process, RunItem, Set, Temp, World};
use crate::{Protection, Rules};

/// The marked items of its stage that a run has not looked at.
#[must_use]
pub fn to_look_at(world: &World, stage: u8, seen: Set) -> Set {
    world.markers[usize::from(stage)].without(seen)
}

/// A run turns to a marked item and reads it.
pub fn look_at(world: &mut World, run: Index, item: Index, rules: Rules) {
    let stage = world.at(run).stage;
    let held_by = world.holder(stage, item);
    let read = held_by.and_then(|holder| read_item(world, stage, item, holder, rules));
    let decision = decide_take(name_of(run), read.as_ref(), None, None, None);
    let look = match (decision, held_by) {
        (Take::DropMarker, _) if rules.has(Protection::VoidMarkersDropped) => {
            Some(Look::Drop { item })
        }
        (Take::Take, Some(holder)) => Some(Look::Take { item, holder }),
        (Take::Held, _) => {
            world.run(run).holds.insert(item);
            None
        }
        // Its holder was not read yet: that is the next step.
        (Take::Skip, Some(Some(holder))) if is_takeable(read.as_ref()) => {
            Some(Look::Item { item, holder })
        }
        _ => None,
    };
    if let Process::Taking { seen, look: now } = &mut world.run(run).process {
        seen.insert(item);
        *now = look;
    }
}

fn is_takeable(item: Option<&Item<'_>>) -> bool {
    item.is_some_and(|item| match item {
        Item::File { .. } => true,
        Item::Run { state, .. } => *state == RunState::Committed,
    })
}

/// A run's next step; `stale` if Glue's answer about another run is an old one.
pub fn step(world: &mut World, run: Index, stale: bool, rules: Rules) {
    match world.at(run).process {
        Process::None => {}
        Process::Begin => begin(world, run),
        Process::Taking { seen, look } => {
            let look = look.and_then(|look| look_on(world, run, look, stale, rules));
            world.run(run).process = Process::Taking { seen, look };
        }
        Process::Working => work(world, run, rules),
        Process::Appending { snapshot } => append(world, run, snapshot, rules),
        Process::Committing { made } => commit_on(world, run, made, false, rules),
        Process::Dropping { mut left } => {
            if let Some(item) = left.iter().next() {
                left.remove(item);
                let stage = world.at(run).stage;
                world.drop_marker(stage, item);
            }
            world.run(run).process = Process::Dropping { left };
            if left.is_empty() {
                end(world, run, Glue::Succeeded);
            }
        }
    }
}

/// A run's next step, made without its learning so: the retry finds the condition broken.
pub fn step_unanswered(world: &mut World, run: Index, rules: Rules) {
    match world.at(run).process {
        Process::Committing { made } => commit_on(world, run, made, true, rules),
        Process::Taking {
            seen,
            look: Some(Look::Take { item, holder }),
        } => {
            let stage = world.at(run).stage;
            if world.holder(stage, item) == Some(holder) {
                world.assign(stage, item, run);
            }
            world.run(run).process = Process::Taking { seen, look: None };
        }
        _ => step(world, run, false, rules),
    }
}

/// Whether a run's next step is a write whose answer the run needs.
#[must_use]
pub fn awaits_answer(world: &World, run: Index, rules: Rules) -> bool {
    match world.at(run).process {
        Process::Taking {
            look: Some(Look::Take { .. }),
            ..
        } => true,
        Process::Committing { made } => {
            order(world.at(run).stage, rules).get(usize::from(made)) == Some(&Write::Commit)
        }
        _ => false,
    }
}

/// Step 1: STARTED if absent. Given up before it began, it ends.
fn begin(world: &mut World, run: Index) {
    let at = world.run(run);
    let state = at
        .item
        .get_or_insert_with(|| RunItem::new(RunState::Started, None))
        .state;
    match decide_begin(Some(state)) {
        Begin::GoOn => {
            at.process = Process::Taking {
                seen: Set::default(),
                look: None,
            };
        }
        Begin::Refuse => end(world, run, Glue::Failed),
    }
}

/// What became of an item that a run looks at: the next thing to do about it, if any.
fn look_on(world: &mut World, run: Index, look: Look, stale: bool, rules: Rules) -> Option<Look> {
    let stage = world.at(run).stage;
    match look {
        Look::Item { item, holder } => decide(world, run, item, holder, stale, rules),
        Look::Drop { item } => {
            world.drop_marker(stage, item);
            None
        }
        Look::Take { item, holder } => {
            if world.holder(stage, item) == Some(holder) || !rules.has(Protection::TakeOnCondition)
            {
                world.assign(stage, item, run);
                world.run(run).holds.insert(item);
            }
            None
        }
        Look::Void { item, holder } => {
            void(world, holder, VoidReason::Ended, rules);
            let given_up = world.at(holder).state() == Some(RunState::Void);
            let holder = Some(holder);
            given_up.then_some(Look::Take { item, holder })
        }
    }
}

fn decide(
    world: &World,
    run: Index,
    item: Index,
    holder: Index,
    stale: bool,
    rules: Rules,
) -> Option<Look> {
    let stage = world.at(run).stage;
    let read = read_item(world, stage, item, Some(holder), rules);
    let other = world.at(holder);
    let seen = other.state().map(|state| Holder {
        run_id: name_of(holder),
        state,
    });
    let lists = other.item.as_ref().map(|held| held.lists.contains(item));
    let phase = if other.glue.has_ended() && !stale {
        Phase::Ended
    } else {
        Phase::Alive
    };
    let ended = has_ended(phase, None, Timestamp::UNIX_EPOCH);
    let take = Look::Take {
        item,
        holder: Some(holder),
    };
    match decide_take(name_of(run), read.as_ref(), seen.as_ref(), lists, ended) {
        Take::DropMarker => Some(Look::Drop { item }),
        Take::TakeOver
            if !rules.has(Protection::LeftOversOfCommittedTaken)
                && other.state() == Some(RunState::Committed) =>
        {
            None
        }
        Take::Take | Take::TakeOver => Some(take),
        Take::VoidHolder if !rules.has(Protection::VoidBeforeTakeOver) => Some(take),
        Take::VoidHolder => Some(Look::Void { item, holder }),
        Take::Skip | Take::Held => None,
    }
}

/// Step 3: the list is frozen; a run that holds nothing ends.
pub fn freeze(world: &mut World, run: Index) {
    match decide_after_taking(world.at(run).holds.len()) {
        AfterTaking::Process => world.run(run).process = Process::Working,
        AfterTaking::EndEmpty => {
            void(world, run, VoidReason::Empty, Rules::ALL);
            end(world, run, Glue::Succeeded);
        }
    }
}

/// Reads what it holds, and writes aside. Input that should be there and is not is a failure.
fn work(world: &mut World, run: Index, rules: Rules) {
    let holds = world.at(run).holds;
    match world.at(run).stage {
        1 => {
            let found = holds.iter().filter_map(|item| version(world, item, rules));
            world.run(run).rows = found.fold(Set::default(), with);
            world.run(run).temp = Temp::Output;
            world.run(run).process = Process::Committing { made: 0 };
        }
        2 => {
            if holds
                .iter()
                .any(|input| world.at(input).temp == Temp::Deleted)
            {
                return end(world, run, Glue::Failed);
            }
            read_runs(world, run);
            world.run(run).process = Process::Committing { made: 0 };
        }
        _ => {
            read_runs(world, run);
            let snapshot = world.table;
            world.run(run).process = Process::Appending { snapshot };
        }
    }
}

fn read_runs(world: &mut World, run: Index) {
    let holds = world.at(run).holds;
    let rows = holds.iter().map(|input| world.at(input).rows);
    world.run(run).rows = rows.fold(Set::default(), Set::or);
    world.run(run).read = holds;
}

/// The version that a file's item leads to, if it is still there: that one, or whatever is the newest.
fn version(world: &World, item: Index, rules: Rules) -> Option<Index> {
    let version = if rules.has(Protection::VersionIdentity) {
        item
    } else {
        world.file_indexes().last()?
    };
    (!world.files[usize::from(version)].gone).then_some(version)
}

fn with(mut set: Set, index: Index) -> Set {
    set.insert(index);
    set
}

/// Appends the rows of files that the table doesn't have; refused if some came since it was read.
fn append(world: &mut World, run: Index, snapshot: Set, rules: Rules) {
    let known = if rules.has(Protection::KnownFilesLeftOut) {
        snapshot
    } else {
        Set::default()
    };
    let fresh = world.at(run).rows.without(known);
    let conflicts = !world.table.without(snapshot).and(fresh).is_empty();
    if conflicts && rules.has(Protection::ValidatedTableCommit) {
        return end(world, run, Glue::Failed);
    }
    world.twice = world.twice.or(world.table.and(fresh));
    world.table = world.table.or(fresh);
    world.run(run).process = Process::Committing { made: 0 };
}

/// STARTED -> VOID.
pub fn void(world: &mut World, run: Index, reason: VoidReason, rules: Rules) {
    let on_condition = rules.has(Protection::VoidOnCondition);
    if let Some(item) = world.run(run).item.as_mut()
        && (item.state == RunState::Started || !on_condition)
    {
        item.state = RunState::Void;
        item.reason = Some(reason);
    }
}

/// A process ends; Glue learns how, unless it took the run for ended before.
pub fn end(world: &mut World, run: Index, how: Glue) {
    let at = world.run(run);
    at.process = Process::None;
    if !at.glue.has_ended() {
        at.glue = how;
    }
}

fn read_item(
    world: &World,
    stage: u8,
    item: Index,
    holder: Option<Index>,
    rules: Rules,
) -> Option<Item<'static>> {
    let assigned_to = holder.map(name_of);
    if stage == 1 {
        return Some(Item::File { assigned_to });
    }
    let mut state = world.at(item).state()?;
    if state == RunState::Started && !rules.has(Protection::OnlyCommittedTaken) {
        state = RunState::Committed;
    }
    Some(Item::Run { state, assigned_to })
}
