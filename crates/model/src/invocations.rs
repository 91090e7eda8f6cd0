//! Invocations of the functions around the runs, between two of their steps.

use pipeline::protocol::Settle;

use crate::set::Set;
use crate::world::Index;

/// What reconcile has decided on and not done yet: what it was decided on may have changed by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// A run that is over and does not say so.
    Settle {
        /// The run.
        run: Index,
        /// How.
        settle: Settle,
    },
    /// A marker that stands for nothing.
    Drop {
        /// The stage whose work it hints at.
        stage: u8,
        /// The item.
        item: Index,
        /// It was put again since.
        renewed: bool,
    },
}

/// An invocation of clean-prefix for a committed run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cleaner {
    /// The stage 2 run.
    pub by: Index,
    /// Stage 1 runs of its manifest that are still to be looked at.
    pub left: Set,
    /// One that was found to be consumed, whose output is deleted next.
    pub deleting: Option<Index>,
    /// One was left alone.
    pub refused: bool,
}

/// What success-fail-event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum News {
    /// That there is nothing to tell is settled.
    Quiet,
    /// The run committed.
    Done,
    /// It committed, and then failed.
    DoneThenFailed,
    /// It did not commit.
    NotDone,
}

/// An invocation of success-fail-event that has decided what to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Teller {
    /// The run.
    pub run: Index,
    /// What.
    pub news: News,
    /// It made the first of its two last steps: to tell, and to record that it told.
    pub half_way: bool,
}
