//! Everything there is in the model: landed versions, the ledger, Glue, the table, and the processes
//! that work between them.

use pipeline::protocol::{RunState, VoidReason};

pub use crate::invocations::{Cleaner, Intent, News, Teller};
pub use crate::set::Set;

/// Index of a file, or of a run. A run's items are files in stage 1 and runs of the stage before after that.
pub type Index = u8;

/// How many runs there can be, those that reconcile starts at the end included.
pub const MOST_RUNS: u8 = 16;

/// A landed file version: its intakes, and its item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct File {
    /// Steps that each of two intakes has made; none while it isn't at work.
    pub intake: [Option<u8>; 2],
    /// Deliveries of its event that are still to come.
    pub deliveries: u8,
    /// Its item, if put, with the run that holds it.
    pub item: Option<Option<Index>>,
    /// It was deleted from the landing zone.
    pub gone: bool,
    /// A listing of the landing zone that began after its marker was put has been over it.
    pub listed: bool,
}

/// What Glue says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Glue {
    /// There is no such run yet.
    NotStarted,
    /// It runs.
    Alive,
    /// It ended well.
    Succeeded,
    /// It ended otherwise; a process of it may be alive all the same.
    Failed,
}

impl Glue {
    /// Whether it is over, says Glue.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A run's item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunItem {
    /// Its state.
    pub state: RunState,
    /// Why it is void.
    pub reason: Option<VoidReason>,
    /// What its manifest lists.
    pub lists: Set,
    /// The run of the next stage that holds it.
    pub assigned_to: Option<Index>,
    /// `cleaned_at` is set.
    pub cleaned: bool,
    /// `told_at` is set.
    pub told: bool,
}

impl RunItem {
    /// One that is just put.
    #[must_use]
    pub fn new(state: RunState, reason: Option<VoidReason>) -> Self {
        Self {
            state,
            reason,
            lists: Set::default(),
            assigned_to: None,
            cleaned: false,
            told: false,
        }
    }
}

/// What a process has read about one marked item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// The item was read; it belonged to this run.
    Item {
        /// The item.
        item: Index,
        /// Who held it.
        holder: Index,
    },
    /// It was decided to take it from whoever was seen to hold it.
    Take {
        /// The item.
        item: Index,
        /// Who held it.
        holder: Option<Index>,
    },
    /// It was decided to give up its holder first.
    Void {
        /// The item.
        item: Index,
        /// Who held it.
        holder: Index,
    },
    /// It was decided that the marker goes.
    Drop {
        /// The item.
        item: Index,
    },
}

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// Not there (yet, or any more).
    None,
    /// Before its first write.
    Begin,
    /// Looks at marked items.
    Taking {
        /// Those it has turned to.
        seen: Set,
        /// The one that it is at.
        look: Option<Look>,
    },
    /// Its list is frozen; it reads its input and writes aside.
    Working,
    /// Stage 3: it has read the table, and appends.
    Appending {
        /// The rows that were there.
        snapshot: Set,
    },
    /// It makes the writes of its commit, in their order.
    Committing {
        /// How many it has made.
        made: u8,
    },
    /// Committed; drops the markers of what it held.
    Dropping {
        /// Those that are left.
        left: Set,
    },
}

/// What is below a stage 1 run's place in temp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Temp {
    /// Nothing yet.
    Nothing,
    /// Its output.
    Output,
    /// It was deleted.
    Deleted,
}

/// One job run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// 1, 2 or 3.
    pub stage: u8,
    /// What Glue says.
    pub glue: Glue,
    /// Its process.
    pub process: Process,
    /// What it believes to hold.
    pub holds: Set,
    /// Its item.
    pub item: Option<RunItem>,
    /// The runs whose output it has read.
    pub read: Set,
    /// The files whose rows it has written.
    pub rows: Set,
    /// Its output in temp.
    pub temp: Temp,
    /// Somebody was told that it is done.
    pub said_done: bool,
    /// Somebody was told that it is not.
    pub said_not_done: bool,
}

impl Run {
    /// One that Glue hasn't started.
    #[must_use]
    pub fn of_stage(stage: u8) -> Self {
        Self {
            stage,
            glue: Glue::NotStarted,
            process: Process::None,
            holds: Set::default(),
            item: None,
            read: Set::default(),
            rows: Set::default(),
            temp: Temp::Nothing,
            said_done: false,
            said_not_done: false,
        }
    }

    /// Its state in the ledger.
    #[must_use]
    pub fn state(&self) -> Option<RunState> {
        self.item.as_ref().map(|item| item.state)
    }

    /// What it lists, once it is committed.
    #[must_use]
    pub fn committed(&self) -> Set {
        match &self.item {
            Some(item) if item.state == RunState::Committed => item.lists,
            _ => Set::default(),
        }
    }
}

/// The faults that may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// A process dies between any two of its steps.
    pub crashes: u8,
    /// Glue says that a run ended, and it goes on.
    pub zombies: u8,
    /// A write is made and its answer lost.
    pub lost_answers: u8,
    /// A landed version is deleted.
    pub deletions: u8,
}

/// One state of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// Landed versions.
    pub files: Vec<File>,
    /// Runs of all stages.
    pub runs: Vec<Run>,
    /// OPEN markers by stage: of files (1), of stage 1 runs (2), of stage 2 runs (3).
    pub markers: [Set; 4],
    /// Files whose rows the table has.
    pub table: Set,
    /// Files whose rows it has more than once.
    pub twice: Set,
    /// What reconcile is about to do.
    pub intent: Option<Intent>,
    /// Invocations of clean-prefix.
    pub cleaners: [Option<Cleaner>; 2],
    /// Invocations of success-fail-event.
    pub tellers: [Option<Teller>; 2],
    /// What may still go wrong.
    pub faults: Faults,
}

impl World {
    /// The run that holds an item of a stage's work, if the item is there.
    #[must_use]
    pub fn holder(&self, stage: u8, item: Index) -> Option<Option<Index>> {
        match stage {
            1 => self.files[usize::from(item)].item,
            _ => self.at(item).item.as_ref().map(|item| item.assigned_to),
        }
    }

    /// Assigns an item, without a condition.
    pub fn assign(&mut self, stage: u8, item: Index, run: Index) {
        if stage == 1 {
            self.files[usize::from(item)].item = Some(Some(run));
        } else if let Some(item) = self.run(item).item.as_mut() {
            item.assigned_to = Some(run);
        }
    }

    /// Puts a marker; one that is there becomes younger.
    pub fn put_marker(&mut self, stage: u8, item: Index) {
        self.markers[usize::from(stage)].insert(item);
        if stage == 1 {
            self.files[usize::from(item)].listed = false;
        }
        match &mut self.intent {
            Some(Intent::Drop {
                stage: of,
                item: what,
                renewed,
            }) if (*of, *what) == (stage, item) => *renewed = true,
            _ => {}
        }
    }

    /// Drops a marker.
    pub fn drop_marker(&mut self, stage: u8, item: Index) {
        self.markers[usize::from(stage)].remove(item);
    }

    /// A run.
    #[must_use]
    pub fn at(&self, run: Index) -> &Run {
        &self.runs[usize::from(run)]
    }

    /// A run, to be changed.
    pub fn run(&mut self, run: Index) -> &mut Run {
        &mut self.runs[usize::from(run)]
    }

    /// Committed runs of a stage that list an item.
    #[must_use]
    pub fn committed_with(&self, stage: u8, item: Index) -> usize {
        self.runs
            .iter()
            .filter(|run| run.stage == stage && run.committed().contains(item))
            .count()
    }

    /// The indexes of all runs.
    pub fn indexes(&self) -> impl Iterator<Item = Index> + use<> {
        0..Index::try_from(self.runs.len()).unwrap_or(MOST_RUNS)
    }

    /// The indexes of all files.
    pub fn file_indexes(&self) -> impl Iterator<Item = Index> + use<> {
        0..Index::try_from(self.files.len()).unwrap_or(MOST_RUNS)
    }
}
