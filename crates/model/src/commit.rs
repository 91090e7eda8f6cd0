//! The writes that end a run, in the order that the job's Python is held to as well.

use pipeline::protocol::{AfterCommit, RunState, Stage, Write, commit_order, decide_after_commit};

use crate::job::{end, step};
use crate::world::{Glue, Index, Process, World};
use crate::{Protection, Rules};

/// The writes that others can see, in their order; manifest and report concern nobody before the commit.
pub fn order(stage: u8, rules: Rules) -> Vec<Write> {
    let order = Stage::try_from(stage).map_or(&[][..], commit_order);
    let mut writes: Vec<Write> = order
        .iter()
        .copied()
        .filter(|write| !matches!(write, Write::Manifest | Write::Report))
        .collect();
    let mut put_last = |write| {
        if let Some(at) = writes.iter().position(|other| *other == write) {
            let write = writes.remove(at);
            writes.push(write);
        }
    };
    if !rules.has(Protection::NextMarkerBeforeCommit) {
        put_last(Write::NextMarker);
    }
    if !rules.has(Protection::MarkersDroppedAfterCommit) {
        put_last(Write::Commit);
    }
    writes
}

/// The next write of the commit. The last one takes a step an item.
pub fn commit_on(world: &mut World, run: Index, made: u8, unanswered: bool, rules: Rules) {
    let (stage, holds) = (world.at(run).stage, world.at(run).holds);
    let order = order(stage, rules);
    match order.get(usize::from(made)) {
        Some(Write::NextMarker) => world.put_marker(stage + 1, run),
        Some(Write::DropMarkers) if order.len() == usize::from(made) + 1 => {
            world.run(run).process = Process::Dropping { left: holds };
            return step(world, run, false, rules);
        }
        Some(Write::DropMarkers) => drop_markers(world, run),
        Some(Write::Commit) if !commit(world, run, unanswered, rules) => {
            if !rules.has(Protection::MarkersKeptOnRefusal) {
                drop_markers(world, run);
            }
            return end(world, run, Glue::Failed);
        }
        _ => {}
    }
    world.run(run).process = Process::Committing { made: made + 1 };
    if order.len() <= usize::from(made) + 1 {
        end(world, run, Glue::Succeeded);
    }
}

/// COMMITTED if still STARTED; says whether the run is to go on.
fn commit(world: &mut World, run: Index, unanswered: bool, rules: Rules) -> bool {
    let at = world.run(run);
    let holds = at.holds;
    let mut accepted = false;
    if let Some(item) = at.item.as_mut()
        && (item.state == RunState::Started || !rules.has(Protection::CommitOnCondition))
    {
        item.state = RunState::Committed;
        item.lists = holds;
        accepted = !unanswered;
    }
    decide_after_commit(accepted, at.state()) == AfterCommit::DropMarkers
}

fn drop_markers(world: &mut World, run: Index) {
    let (stage, holds) = (world.at(run).stage, world.at(run).holds);
    for item in holds.iter() {
        world.drop_marker(stage, item);
    }
}
