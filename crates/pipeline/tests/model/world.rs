//! Everything there is in the model: the ledger, Glue, and the processes that work between them.

use std::fmt;

use pipeline::protocol::RunState;

/// Index of a file, or of a run. A run's items are files in stage 1 and runs of the stage before after that.
pub type Index = u8;

/// A set of indexes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Set(u16);

impl Set {
    pub fn insert(&mut self, index: Index) {
        self.0 |= 1 << index;
    }

    pub fn remove(&mut self, index: Index) {
        self.0 &= !(1 << index);
    }

    pub fn contains(self, index: Index) -> bool {
        self.0 & (1 << index) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Index> {
        (0..16).filter(move |index| self.contains(*index))
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A landed file version: its intake, and its item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct File {
    /// Steps that each of two deliveries of its event has made; none while it isn't at work.
    pub intake: [Option<u8>; 2],
    /// Deliveries that are still to come.
    pub deliveries: u8,
    /// Its item, if put, with the run that holds it.
    pub item: Option<Option<Index>>,
}

/// What Glue says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Glue {
    NotStarted,
    Alive,
    Ended,
}

/// A run's item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunItem {
    pub state: RunState,
    /// What its manifest lists.
    pub lists: Set,
    pub assigned_to: Option<Index>,
}

/// What a process has read about one marked item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Look {
    /// The item was read; it belonged to this run.
    Item { item: Index, holder: Option<Index> },
    /// It was decided to take it from whoever was seen to hold it.
    Take { item: Index, holder: Option<Index> },
    /// It was decided to give up its holder first.
    Void { item: Index, holder: Index },
    /// It was decided that the marker goes.
    Drop { item: Index },
}

/// How far a process is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// Not there (yet, or any more).
    None,
    /// Before its first write.
    Begin,
    /// Looks at marked items.
    Taking { seen: Set, look: Option<Look> },
    /// Its list is frozen; the next stage's marker comes next.
    Frozen,
    /// Commits.
    Committing,
    /// Committed; drops the markers of what it held.
    Dropping { left: Set },
}

/// One job run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub stage: u8,
    pub glue: Glue,
    pub process: Process,
    pub holds: Set,
    pub item: Option<RunItem>,
    /// Its output in temp was deleted.
    pub cleaned: bool,
}

impl Run {
    pub fn of_stage(stage: u8) -> Self {
        Self {
            stage,
            glue: Glue::NotStarted,
            process: Process::None,
            holds: Set::default(),
            item: None,
            cleaned: false,
        }
    }

    pub fn state(&self) -> Option<RunState> {
        self.item.as_ref().map(|item| item.state)
    }
}

/// The faults that may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    pub crashes: u8,
    pub zombies: u8,
    pub lost_answers: u8,
}

/// One state of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub files: Vec<File>,
    pub runs: Vec<Run>,
    /// OPEN markers by stage: of files (1), of stage 1 runs (2).
    pub markers: [Set; 3],
    pub faults: Faults,
}

impl World {
    /// The run that holds an item of a stage's work, if the item is there.
    pub fn holder(&self, stage: u8, item: Index) -> Option<Option<Index>> {
        match stage {
            1 => self.files[usize::from(item)].item,
            _ => self.runs[usize::from(item)]
                .item
                .as_ref()
                .map(|item| item.assigned_to),
        }
    }

    /// Assigns an item, without a condition.
    pub fn assign(&mut self, stage: u8, item: Index, run: Index) {
        match stage {
            1 => self.files[usize::from(item)].item = Some(Some(run)),
            _ => {
                if let Some(item) = self.runs[usize::from(item)].item.as_mut() {
                    item.assigned_to = Some(run);
                }
            }
        }
    }

    pub fn run(&mut self, run: Index) -> &mut Run {
        &mut self.runs[usize::from(run)]
    }

    /// Committed runs of a stage that list an item.
    pub fn committed_with(&self, stage: u8, item: Index) -> usize {
        self.runs
            .iter()
            .filter(|run| run.stage == stage && run.state() == Some(RunState::Committed))
            .filter(|run| {
                run.item
                    .as_ref()
                    .is_some_and(|run| run.lists.contains(item))
            })
            .count()
    }

    pub fn indexes(&self) -> impl Iterator<Item = Index> + use<> {
        0..Index::try_from(self.runs.len()).unwrap_or(Index::MAX)
    }
}
