//! The work protocol as a model that a checker explores.
//!
//! Runs may start at any time and in any number; each may crash between any two writes, go on after Glue
//! has called it ended, or not learn that a write succeeded; events come never, once or several times; a
//! landed version is deleted before it is read. reconcile, clean-prefix and success-fail-event take their
//! steps between those of the runs and die between their own. What is written next is decided by the
//! functions that decide in the product, and, for the jobs, by those whose Python twins are held to the
//! same tables.
//!
//! `tests/` explores small configurations whole, and takes each protection away in turn: one whose absence
//! nothing notices would be untested, or not needed. `examples/explore.rs` goes further, and at random.

pub mod actions;
pub mod around;
mod commit;
pub mod facts;
mod invocations;
pub mod job;
mod properties;
mod recovery;
mod set;
pub mod world;

use std::collections::BTreeSet;

use actions::{Action, actions, apply};
use recovery::Recovered;
use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Faults, File, Run, Set, World};

/// What keeps the protocol safe, one rule each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Intake puts the marker first.
    MarkerBeforeItem,
    /// Intake puts an item only if there is none.
    FilePutIfAbsent,
    /// Each version of a key is an item of its own.
    VersionIdentity,
    /// An item is assigned only if it still belongs to whom it was seen to belong to.
    TakeOnCondition,
    /// Only a committed run of the stage before is work.
    OnlyCommittedTaken,
    /// A started holder is given up before its items are taken.
    VoidBeforeTakeOver,
    /// Only a started run becomes void.
    VoidOnCondition,
    /// Only a started run becomes committed.
    CommitOnCondition,
    /// A run marks itself as the next stage's work before it commits.
    NextMarkerBeforeCommit,
    /// Markers of items are dropped after the commit.
    MarkersDroppedAfterCommit,
    /// A run whose commit was refused drops none.
    MarkersKeptOnRefusal,
    /// An item of a committed run that doesn't list it is taken over.
    LeftOversOfCommittedTaken,
    /// A void run's marker is dropped, by the next stage or by reconcile.
    VoidMarkersDropped,
    /// A marker without an item is dropped only once a listing has been through.
    StaleMarkersOnlyAfterListing,
    /// clean-prefix reads the state of the run and of what it consumed.
    CleanReadsState,
    /// It deletes what manifests list, and never lists a prefix.
    DeleteByManifest,
    /// `cleaned_at` is set after the deletes.
    CleanedRecordedLast,
    /// The table's commit fails if rows of the same files came since it was read.
    ValidatedTableCommit,
    /// Only the rows of files that the table doesn't have are appended.
    KnownFilesLeftOut,
    /// A run becomes void before anybody is told that it is not done.
    SettledBeforeTelling,
    /// `told_at` is set after it was told.
    ToldRecordedLast,
}

/// The protections, but for one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules(Option<Protection>);

impl Rules {
    /// All of them.
    pub const ALL: Self = Self(None);

    /// All but one.
    #[must_use]
    pub const fn without(protection: Protection) -> Self {
        Self(Some(protection))
    }

    /// Whether a protection is in place.
    #[must_use]
    pub fn has(self, protection: Protection) -> bool {
        self.0 != Some(protection)
    }
}

/// The parts that take steps between those of the runs. What a part leaves undone meanwhile, it does once
/// faults stop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// reconcile decides and acts at any time.
    pub reconcile: bool,
    /// Invocations of clean-prefix at a time.
    pub cleaners: u8,
    /// Invocations of success-fail-event at a time.
    pub tellers: u8,
}

/// A configuration.
#[derive(Debug)]
pub struct Protocol {
    /// Landed versions.
    pub files: usize,
    /// Deliveries of each one's event.
    pub deliveries: u8,
    /// The stages of the runs that may start.
    pub runs: &'static [u8],
    /// What may go wrong, and how often.
    pub faults: Faults,
    /// Who takes part.
    pub parts: Parts,
    /// What protects.
    pub rules: Rules,
    /// Worlds known to recover.
    pub recovered: Recovered,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            files: 1,
            deliveries: 1,
            runs: &[1],
            faults: Faults::default(),
            parts: Parts::default(),
            rules: Rules::ALL,
            recovered: Recovered::default(),
        }
    }
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
            markers: [Set::default(); 4],
            table: Set::default(),
            twice: Set::default(),
            intent: None,
            cleaners: [None; 2],
            tellers: [None; 2],
            faults: self.faults,
        }]
    }

    fn actions(&self, world: &World, found: &mut Vec<Action>) {
        actions(world, self.parts, self.rules, found);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        apply(world, action, self.rules)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// What exploring a configuration came to.
#[derive(Debug)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Properties that don't hold, each with the steps that lead to where it doesn't.
    pub broken: Vec<(&'static str, String)>,
}

/// Explores a configuration whole, or until something is broken.
#[must_use]
pub fn explore(protocol: Protocol, threads: usize) -> Explored {
    explore_until(protocol, threads, HasDiscoveries::AnyFailures)
}

/// Explores a configuration until this property is found broken.
#[must_use]
pub fn explore_for(property: &'static str, protocol: Protocol, threads: usize) -> Explored {
    let found = HasDiscoveries::AllOf(BTreeSet::from([property]));
    explore_until(protocol, threads, found)
}

fn explore_until(protocol: Protocol, threads: usize, until: HasDiscoveries) -> Explored {
    let checker = protocol
        .checker()
        .threads(threads)
        .finish_when(until)
        .spawn_bfs()
        .join();
    let broken = checker.discoveries().into_iter();
    Explored {
        states: checker.unique_state_count(),
        broken: broken
            .map(|(name, path)| (name, format!("{:#?}", path.into_actions())))
            .collect(),
    }
}
