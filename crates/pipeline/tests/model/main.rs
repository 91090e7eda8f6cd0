//! The work protocol, explored exhaustively in small configurations.
//!
//! Runs may start at any time and in any number; each may crash between any two writes, go on after Glue
//! has called it ended, or not learn that a write succeeded; events come never, once or twice. What is
//! written next is decided by the product's own functions. Each protection of the protocol is then
//! taken away in turn, and the checker must find what that breaks: a protection whose absence nothing
//! notices would be untested, or not needed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod recovery;
mod steps;
mod world;

use pipeline::protocol::RunState;
use stateright::{Checker, Model, Property};
use steps::Action;
use world::{Faults, File, Run, Set, World};

/// What keeps the protocol safe, one rule each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    MarkerBeforeItem,
    FilePutIfAbsent,
    TakeOnCondition,
    VoidBeforeTakeOver,
    VoidOnCondition,
    CommitOnCondition,
    NextMarkerBeforeCommit,
    MarkersDroppedAfterCommit,
    MarkersKeptOnRefusal,
    LeftOversOfCommittedTaken,
    CleanReadsState,
}

struct Protocol {
    files: usize,
    runs: &'static [u8],
    deliveries: u8,
    faults: Faults,
    without: Option<Protection>,
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let file = File {
            deliveries: self.deliveries,
            ..File::default()
        };
        vec![World {
            files: vec![file; self.files],
            runs: self.runs.iter().copied().map(Run::of_stage).collect(),
            markers: [Set::default(); 3],
            faults: self.faults,
        }]
    }

    fn actions(&self, world: &World, found: &mut Vec<Action>) {
        steps::actions(world, self.without, found);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(steps::apply(world, action, self.without))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "an item is listed by one committed run of its stage at most",
                |_, world: &World| {
                    world
                        .indexes()
                        .all(|item| world.committed_with(2, item) <= 1)
                        && (0..)
                            .zip(&world.files)
                            .all(|(file, _)| world.committed_with(1, file) <= 1)
                },
            ),
            Property::always(
                "what is taken by a committed run comes from a committed run",
                |_, world: &World| {
                    world
                        .runs
                        .iter()
                        .filter(|run| run.stage == 2 && run.state() == Some(RunState::Committed))
                        .all(|run| {
                            let listed =
                                run.item.as_ref().map_or(Set::default(), |item| item.lists);
                            listed.iter().all(|input| {
                                world.runs[usize::from(input)].state() == Some(RunState::Committed)
                            })
                        })
                },
            ),
            Property::always(
                "temp is deleted only for a committed run of stage 2",
                |_, world: &World| {
                    (0..)
                        .zip(&world.runs)
                        .all(|(input, run)| !run.cleaned || world.committed_with(2, input) == 1)
                },
            ),
            Property::always("a committed run stays committed", |_, world: &World| {
                world
                    .runs
                    .iter()
                    .filter_map(|run| run.item.as_ref())
                    .all(|item| item.state == RunState::Committed || item.lists.is_empty())
            }),
            Property::always(
                "once faults stop, all that landed is done once and nothing stays open",
                |model: &Self, world| recovery::recovers(world, model.without),
            ),
            Property::sometimes(
                "all that landed is classified and cleaned",
                |_, world: &World| {
                    (0..)
                        .zip(&world.files)
                        .all(|(file, _)| world.committed_with(1, file) == 1)
                        && world.runs.iter().any(|run| run.cleaned)
                },
            ),
        ]
    }
}

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    zombies: 0,
    lost_answers: 0,
};

/// Explores a configuration whole; the safety properties that it found broken.
fn broken(protocol: Protocol) -> Vec<&'static str> {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    let found = checker.discoveries();
    println!(
        "{} states, {} unique",
        checker.state_count(),
        checker.unique_state_count()
    );
    found
        .into_keys()
        .filter(|name| !name.starts_with("all that landed"))
        .collect()
}

#[test]
fn overlapping_runs_of_one_stage_with_a_crash_and_a_zombie_are_safe() {
    let faults = Faults {
        crashes: 1,
        zombies: 1,
        ..NO_FAULTS
    };
    assert_eq!(
        broken(Protocol {
            files: 2,
            runs: &[1, 1],
            deliveries: 1,
            faults,
            without: None
        }),
        [""; 0]
    );
}

#[test]
fn doubled_events_and_lost_answers_are_safe() {
    let faults = Faults {
        zombies: 1,
        lost_answers: 1,
        ..NO_FAULTS
    };
    assert_eq!(
        broken(Protocol {
            files: 1,
            runs: &[1, 1],
            deliveries: 2,
            faults,
            without: None
        }),
        [""; 0]
    );
}

#[test]
fn three_runs_at_once_are_safe() {
    let faults = Faults {
        crashes: 1,
        zombies: 1,
        ..NO_FAULTS
    };
    assert_eq!(
        broken(Protocol {
            files: 1,
            runs: &[1, 1, 1],
            deliveries: 1,
            faults,
            without: None
        }),
        [""; 0]
    );
}

#[test]
fn the_chain_of_stages_is_safe_and_its_temp_is_deleted_in_time() {
    let faults = Faults {
        crashes: 1,
        zombies: 1,
        ..NO_FAULTS
    };
    let chain = Protocol {
        files: 1,
        runs: &[1, 2, 2],
        deliveries: 1,
        faults,
        without: None,
    };
    let checker = chain.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
}

/// The smallest configuration in which the absence of a protection can show.
fn without(protection: Protection) -> Protocol {
    let faults = Faults {
        crashes: 1,
        zombies: 1,
        lost_answers: 1,
    };
    let (files, runs, deliveries): (usize, &'static [u8], u8) = match protection {
        Protection::NextMarkerBeforeCommit | Protection::CleanReadsState => (1, &[1, 2], 1),
        Protection::FilePutIfAbsent => (1, &[1, 1], 2),
        Protection::LeftOversOfCommittedTaken => (2, &[1, 1], 1),
        _ => (1, &[1, 1], 1),
    };
    Protocol {
        files,
        runs,
        deliveries,
        faults,
        without: Some(protection),
    }
}

macro_rules! each_protection_is_needed {
    ($($name:ident: $protection:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            assert_ne!(broken(without(Protection::$protection)), [""; 0]);
        }
    )*};
}

each_protection_is_needed! {
    a_marker_written_after_its_item_breaks_it: MarkerBeforeItem,
    an_item_put_without_condition_breaks_it: FilePutIfAbsent,
    taking_without_condition_breaks_it: TakeOnCondition,
    taking_over_without_giving_up_the_holder_breaks_it: VoidBeforeTakeOver,
    giving_up_without_condition_breaks_it: VoidOnCondition,
    committing_without_condition_breaks_it: CommitOnCondition,
    marking_the_next_stage_after_the_commit_breaks_it: NextMarkerBeforeCommit,
    dropping_markers_before_the_commit_breaks_it: MarkersDroppedAfterCommit,
    dropping_markers_after_a_refused_commit_breaks_it: MarkersKeptOnRefusal,
    ignoring_the_left_overs_of_a_committed_run_breaks_it: LeftOversOfCommittedTaken,
    cleaning_without_reading_the_state_breaks_it: CleanReadsState,
}
