//! The ledger's names and decisions, as pure functions over what was read.
//!
//! The job library (`glue/lib/tui_etl/protocol.py`) has the same functions under the same names, and
//! both are held to the tables in `tests/decisions/`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod job;
mod patience;
mod upkeep;

pub use job::*;
pub use patience::*;
pub use upkeep::*;

/// Sort key of every item that has its partition to itself.
pub const ITEM: &str = "ITEM";
/// How many partitions a stage's markers are spread over.
pub const SHARDS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];
/// Longest name of a Glue table.
const LONGEST_DATASET: usize = 240;
/// `legacy/secured/` lies below `legacy/`, so no dataset may be called that.
const RESERVED_DATASET: &str = "secured";

/// One of the three jobs, by what it does to its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Stage {
    /// Glue 1: landed files to Parquet in temp. Its work are files.
    Ingest = 1,
    /// Glue 2: temp to legacy and secured. Its work are committed runs of Glue 1.
    Classify = 2,
    /// Glue 3: to the conformed tables. Its work are committed runs of Glue 2.
    Conform = 3,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Classify, Self::Conform];

    /// 1, 2 or 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The stage whose work this stage's committed runs are.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Ingest => Some(Self::Classify),
            Self::Classify => Some(Self::Conform),
            Self::Conform => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

impl From<Stage> for u8 {
    fn from(stage: Stage) -> Self {
        stage.number()
    }
}

/// A number that is not a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no stage: there are 1, 2 and 3")]
pub struct NoSuchStage(pub u8);

impl TryFrom<u8> for Stage {
    type Error = NoSuchStage;

    fn try_from(number: u8) -> Result<Self, NoSuchStage> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.number() == number)
            .ok_or(NoSuchStage(number))
    }
}

/// State of a run in the ledger. Committed and void last for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunState {
    /// It may still commit.
    Started,
    /// What its manifest lists is done.
    Committed,
    /// It did nothing, or nothing that counts.
    Void,
}

impl RunState {
    /// As the ledger spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Committed => "COMMITTED",
            Self::Void => "VOID",
        }
    }

    /// Reads the ledger's spelling.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Started, Self::Committed, Self::Void]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a run is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoidReason {
    /// It found nothing to do, and says so itself.
    Empty,
    /// Glue says that it ended, and it had not committed.
    Ended,
    /// It ended without ever having written its item.
    NeverStarted,
}

impl VoidReason {
    /// As the ledger spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::Ended => "ENDED",
            Self::NeverStarted => "NEVER_STARTED",
        }
    }

    /// Reads the ledger's spelling.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Empty, Self::Ended, Self::NeverStarted]
            .into_iter()
            .find(|reason| reason.as_str() == name)
    }
}

/// Identity of a landed file: `<bucket>/<key>#<version id>`, with the key as S3 stores it (decoded).
#[must_use]
pub fn file_id(bucket: &str, key: &str, version_id: &str) -> String {
    format!("{bucket}/{key}#{version_id}")
}

/// Takes a file id apart into bucket, key and version id. A bucket's name has no `/` and a version id
/// no `#`, so the first `/` and the last `#` are the borders whatever the key holds.
#[must_use]
pub fn split_file_id(file_id: &str) -> Option<(&str, &str, &str)> {
    let (path, version_id) = file_id.rsplit_once('#')?;
    let (bucket, key) = path.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty() && !version_id.is_empty())
        .then_some((bucket, key, version_id))
}

/// Partition key of a file's item.
#[must_use]
pub fn file_pk(file_id: &str) -> String {
    format!("FILE#{file_id}")
}

/// Partition key of a run's item.
#[must_use]
pub fn run_pk(stage: Stage, run_id: &str) -> String {
    format!("RUN#{stage}#{run_id}")
}

/// Partition key of one shard of a stage's markers.
#[must_use]
pub fn open_pk(stage: Stage, shard: char) -> String {
    format!("OPEN#{stage}#{shard}")
}

/// What a partition key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKey<'a> {
    /// A file's item, with its file id.
    File(&'a str),
    /// A run's item, with its stage and job run id.
    Run(Stage, &'a str),
}

impl<'a> ItemKey<'a> {
    /// Reads a partition key of a FILE or a RUN; any other gives nothing.
    #[must_use]
    pub fn parse(pk: &'a str) -> Option<Self> {
        if let Some(file_id) = pk.strip_prefix("FILE#") {
            return Some(Self::File(file_id));
        }
        let (stage, run_id) = pk.strip_prefix("RUN#")?.split_once('#')?;
        let stage = Stage::try_from(stage.parse::<u8>().ok()?).ok()?;
        (!run_id.is_empty()).then_some(Self::Run(stage, run_id))
    }
}

/// Key of a marker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MarkerKey {
    /// Partition key, `OPEN#<stage>#<shard>`.
    pub pk: String,
    /// Sort key, a hash, because an item's own key can be longer than a sort key may be.
    pub sk: String,
}

/// Where the marker lies that says: the item with this partition key may be open work of this stage.
#[must_use]
pub fn marker(stage: Stage, item_pk: &str) -> MarkerKey {
    let sk = sha256_hex(item_pk);
    MarkerKey {
        pk: open_pk(stage, shard_of_hash(&sk)),
        sk,
    }
}

/// The shard of an item's marker: the first hex digit of the hash of its partition key.
#[must_use]
pub fn shard_of(item_pk: &str) -> char {
    shard_of_hash(&sha256_hex(item_pk))
}

fn shard_of_hash(hash: &str) -> char {
    hash.chars().next().unwrap_or('0')
}

pub(crate) fn sha256_hex(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    Sha256::digest(text.as_bytes())
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

/// The dataset that a key belongs to: its first path segment after the prefix, as a Glue table's name.
///
/// None if the key is not below the prefix, lies directly under it, or its segment leaves no usable
/// name (nothing, only underscores, or the reserved `secured`).
#[must_use]
pub fn dataset_of(key: &str, prefix: &str) -> Option<String> {
    let (segment, _) = key.strip_prefix(prefix)?.split_once('/')?;
    let name: String = segment
        .to_lowercase()
        .chars()
        .map(|char| {
            if char.is_ascii_lowercase() || char.is_ascii_digit() {
                char
            } else {
                '_'
            }
        })
        .take(LONGEST_DATASET)
        .collect();
    let usable = name != RESERVED_DATASET && name.chars().any(|char| char != '_');
    usable.then_some(name)
}

/// A moment as the ledger writes it: UTC, milliseconds, `Z`; such texts order as the moments do.
#[must_use]
pub fn iso(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// An item that a marker names, as far as taking it is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A landed file.
    File {
        /// The run that holds it.
        assigned_to: Option<&'a str>,
    },
    /// A run of the stage before.
    Run {
        /// Its state.
        state: RunState,
        /// The run that holds it.
        assigned_to: Option<&'a str>,
    },
}

impl<'a> Item<'a> {
    /// The run that holds it, if any.
    #[must_use]
    pub const fn assigned_to(&self) -> Option<&'a str> {
        match self {
            Self::File { assigned_to } | Self::Run { assigned_to, .. } => *assigned_to,
        }
    }
}

/// The run that an item is assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<'a> {
    /// Its job run id.
    pub run_id: &'a str,
    /// Its state.
    pub state: RunState,
}

/// What a run does about one marked item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Take {
    /// Not now: it is not there yet, not finished, or in the hands of a run that may be alive.
    Skip,
    /// It is done, or will never be work: the marker goes.
    DropMarker,
    /// Assign it, if it is still not assigned.
    Take,
    /// Assign it, if it is still assigned to the holder that was read.
    TakeOver,
    /// Set its holder void, if that is still started; then decide again.
    VoidHolder,
    /// This run has it already.
    Held,
}

/// Step 2 of a run: what `me` does about one marked item.
///
/// `item` and `holder` are what was read (none: there is no such item). `holder_lists_item` says
/// whether a committed holder's manifest names the item, `holder_ended` whether Glue says that a
/// started holder ended; none is 'not known', and never leads to a change.
#[must_use]
pub fn decide_take(
    me: &str,
    item: Option<&Item<'_>>,
    holder: Option<&Holder<'_>>,
    holder_lists_item: Option<bool>,
    holder_ended: Option<bool>,
) -> Take {
    let Some(item) = item else { return Take::Skip };
    match item {
        Item::Run {
            state: RunState::Started,
            ..
        } => return Take::Skip,
        Item::Run {
            state: RunState::Void,
            ..
        } => return Take::DropMarker,
        Item::Run {
            state: RunState::Committed,
            ..
        }
        | Item::File { .. } => {}
    }
    let Some(assigned_to) = item.assigned_to() else {
        return Take::Take;
    };
    if assigned_to == me {
        return Take::Held;
    }
    // A holder that is not there, or not the one that the item names, was read too early: look again later.
    let Some(holder) = holder.filter(|holder| holder.run_id == assigned_to) else {
        return Take::Skip;
    };
    match (holder.state, holder_lists_item, holder_ended) {
        (RunState::Committed, Some(true), _) => Take::DropMarker,
        (RunState::Committed, Some(false), _) | (RunState::Void, _, _) => Take::TakeOver,
        (RunState::Started, _, Some(true)) => Take::VoidHolder,
        (RunState::Committed, None, _) | (RunState::Started, _, _) => Take::Skip,
    }
}

#[cfg(test)]
mod decision_tables;
#[cfg(test)]
mod tests;
