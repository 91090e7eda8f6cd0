//! What must hold in every state.

use pipeline::protocol::RunState;
use stateright::Property;

use crate::Protocol;
use crate::recovery::recovers;
use crate::world::{Process, Temp, World};

/// All of it. The last one is liveness: from every state that can be reached, whatever comes about once
/// faults stop is complete.
pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(
            "an item is listed by one committed run of its stage at most",
            |_, world| listed_once(world),
        ),
        Property::always(
            "nothing of a run that isn't committed is read",
            |_, world| only_committed_read(world),
        ),
        Property::always(
            "temp is deleted only for a committed run of stage 2",
            |_, world: &World| {
                world.indexes().all(|input| {
                    world.at(input).temp != Temp::Deleted || world.committed_with(2, input) == 1
                })
            },
        ),
        Property::always(
            "temp is never deleted under a run that still needs it",
            |_, world| kept_while_needed(world),
        ),
        Property::always("a committed run stays committed", |_, world: &World| {
            world
                .runs
                .iter()
                .filter_map(|run| run.item.as_ref())
                .all(|item| item.state == RunState::Committed || item.lists.is_empty())
        }),
        Property::always("a file's rows are appended once", |_, world: &World| {
            world.twice.is_empty()
        }),
        Property::always("what was told stays true", |_, world: &World| {
            world.runs.iter().all(|run| {
                let is_done = run.state() == Some(RunState::Committed);
                !(run.said_done && !is_done || run.said_not_done && is_done)
            })
        }),
        Property::always(
            "once faults stop, all that landed is done once and nothing stays open",
            |protocol: &Protocol, world| recovers(world, protocol.rules, &protocol.recovered),
        ),
    ]
}

fn listed_once(world: &World) -> bool {
    world
        .file_indexes()
        .all(|file| world.committed_with(1, file) <= 1)
        && world
            .indexes()
            .all(|item| world.committed_with(world.at(item).stage + 1, item) <= 1)
}

fn only_committed_read(world: &World) -> bool {
    let mut read = world.runs.iter().flat_map(|run| run.read.iter());
    read.all(|input| world.at(input).state() == Some(RunState::Committed))
}

/// A run of stage 2 that may still commit, and has not read all that it holds.
fn kept_while_needed(world: &World) -> bool {
    world.indexes().all(|index| {
        let run = world.at(index);
        let will_read = matches!(run.process, Process::Taking { .. } | Process::Working);
        let may_commit = run.stage == 2 && run.state() == Some(RunState::Started);
        let is_gone = |input| {
            world.holder(2, input) == Some(Some(index)) && world.at(input).temp == Temp::Deleted
        };
        !(will_read && may_commit && run.holds.iter().any(is_gone))
    })
}
