//! What the world comes to once faults stop: every process goes on undisturbed, and reconcile does its round.

use pipeline::protocol::{Holder, Item, RunState, asks_for_run};

use super::Protection;
use super::steps::{Action, apply, apply_settle, settle, take_in, to_look_at};
use super::world::{Glue, Index, Process, Run, World};

/// More rounds than any configuration needs; a run that finds nothing new would go on for ever.
const ROUNDS: usize = 6;

/// Whether all that landed gets done exactly once, with no marker and no started run left.
pub fn recovers(world: &World, without: Option<Protection>) -> bool {
    let mut world = world.clone();
    for file in 0..Index::try_from(world.files.len()).unwrap_or(0) {
        for intake in 0..2 {
            while world.files[usize::from(file)].intake[intake].is_some() {
                take_in(&mut world, file, intake, without);
            }
        }
    }
    for _ in 0..ROUNDS {
        for run in world.indexes() {
            finish(&mut world, run, without);
        }
        reconcile(&mut world, without);
        if is_done(&world) {
            return true;
        }
    }
    is_done(&world)
}

fn is_done(world: &World) -> bool {
    let files = (0..)
        .zip(&world.files)
        .all(|(file, _)| world.committed_with(1, file) == 1);
    let runs = (0..)
        .zip(&world.runs)
        .all(|(index, run)| match run.state() {
            Some(RunState::Committed) => run.stage == 2 || world.committed_with(2, index) == 1,
            Some(RunState::Void) => true,
            Some(RunState::Started) => false,
            None => run.glue == Glue::NotStarted,
        });
    files && runs && world.markers.iter().all(|markers| markers.is_empty())
}

/// A live process goes on to its end.
fn finish(world: &mut World, run: Index, without: Option<Protection>) {
    while world.runs[usize::from(run)].process != Process::None {
        let action = match &world.runs[usize::from(run)] {
            Run {
                process: Process::Taking { seen, look: None },
                stage,
                ..
            } => match to_look_at(world, *stage, *seen).iter().next() {
                Some(item) => Action::LookAt { run, item },
                None => Action::Freeze(run),
            },
            _ => Action::Step { run, stale: false },
        };
        *world = apply(world, action, without);
    }
}

/// One round: settle what ended, take in what no event brought, drop markers of void runs, start what is asked for.
fn reconcile(world: &mut World, without: Option<Protection>) {
    for run in world.indexes() {
        if world.runs[usize::from(run)].glue == Glue::Ended && settle(world, run).is_some() {
            apply_settle(world, run, without);
        }
    }
    for file in 0..Index::try_from(world.files.len()).unwrap_or(0) {
        if world.files[usize::from(file)].item.is_none() {
            world.files[usize::from(file)].intake[0] = Some(0);
            take_in(world, file, 0, without);
            take_in(world, file, 0, without);
        }
    }
    for run in world.indexes() {
        if world.runs[usize::from(run)].state() == Some(RunState::Void) {
            world.markers[2].remove(run);
        }
    }
    for stage in [1, 2] {
        if world.markers[usize::from(stage)]
            .iter()
            .any(|item| asks(world, stage, item))
        {
            let mut run = Run::of_stage(stage);
            run.glue = Glue::Alive;
            run.process = Process::Begin;
            world.runs.push(run);
        }
    }
}

fn asks(world: &World, stage: u8, item: Index) -> bool {
    let Some(holder) = world.holder(stage, item) else {
        return false;
    };
    let held_by = holder.map(|holder| &world.runs[usize::from(holder)]);
    let assigned_to = holder.map(|_| "holder");
    let read = match (
        stage,
        world.runs.get(usize::from(item)).and_then(Run::state),
    ) {
        (1, _) => Item::File { assigned_to },
        (_, Some(state)) => Item::Run { state, assigned_to },
        (_, None) => return false,
    };
    let seen = held_by.and_then(|run| run.state()).map(|state| Holder {
        run_id: "holder",
        state,
    });
    asks_for_run(
        Some(&read),
        seen.as_ref(),
        held_by.map(|run| run.glue == Glue::Ended),
    )
}
