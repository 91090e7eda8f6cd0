//! The ledger's items and their attributes.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Attributes, text};
use crate::protocol::{
    Holder, ITEM, Item, ItemKey, MarkerKey, RunRecord, RunState, Stage, VoidReason, file_id,
    file_pk, iso, run_pk,
};

/// A landed file: one version of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileItem {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Its version id.
    pub version_id: String,
    /// S3's order of the writes to one key; none if no event told of the file.
    pub sequencer: Option<String>,
    /// S3's entity tag, without quotes; empty if unknown.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Its dataset, or none if its key says none.
    pub dataset: Option<String>,
    /// When it landed.
    pub landed_at: Timestamp,
    /// The run that holds it.
    pub assigned_to: Option<String>,
}

/// Who took a file in, and when. Its item keeps that, so that a file's way can be followed from its
/// beginning, into the log of the invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIn {
    /// `<function>/<request id>`.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl TakenIn {
    /// By this invocation of this function.
    #[must_use]
    pub fn new(function: &str, request_id: &str, at: Timestamp) -> Self {
        let by = format!("{function}/{request_id}");
        Self { by, at }
    }
}

impl FileItem {
    /// Its identity.
    #[must_use]
    pub fn file_id(&self) -> String {
        file_id(&self.bucket, &self.key, &self.version_id)
    }

    /// Its partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        file_pk(&self.file_id())
    }

    pub(super) fn to_attributes(&self, taken_in: &TakenIn) -> Attributes {
        let file_id = self.file_id();
        let mut item = HashMap::from([
            ("pk".to_owned(), text(file_pk(&file_id))),
            ("sk".to_owned(), text(ITEM)),
            ("file_id".to_owned(), text(file_id)),
            ("bucket".to_owned(), text(&self.bucket)),
            ("key".to_owned(), text(&self.key)),
            ("version_id".to_owned(), text(&self.version_id)),
            ("etag".to_owned(), text(&self.etag)),
            ("size".to_owned(), AttributeValue::N(self.size.to_string())),
            ("landed_at".to_owned(), text(iso(self.landed_at))),
            ("taken_in_by".to_owned(), text(&taken_in.by)),
            ("taken_in_at".to_owned(), text(iso(taken_in.at))),
        ]);
        let optional = [
            ("sequencer", &self.sequencer),
            ("dataset", &self.dataset),
            ("assigned_to", &self.assigned_to),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                item.insert(name.to_owned(), text(value));
            }
        }
        item
    }

    pub(super) fn from_attributes(item: &Attributes) -> anyhow::Result<Self> {
        Ok(Self {
            bucket: required(item, "bucket")?,
            key: required(item, "key")?,
            version_id: required(item, "version_id")?,
            sequencer: string(item, "sequencer"),
            etag: string(item, "etag").unwrap_or_default(),
            size: number(item.get("size")).unwrap_or_default(),
            dataset: string(item, "dataset"),
            landed_at: moment(item, "landed_at")?.context("landed_at is missing")?,
            assigned_to: string(item, "assigned_to"),
        })
    }
}

/// A job run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunItem {
    /// Which of the three jobs.
    pub stage: Stage,
    /// Job run id.
    pub run_id: String,
    /// Name of the job.
    pub job: String,
    /// Its state.
    pub state: RunState,
    /// Why it is void.
    pub reason: Option<VoidReason>,
    /// Who or what asked for it.
    pub started_by: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it committed.
    pub committed_at: Option<Timestamp>,
    /// `s3://` address of its manifest.
    pub manifest: Option<String>,
    /// `s3://` address of its report.
    pub report: Option<String>,
    /// items, records_in, records_out, quarantined, superseded.
    pub counts: BTreeMap<String, u64>,
    /// The run of the next stage that holds it.
    pub assigned_to: Option<String>,
    /// When clean-prefix was through with its input (stage 2).
    pub cleaned_at: Option<Timestamp>,
    /// Why clean-prefix could not clean up after it, the last time that it tried (stage 2).
    pub cleaning_error: Option<String>,
    /// When an alert went out about that because the ticket system could not be reached.
    pub cleaning_alerted_at: Option<Timestamp>,
    /// When a ticket told of it.
    pub cleaning_told_at: Option<Timestamp>,
    /// When somebody last began to tell how it ended.
    pub telling_at: Option<Timestamp>,
    /// When an alert went out because the ticket system could not be reached.
    pub alerted_at: Option<Timestamp>,
    /// When it was told how it ended, by mail or ticket, or that there is nothing to tell.
    pub told_at: Option<Timestamp>,
}

impl RunItem {
    /// Its partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        run_pk(self.stage, &self.run_id)
    }

    /// It, as the holder of an item.
    #[must_use]
    pub fn as_holder(&self) -> Holder<'_> {
        Holder {
            run_id: &self.run_id,
            state: self.state,
        }
    }

    /// What its upkeep is decided on.
    #[must_use]
    pub const fn record(&self) -> RunRecord {
        RunRecord {
            state: self.state,
            told: self.told_at.is_some(),
            telling_at: self.telling_at,
            cleaned: self.cleaned_at.is_some(),
        }
    }

    pub(super) fn from_attributes(
        stage: Stage,
        run_id: &str,
        item: &Attributes,
    ) -> anyhow::Result<Self> {
        let state = required(item, "state")?;
        Ok(Self {
            stage,
            run_id: run_id.to_owned(),
            job: string(item, "job").unwrap_or_default(),
            state: RunState::of(&state)
                .with_context(|| format!("{state:?} is no state of a run"))?,
            reason: string(item, "reason").as_deref().and_then(VoidReason::of),
            started_by: string(item, "started_by"),
            started_at: moment(item, "started_at")?,
            committed_at: moment(item, "committed_at")?,
            manifest: string(item, "manifest"),
            report: string(item, "report"),
            counts: counts(item),
            assigned_to: string(item, "assigned_to"),
            cleaned_at: moment(item, "cleaned_at")?,
            telling_at: moment(item, "telling_at")?,
            cleaning_error: string(item, "cleaning_error"),
            cleaning_alerted_at: moment(item, "cleaning_alerted_at")?,
            cleaning_told_at: moment(item, "cleaning_told_at")?,
            alerted_at: moment(item, "alerted_at")?,
            told_at: moment(item, "told_at")?,
        })
    }
}

/// An item that can be work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerItem {
    /// Of stage 1.
    File(FileItem),
    /// Of the stage after its own.
    Run(RunItem),
}

impl LedgerItem {
    /// Its partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        match self {
            Self::File(file) => file.pk(),
            Self::Run(run) => run.pk(),
        }
    }

    /// It, as a decision sees it.
    #[must_use]
    pub fn as_work(&self) -> Item<'_> {
        match self {
            Self::File(file) => Item::File {
                assigned_to: file.assigned_to.as_deref(),
            },
            Self::Run(run) => Item::Run {
                state: run.state,
                assigned_to: run.assigned_to.as_deref(),
            },
        }
    }

    pub(super) fn from_attributes(item: &Attributes) -> anyhow::Result<Self> {
        let pk = required(item, "pk")?;
        let parsed = match ItemKey::parse(&pk) {
            Some(ItemKey::File(_)) => FileItem::from_attributes(item).map(Self::File),
            Some(ItemKey::Run(stage, run_id)) => {
                RunItem::from_attributes(stage, run_id, item).map(Self::Run)
            }
            None => Err(anyhow!("it is neither a file nor a run")),
        };
        parsed.with_context(|| format!("the ledger's item {pk} can't be read"))
    }
}

/// A hint that an item may be open work of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Where it lies.
    pub key: MarkerKey,
    /// Partition key of the item.
    pub item: String,
    /// When it was put, exactly as it is written there.
    pub at: String,
}

impl Marker {
    /// When it was put; none if that can't be read.
    #[must_use]
    pub fn moment(&self) -> Option<Timestamp> {
        self.at.parse().ok()
    }

    pub(super) fn from_attributes(item: &Attributes) -> anyhow::Result<Self> {
        Ok(Self {
            key: MarkerKey {
                pk: required(item, "pk")?,
                sk: required(item, "sk")?,
            },
            item: required(item, "item")?,
            at: string(item, "at").unwrap_or_default(),
        })
    }
}

/// How far the listing of the landing zone has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The last key that was seen in this pass; none at its beginning.
    pub key_marker: Option<String>,
    /// The last version of that key.
    pub version_id_marker: Option<String>,
    /// When this pass began.
    pub pass_started_at: Option<Timestamp>,
    /// Something in this pass could not be taken in and was left to the next one.
    pub has_gaps: bool,
    /// When the last pass began that went through to the end without a gap.
    pub full_pass_started_at: Option<Timestamp>,
    /// How often the cursor was put: who puts the next one must have read this one.
    pub revision: u64,
}

/// Where the reading of a stage's markers goes on in one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerPlace {
    /// Partition key of the shard.
    pub pk: String,
    /// Sort key of the last marker that was read; none at the beginning.
    pub after: Option<String>,
}

pub(super) fn string(item: &Attributes, name: &str) -> Option<String> {
    match item.get(name) {
        Some(AttributeValue::S(value)) => Some(value.clone()),
        _ => None,
    }
}

pub(super) fn required(item: &Attributes, name: &str) -> anyhow::Result<String> {
    string(item, name).with_context(|| format!("{name} is missing"))
}

pub(super) fn moment(item: &Attributes, name: &str) -> anyhow::Result<Option<Timestamp>> {
    string(item, name)
        .map(|value| {
            value
                .parse()
                .with_context(|| format!("{name} is {value:?}, which is no time"))
        })
        .transpose()
}

pub(super) fn number(value: Option<&AttributeValue>) -> Option<u64> {
    match value {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}

fn counts(item: &Attributes) -> BTreeMap<String, u64> {
    match item.get("counts") {
        Some(AttributeValue::M(map)) => map
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), number(Some(value))?)))
            .collect(),
        _ => BTreeMap::new(),
    }
}
