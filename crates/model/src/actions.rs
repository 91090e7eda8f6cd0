//! What can happen next, and what then is.

use crate::around::{act, clean_on, cleaner, intents, list, take_in, tell_on, teller};
use crate::job::{awaits_answer, end, freeze, look_at, step, step_unanswered, to_look_at};
use crate::world::{File, Glue, Index, Intent, Look, Process, World};
use crate::{Parts, Rules};

/// One step of one process, or one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An event of a file is delivered.
    Deliver(Index),
    /// An intake makes its next write.
    Intake {
        /// The file.
        file: Index,
        /// Which of its intakes.
        intake: usize,
    },
    /// An intake dies; its message may or may not come again.
    CrashIntake {
        /// The file.
        file: Index,
        /// Which of its intakes.
        intake: usize,
    },
    /// A landed version is deleted.
    Delete(Index),
    /// reconcile's listing of the landing zone comes to a file.
    List(Index),
    /// Glue starts a run: at any time, for whatever reason. A start that is refused or lost is one that
    /// doesn't happen, a doubled one is two.
    Start(Index),
    /// A run turns to a marked item and reads it.
    LookAt {
        /// The run.
        run: Index,
        /// The item.
        item: Index,
    },
    /// A run makes its next step.
    Step {
        /// The run.
        run: Index,
        /// Glue's answer about another run is an old one.
        stale: bool,
    },
    /// A run writes, and doesn't learn that the write succeeded.
    StepUnanswered(Index),
    /// A run has looked at enough and freezes its list.
    Freeze(Index),
    /// A run's process dies, and Glue notices.
    Crash(Index),
    /// Glue says that a run has ended, though its process goes on.
    Zombie(Index),
    /// reconcile decides on a write.
    Decide(Intent),
    /// reconcile makes it.
    Act,
    /// reconcile dies before it does.
    CrashReconcile,
    /// The event of a run's end reaches clean-prefix: the first one, or one more.
    Clean(Index),
    /// clean-prefix makes its next step.
    CleanStep(usize),
    /// clean-prefix dies.
    CrashCleaner(usize),
    /// The event of a run's end reaches success-fail-event: the first one, or one more.
    Tell(Index),
    /// success-fail-event makes its next step.
    TellStep(usize),
    /// success-fail-event dies.
    CrashTeller(usize),
}

/// All that can happen next.
pub fn actions(world: &World, parts: Parts, rules: Rules, found: &mut Vec<Action>) {
    for (file, at) in world.file_indexes().zip(&world.files) {
        actions_of_file(world, file, at, parts, found);
    }
    let mut next = [true; 4];
    for run in world.indexes() {
        let at = world.at(run);
        if at.glue == Glue::NotStarted {
            // Those that are still to come are all the same: the first of each stage stands for them.
            if std::mem::take(&mut next[usize::from(at.stage)]) {
                found.push(Action::Start(run));
            }
        } else {
            actions_of_run(world, run, rules, found);
            actions_after_run(world, run, parts, rules, found);
        }
    }
    actions_of_reconcile(world, parts, rules, found);
    let crashes = world.faults.crashes > 0;
    for slot in 0..world.cleaners.len() {
        if world.cleaners[slot].is_some() {
            found.push(Action::CleanStep(slot));
            found.extend(crashes.then_some(Action::CrashCleaner(slot)));
        }
        if world.tellers[slot].is_some() {
            found.push(Action::TellStep(slot));
            found.extend(crashes.then_some(Action::CrashTeller(slot)));
        }
    }
}

fn actions_of_file(world: &World, file: Index, at: &File, parts: Parts, found: &mut Vec<Action>) {
    if at.deliveries > 0 && at.intake.contains(&None) {
        found.push(Action::Deliver(file));
    }
    for (intake, steps) in at.intake.iter().enumerate() {
        if steps.is_some() {
            found.push(Action::Intake { file, intake });
            if world.faults.crashes > 0 {
                found.push(Action::CrashIntake { file, intake });
            }
        }
    }
    // A version stays until its item is there, or nobody is on the way to put it.
    let nobody_comes = at.deliveries == 0 && at.intake == [None; 2];
    if world.faults.deletions > 0 && !at.gone && (at.item.is_some() || nobody_comes) {
        found.push(Action::Delete(file));
    }
    if parts.reconcile {
        found.push(Action::List(file));
    }
}

fn actions_of_run(world: &World, run: Index, rules: Rules, found: &mut Vec<Action>) {
    let at = world.at(run);
    match at.process {
        Process::None => return,
        Process::Taking { seen, look: None } => {
            let unseen = to_look_at(world, at.stage, seen);
            found.extend(unseen.iter().map(|item| Action::LookAt { run, item }));
            if unseen.is_empty() || !at.holds.is_empty() {
                found.push(Action::Freeze(run));
            }
        }
        Process::Taking {
            look: Some(Look::Item { holder, .. }),
            ..
        } if world.at(holder).glue.has_ended() => {
            found.push(Action::Step { run, stale: false });
            found.push(Action::Step { run, stale: true });
        }
        _ => {
            found.push(Action::Step { run, stale: false });
            if world.faults.lost_answers > 0 && awaits_answer(world, run, rules) {
                found.push(Action::StepUnanswered(run));
            }
        }
    }
    if at.glue == Glue::Alive {
        found.extend((world.faults.crashes > 0).then_some(Action::Crash(run)));
        found.extend((world.faults.zombies > 0).then_some(Action::Zombie(run)));
    }
}

/// What the event of a run's end may set off.
fn actions_after_run(
    world: &World,
    run: Index,
    parts: Parts,
    rules: Rules,
    found: &mut Vec<Action>,
) {
    let at = world.at(run);
    if !at.glue.has_ended() {
        return;
    }
    let is_free = |used: usize, most: u8| used < usize::from(most);
    let cleaning = world.cleaners.iter().flatten().count();
    if at.stage == 2 && is_free(cleaning, parts.cleaners) && cleaner(world, run, rules).is_some() {
        found.push(Action::Clean(run));
    }
    let telling = world.tellers.iter().flatten().count();
    if is_free(telling, parts.tellers) && at.item.as_ref().is_none_or(|item| !item.told) {
        found.push(Action::Tell(run));
    }
}

fn actions_of_reconcile(world: &World, parts: Parts, rules: Rules, found: &mut Vec<Action>) {
    if !parts.reconcile {
        return;
    }
    if world.intent.is_none() {
        found.extend(intents(world, rules).into_iter().map(Action::Decide));
        return;
    }
    found.push(Action::Act);
    if world.faults.crashes > 0 {
        found.push(Action::CrashReconcile);
    }
}

/// Does it; none if it changes nothing.
#[must_use]
pub fn apply(world: &World, action: Action, rules: Rules) -> Option<World> {
    let mut next = world.clone();
    match action {
        Action::Deliver(file) => {
            let file = &mut next.files[usize::from(file)];
            file.deliveries -= 1;
            *file.intake.iter_mut().find(|steps| steps.is_none())? = Some(0);
            file.intake.sort_unstable();
        }
        Action::Intake { file, intake } => take_in(&mut next, file, intake, rules),
        Action::Delete(file) => {
            next.faults.deletions -= 1;
            next.files[usize::from(file)].gone = true;
        }
        Action::List(file) => list(&mut next, file, rules)?,
        Action::Start(run) => {
            next.run(run).glue = Glue::Alive;
            next.run(run).process = Process::Begin;
        }
        Action::LookAt { run, item } => look_at(&mut next, run, item, rules),
        Action::Step { run, stale } => step(&mut next, run, stale, rules),
        Action::StepUnanswered(run) => {
            next.faults.lost_answers -= 1;
            step_unanswered(&mut next, run, rules);
        }
        Action::Freeze(run) => freeze(&mut next, run),
        Action::Zombie(run) => {
            next.faults.zombies -= 1;
            next.run(run).glue = Glue::Failed;
        }
        Action::Decide(intent) => next.intent = Some(intent),
        Action::Act => act(&mut next, rules),
        Action::Clean(_) | Action::CleanStep(_) | Action::Tell(_) | Action::TellStep(_) => {
            invoke(&mut next, action, rules)?;
        }
        Action::CrashIntake { .. }
        | Action::Crash(_)
        | Action::CrashReconcile
        | Action::CrashCleaner(_)
        | Action::CrashTeller(_) => crash(&mut next, action),
    }
    Some(next)
}

fn crash(world: &mut World, action: Action) {
    world.faults.crashes -= 1;
    match action {
        Action::CrashIntake { file, intake } => {
            let intakes = &mut world.files[usize::from(file)].intake;
            intakes[intake] = None;
            intakes.sort_unstable();
        }
        Action::Crash(run) => end(world, run, Glue::Failed),
        Action::CrashReconcile => world.intent = None,
        Action::CrashCleaner(slot) => world.cleaners[slot] = None,
        Action::CrashTeller(slot) => world.tellers[slot] = None,
        _ => {}
    }
    world.cleaners.sort_unstable();
    world.tellers.sort_unstable();
}

fn invoke(world: &mut World, action: Action, rules: Rules) -> Option<()> {
    match action {
        Action::Clean(run) => {
            let slot = world.cleaners.iter().position(Option::is_none)?;
            world.cleaners[slot] = Some(cleaner(world, run, rules)?);
        }
        Action::CleanStep(slot) => {
            world.cleaners[slot] = clean_on(world, world.cleaners[slot]?, rules);
        }
        Action::Tell(run) => {
            let slot = world.tellers.iter().position(Option::is_none)?;
            world.tellers[slot] = Some(teller(world, run, rules)?);
        }
        Action::TellStep(slot) => {
            world.tellers[slot] = tell_on(world, world.tellers[slot]?, rules);
        }
        _ => return None,
    }
    world.cleaners.sort_unstable();
    world.tellers.sort_unstable();
    Some(())
}
