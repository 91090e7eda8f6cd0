//! The steps of the model: what each process writes next, and the faults between any two of them.
//!
//! Which write it is to be is decided by the functions that decide in the product.

use jiff::Timestamp;
use pipeline::protocol::{
    Holder, Item, Patience, Phase, RunRecord, RunState, Settle, Stage, Take, decide_take,
    has_ended, upkeep_of_ended,
};

use super::Protection;
use super::world::{Glue, Index, Look, Process, RunItem, Set, World};

const NAMES: [&str; 16] = [
    "jr_0", "jr_1", "jr_2", "jr_3", "jr_4", "jr_5", "jr_6", "jr_7", "jr_8", "jr_9", "jr_10",
    "jr_11", "jr_12", "jr_13", "jr_14", "jr_15",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An event of a file is delivered into one of its two intakes.
    Deliver { file: Index, intake: usize },
    /// An intake makes its next write.
    Intake { file: Index, intake: usize },
    /// An intake dies; its message may or may not come again.
    CrashIntake { file: Index, intake: usize },
    /// Glue starts a run: for whatever reason, at any time.
    Start(Index),
    /// A run turns to a marked item and reads it.
    LookAt { run: Index, item: Index },
    /// A run makes its next step; `stale` if Glue's answer about another run is an old one.
    Step { run: Index, stale: bool },
    /// A run writes, and doesn't learn that the write succeeded: the retry finds the condition broken.
    StepUnanswered(Index),
    /// A run has looked at enough and freezes its list.
    Freeze(Index),
    /// A run's process dies, and Glue notices.
    Crash(Index),
    /// Glue says that a run has ended, though its process goes on.
    Zombie(Index),
    /// reconcile settles a run that Glue says has ended.
    Settle(Index),
    /// clean-prefix, for a stage 2 run.
    Clean(Index),
}

/// All that can happen next.
pub fn actions(world: &World, without: Option<Protection>, found: &mut Vec<Action>) {
    for (file, at) in (0..).zip(&world.files) {
        for (intake, steps) in at.intake.iter().enumerate() {
            match steps {
                None if at.deliveries > 0 => found.push(Action::Deliver { file, intake }),
                None => {}
                Some(_) => {
                    found.push(Action::Intake { file, intake });
                    if world.faults.crashes > 0 {
                        found.push(Action::CrashIntake { file, intake });
                    }
                }
            }
        }
    }
    for run in world.indexes() {
        actions_of_run(world, run, without, found);
    }
}

fn actions_of_run(world: &World, run: Index, without: Option<Protection>, found: &mut Vec<Action>) {
    let at = &world.runs[usize::from(run)];
    if at.glue == Glue::NotStarted {
        found.push(Action::Start(run));
        return;
    }
    match &at.process {
        Process::None => {}
        Process::Taking { seen, look: None } => {
            let unseen = to_look_at(world, at.stage, *seen);
            found.extend(unseen.iter().map(|item| Action::LookAt { run, item }));
            if unseen.is_empty() {
                found.push(Action::Freeze(run));
            }
        }
        Process::Taking {
            look:
                Some(Look::Item {
                    holder: Some(holder),
                    ..
                }),
            ..
        } => {
            found.push(Action::Step { run, stale: false });
            if world.runs[usize::from(*holder)].glue == Glue::Ended {
                found.push(Action::Step { run, stale: true });
            }
        }
        Process::Begin
        | Process::Taking { .. }
        | Process::Frozen
        | Process::Committing
        | Process::Dropping { .. } => {
            found.push(Action::Step { run, stale: false });
            let writes = matches!(
                at.process,
                Process::Committing
                    | Process::Taking {
                        look: Some(Look::Take { .. }),
                        ..
                    }
            );
            if writes && world.faults.lost_answers > 0 {
                found.push(Action::StepUnanswered(run));
            }
        }
    }
    if at.process != Process::None && at.glue == Glue::Alive {
        if world.faults.crashes > 0 {
            found.push(Action::Crash(run));
        }
        if world.faults.zombies > 0 {
            found.push(Action::Zombie(run));
        }
    }
    if at.glue == Glue::Ended && settle(world, run).is_some() {
        found.push(Action::Settle(run));
    }
    if at.stage == 2 && may_clean(world, run, without) {
        found.push(Action::Clean(run));
    }
}

/// The marked items of a stage that a run has not looked at.
pub fn to_look_at(world: &World, stage: u8, seen: Set) -> Set {
    let mut unseen = Set::default();
    for item in world.markers[usize::from(stage)]
        .iter()
        .filter(|item| !seen.contains(*item))
    {
        unseen.insert(item);
    }
    unseen
}

/// Makes one step; none if it changes nothing that the model knows.
pub fn apply(world: &World, action: Action, without: Option<Protection>) -> World {
    let mut next = world.clone();
    match action {
        Action::Deliver { file, intake } => {
            let file = &mut next.files[usize::from(file)];
            file.deliveries -= 1;
            file.intake[intake] = Some(0);
        }
        Action::Intake { file, intake } => take_in(&mut next, file, intake, without),
        Action::CrashIntake { file, intake } => {
            next.faults.crashes -= 1;
            next.files[usize::from(file)].intake[intake] = None;
        }
        Action::Start(run) => {
            next.run(run).glue = Glue::Alive;
            next.run(run).process = Process::Begin;
        }
        Action::LookAt { run, item } => look_at(&mut next, run, item),
        Action::Step { run, stale } => step(&mut next, run, stale, without),
        Action::StepUnanswered(run) => {
            next.faults.lost_answers -= 1;
            step_unanswered(&mut next, run, without);
        }
        Action::Freeze(run) => freeze(&mut next, run),
        Action::Crash(run) => {
            next.faults.crashes -= 1;
            end(&mut next, run);
        }
        Action::Zombie(run) => {
            next.faults.zombies -= 1;
            next.run(run).glue = Glue::Ended;
        }
        Action::Settle(run) => apply_settle(&mut next, run, without),
        Action::Clean(run) => clean(&mut next, run),
    }
    next
}

/// Intake: the marker, then the item (put if absent); the start is an action of its own.
pub fn take_in(world: &mut World, file: Index, intake: usize, without: Option<Protection>) {
    let steps = world.files[usize::from(file)].intake[intake].unwrap_or(0);
    let marker_first = without != Some(Protection::MarkerBeforeItem);
    if (steps == 0) == marker_first {
        world.markers[1].insert(file);
    } else {
        let item = &mut world.files[usize::from(file)].item;
        if item.is_none() || without == Some(Protection::FilePutIfAbsent) {
            *item = Some(None);
        }
    }
    world.files[usize::from(file)].intake[intake] = (steps == 0).then_some(1);
}

fn look_at(world: &mut World, run: Index, item: Index) {
    let stage = world.run(run).stage;
    let holder = world.holder(stage, item);
    let state = if stage == 1 {
        None
    } else {
        world.runs[usize::from(item)].state()
    };
    let look = match holder {
        None => None,
        Some(holder) => {
            let name = holder.map(name_of);
            let read = read_item(stage, state, name);
            match (
                holder,
                decide_take(name_of(run), read.as_ref(), None, None, None),
            ) {
                (_, Take::DropMarker) => Some(Look::Drop { item }),
                (_, Take::Take | Take::TakeOver) => Some(Look::Take { item, holder }),
                (_, Take::Held) => {
                    world.run(run).holds.insert(item);
                    None
                }
                // The holder was not read yet: that is the next step.
                (Some(_), Take::Skip) if state != Some(RunState::Started) => {
                    Some(Look::Item { item, holder })
                }
                (_, Take::Skip | Take::VoidHolder) => None,
            }
        }
    };
    if let Process::Taking { seen, look: now } = &mut world.run(run).process {
        seen.insert(item);
        *now = look;
    }
}

fn step(world: &mut World, run: Index, stale: bool, without: Option<Protection>) {
    match world.run(run).process.clone() {
        Process::None => {}
        Process::Begin => begin(world, run),
        Process::Taking { seen, look } => {
            let look = look.and_then(|look| look_on(world, run, look, stale, without));
            world.run(run).process = Process::Taking { seen, look };
        }
        Process::Frozen => {
            if without != Some(Protection::NextMarkerBeforeCommit) {
                mark_for_next_stage(world, run);
            }
            if without == Some(Protection::MarkersDroppedAfterCommit) {
                drop_markers(world, run);
            }
            world.run(run).process = Process::Committing;
        }
        Process::Committing => commit(world, run, without),
        Process::Dropping { mut left } => {
            if let Some(item) = left.iter().next() {
                left.remove(item);
                let stage = world.run(run).stage;
                world.markers[usize::from(stage)].remove(item);
            }
            world.run(run).process = Process::Dropping { left };
            if left.is_empty() {
                if without == Some(Protection::NextMarkerBeforeCommit) {
                    mark_for_next_stage(world, run);
                }
                end(world, run);
            }
        }
    }
}

/// Step 1: STARTED if absent. Given up before it began, it ends.
fn begin(world: &mut World, run: Index) {
    let at = world.run(run);
    let fresh = RunItem {
        state: RunState::Started,
        lists: Set::default(),
        assigned_to: None,
    };
    if at.item.get_or_insert(fresh).state == RunState::Started {
        at.process = Process::Taking {
            seen: Set::default(),
            look: None,
        };
    } else {
        end(world, run);
    }
}

/// What became of an item that a run looks at: the next thing to do about it, if any.
fn look_on(
    world: &mut World,
    run: Index,
    look: Look,
    stale: bool,
    without: Option<Protection>,
) -> Option<Look> {
    let stage = world.run(run).stage;
    match look {
        Look::Item { item, holder } => decide(world, run, item, holder?, stale, without),
        Look::Drop { item } => {
            world.markers[usize::from(stage)].remove(item);
            None
        }
        Look::Take { item, holder } => {
            if world.holder(stage, item) == Some(holder)
                || without == Some(Protection::TakeOnCondition)
            {
                world.assign(stage, item, run);
                world.run(run).holds.insert(item);
            }
            None
        }
        Look::Void { item, holder } => {
            void(world, holder, without);
            let given_up = world.runs[usize::from(holder)].state() == Some(RunState::Void);
            given_up.then_some(Look::Take {
                item,
                holder: Some(holder),
            })
        }
    }
}

fn decide(
    world: &World,
    run: Index,
    item: Index,
    holder: Index,
    stale: bool,
    without: Option<Protection>,
) -> Option<Look> {
    let at = &world.runs[usize::from(run)];
    let state = if at.stage == 1 {
        None
    } else {
        world.runs[usize::from(item)].state()
    };
    let read = read_item(at.stage, state, Some(name_of(holder)));
    let other = &world.runs[usize::from(holder)];
    let seen = other.item.as_ref().map(|item| Holder {
        run_id: name_of(holder),
        state: item.state,
    });
    let lists = other.item.as_ref().map(|held| held.lists.contains(item));
    let phase = if other.glue == Glue::Ended && !stale {
        Phase::Ended
    } else {
        Phase::Alive
    };
    let ended = has_ended(phase, None, Timestamp::UNIX_EPOCH);
    match decide_take(name_of(run), read.as_ref(), seen.as_ref(), lists, ended) {
        Take::DropMarker => Some(Look::Drop { item }),
        Take::TakeOver
            if without == Some(Protection::LeftOversOfCommittedTaken)
                && other.state() == Some(RunState::Committed) =>
        {
            None
        }
        Take::Take | Take::TakeOver => Some(Look::Take {
            item,
            holder: Some(holder),
        }),
        Take::VoidHolder if without == Some(Protection::VoidBeforeTakeOver) => Some(Look::Take {
            item,
            holder: Some(holder),
        }),
        Take::VoidHolder => Some(Look::Void { item, holder }),
        Take::Skip | Take::Held => None,
    }
}

fn freeze(world: &mut World, run: Index) {
    if world.run(run).holds.is_empty() {
        if let Some(item) = world
            .run(run)
            .item
            .as_mut()
            .filter(|item| item.state == RunState::Started)
        {
            item.state = RunState::Void;
        }
        end(world, run);
    } else {
        world.run(run).process = Process::Frozen;
    }
}

/// COMMITTED if still STARTED; refused, the run reads once more and ends as a failure unless it was an earlier try.
fn commit(world: &mut World, run: Index, without: Option<Protection>) {
    let at = world.run(run);
    let holds = at.holds;
    let Some(item) = at.item.as_mut() else { return };
    if item.state == RunState::Started || without == Some(Protection::CommitOnCondition) {
        item.state = RunState::Committed;
        item.lists = holds;
    }
    if item.state == RunState::Committed {
        at.process = Process::Dropping { left: holds };
    } else {
        if without == Some(Protection::MarkersKeptOnRefusal) {
            drop_markers(world, run);
        }
        end(world, run);
    }
}

/// The write is made and its answer lost. A take is then not believed; a commit is read back.
fn step_unanswered(world: &mut World, run: Index, without: Option<Protection>) {
    step(world, run, false, without);
    let at = world.run(run);
    match &at.process {
        Process::Taking { seen, .. } => {
            let doubted: Vec<Index> = at
                .holds
                .iter()
                .filter(|item| seen.contains(*item))
                .collect();
            if let Some(item) = doubted.last() {
                at.holds.remove(*item);
            }
        }
        _ => step_after_unanswered_commit(world, run, without),
    }
}

fn step_after_unanswered_commit(world: &mut World, run: Index, without: Option<Protection>) {
    if matches!(world.run(run).process, Process::Dropping { .. }) {
        world.run(run).process = Process::Committing;
        commit(world, run, without);
    }
}

fn mark_for_next_stage(world: &mut World, run: Index) {
    if world.run(run).stage == 1 {
        world.markers[2].insert(run);
    }
}

fn drop_markers(world: &mut World, run: Index) {
    let (stage, holds) = (world.run(run).stage, world.run(run).holds);
    for item in holds.iter() {
        world.markers[usize::from(stage)].remove(item);
    }
}

fn void(world: &mut World, run: Index, without: Option<Protection>) {
    let on_condition = without != Some(Protection::VoidOnCondition);
    if let Some(item) = world
        .run(run)
        .item
        .as_mut()
        .filter(|item| item.state == RunState::Started || !on_condition)
    {
        item.state = RunState::Void;
    }
}

fn end(world: &mut World, run: Index) {
    world.run(run).process = Process::None;
    world.run(run).glue = Glue::Ended;
}

/// What reconcile writes about a run that Glue says has ended.
pub fn settle(world: &World, run: Index) -> Option<Settle> {
    let at = &world.runs[usize::from(run)];
    let stage = Stage::try_from(at.stage).ok()?;
    let record = at.state().map(|state| RunRecord {
        state,
        told: false,
        telling_at: None,
        cleaned: at.cleaned,
    });
    upkeep_of_ended(
        stage,
        record.as_ref(),
        None,
        Timestamp::UNIX_EPOCH,
        &Patience::default(),
    )
    .settle
}

pub fn apply_settle(world: &mut World, run: Index, without: Option<Protection>) {
    match settle(world, run) {
        Some(Settle::Void) => void(world, run, without),
        Some(Settle::NeverStarted) => {
            world.run(run).item = Some(RunItem {
                state: RunState::Void,
                lists: Set::default(),
                assigned_to: None,
            });
        }
        None => {}
    }
}

fn may_clean(world: &World, run: Index, without: Option<Protection>) -> bool {
    let at = &world.runs[usize::from(run)];
    let committed = at.state() == Some(RunState::Committed);
    let reads_state = without != Some(Protection::CleanReadsState);
    let input = if reads_state {
        at.item.as_ref().map_or(Set::default(), |item| item.lists)
    } else {
        at.holds
    };
    (committed || !reads_state)
        && input
            .iter()
            .any(|input| !world.runs[usize::from(input)].cleaned)
}

fn clean(world: &mut World, run: Index) {
    let at = &world.runs[usize::from(run)];
    for input in at.holds.iter().collect::<Vec<_>>() {
        world.run(input).cleaned = true;
    }
}

fn read_item<'a>(
    stage: u8,
    state: Option<RunState>,
    assigned_to: Option<&'a str>,
) -> Option<Item<'a>> {
    match (stage, state) {
        (1, _) => Some(Item::File { assigned_to }),
        (_, Some(state)) => Some(Item::Run { state, assigned_to }),
        (_, None) => None,
    }
}

fn name_of(run: Index) -> &'static str {
    NAMES[usize::from(run)]
}
