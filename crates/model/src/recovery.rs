//! What the world comes to once faults stop: every process goes on undisturbed, no event comes any more,
//! and reconcile does its rounds by its own plan.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use pipeline::protocol::{RunState, VoidReason};

use crate::Rules;
use crate::around::{act, clean_on, cleaner, intents, list, take_in, tell_on, teller};
use crate::facts::{plan, run_named};
use crate::job::{freeze, look_at, step, to_look_at};
use crate::world::{Faults, Glue, Index, MOST_RUNS, Process, Run, Temp, World};

/// More rounds than any configuration needs; a run that finds nothing new would go on for ever.
const ROUNDS: usize = 12;

/// Worlds that were seen to recover. Most states come to one of few worlds once their processes end.
#[derive(Debug, Default)]
pub struct Recovered(Mutex<HashSet<u64>>);

impl Recovered {
    fn knows(&self, key: u64) -> bool {
        self.0.lock().is_ok_and(|known| known.contains(&key))
    }

    fn add(&self, keys: Vec<u64>) {
        if let Ok(mut known) = self.0.lock() {
            known.extend(keys);
        }
    }
}

/// Whether all that landed gets done exactly once, with nothing left open, untold or uncleaned.
pub fn recovers(world: &World, rules: Rules, recovered: &Recovered) -> bool {
    let mut world = world.clone();
    world.faults = Faults::default();
    for file in &mut world.files {
        file.deliveries = 0;
    }
    let mut passed = Vec::new();
    for _ in 0..ROUNDS {
        finish_all(&mut world, rules);
        let key = hash(&world);
        passed.push(key);
        if recovered.knows(key) || is_done(&world) {
            recovered.add(passed);
            return true;
        }
        if !reconcile(&mut world, rules) {
            return false;
        }
    }
    false
}

fn hash(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// All that landed is in the table once or quarantined, and nothing is left to do for any run.
fn is_done(world: &World) -> bool {
    let files = world.file_indexes().zip(&world.files).all(|(file, at)| {
        let lost = at.gone && at.item.is_none();
        lost || (world.committed_with(1, file) == 1
            && world.table.contains(file) != is_quarantined(world, file))
    });
    files
        && world.markers.iter().all(|markers| markers.is_empty())
        && world.runs.iter().all(needs_nothing)
        && world
            .indexes()
            .all(|run| world.at(run).temp != Temp::Output || !was_consumed(world, run))
}

fn is_quarantined(world: &World, file: Index) -> bool {
    world
        .runs
        .iter()
        .any(|run| run.stage == 1 && run.committed().contains(file) && !run.rows.contains(file))
}

fn was_consumed(world: &World, run: Index) -> bool {
    world.committed_with(2, run) > 0
}

/// Settled, told, and, if it is a committed run of stage 2, cleaned up after.
fn needs_nothing(run: &Run) -> bool {
    let Some(item) = &run.item else {
        return run.glue == Glue::NotStarted;
    };
    let was_said = match item.state {
        RunState::Committed => run.said_done,
        RunState::Void => run.said_not_done || item.reason == Some(VoidReason::Empty),
        RunState::Started => false,
    };
    let is_clean = run.stage != 2 || item.state == RunState::Void || item.cleaned;
    item.told && was_said && is_clean
}

/// Every process goes on to its end.
fn finish_all(world: &mut World, rules: Rules) {
    act(world, rules);
    for file in world.file_indexes() {
        while let Some(intake) = busy(&world.files[usize::from(file)].intake) {
            take_in(world, file, intake, rules);
        }
    }
    for run in world.indexes() {
        finish(world, run, rules);
    }
    for slot in 0..world.cleaners.len() {
        while let Some(cleaner) = world.cleaners[slot] {
            world.cleaners[slot] = clean_on(world, cleaner, rules);
        }
        while let Some(teller) = world.tellers[slot] {
            world.tellers[slot] = tell_on(world, teller, rules);
        }
    }
}

fn busy(intakes: &[Option<u8>; 2]) -> Option<usize> {
    intakes.iter().position(Option::is_some)
}

fn finish(world: &mut World, run: Index, rules: Rules) {
    loop {
        match world.at(run).process {
            Process::None => return,
            Process::Taking { seen, look: None } => {
                let stage = world.at(run).stage;
                match to_look_at(world, stage, seen).iter().next() {
                    Some(item) => look_at(world, run, item, rules),
                    None => freeze(world, run),
                }
            }
            _ => step(world, run, false, rules),
        }
    }
}

/// One invocation of reconcile, and all that follows from it at once. Says whether it had anything to do.
fn reconcile(world: &mut World, rules: Rules) -> bool {
    let mut did = false;
    for file in world.file_indexes() {
        did |= list(world, file, rules).is_some();
        while let Some(intake) = busy(&world.files[usize::from(file)].intake) {
            take_in(world, file, intake, rules);
        }
    }
    let plan = plan(world);
    for intent in intents(world, rules) {
        did = true;
        world.intent = Some(intent);
        act(world, rules);
    }
    for change in &plan.resend {
        if let Some(run) = run_named(&change.run_id) {
            did = true;
            world.tellers[0] = teller(world, run, rules);
            world.cleaners[0] = (world.at(run).stage == 2)
                .then(|| cleaner(world, run, rules))
                .flatten();
            finish_all(world, rules);
        }
    }
    for stage in &plan.start {
        if world.runs.len() < usize::from(MOST_RUNS) {
            did = true;
            let mut run = Run::of_stage(stage.number());
            run.glue = Glue::Alive;
            run.process = Process::Begin;
            world.runs.push(run);
        }
    }
    did
}
