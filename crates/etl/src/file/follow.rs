//! Following a landed version through the ledger and the runs' books, by the rule of the protocol: a run has taken
//! an item if it is COMMITTED and its manifest lists it. The job library does the same (`tui_etl.lineage`).

use anyhow::{Context, ensure};
use aws_sdk_s3::Client;
use jiff::Timestamp;
use pipeline::ledger::{FileItem, Ledger, RunItem};
use pipeline::manifest::{self, Location};
use pipeline::protocol::{RunState, Stage, run_pk};
use serde::Serialize;

use super::numbers::{self, Numbers};
use super::report::Report;

/// Where later runs of Glue 3 have their numbers.
const CONFORM_NUMBERS: &str = "lineage/stage=3/";

/// A run that took the file, or holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// 1, 2 or 3.
    pub stage: Stage,
    /// Job run id.
    pub run_id: String,
    /// STARTED, COMMITTED or VOID.
    pub state: String,
    /// It took the file: it is committed, and lists it.
    pub took: bool,
    /// Who or what asked for it.
    pub started_by: Option<String>,
    /// When it committed.
    pub committed_at: Option<Timestamp>,
    /// What became of the file (stage 1).
    pub outcome: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Tables (stage 3).
    pub tables: Vec<String>,
    /// The file's own records in this run; none before it is committed.
    pub numbers: Numbers,
}

/// The ledger and the state bucket.
pub struct Source<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// S3, as who may read the state bucket.
    pub s3: &'a Client,
    /// The state bucket.
    pub bucket: &'a str,
}

impl Source<'_> {
    /// The runs that took a file, stage by stage, the last of which may only hold it.
    ///
    /// # Errors
    /// Something can't be read, or a report does not tell of what its manifest lists.
    pub async fn steps(&self, file: &FileItem) -> anyhow::Result<Vec<Step>> {
        let file_id = file.file_id();
        let mut steps = Vec::new();
        let (mut pk, mut assigned_to) = (file.pk(), file.assigned_to.clone());
        let mut dataset = None;
        for stage in Stage::ALL {
            let Some(run_id) = assigned_to else { break };
            let Some(run) = self.ledger.run(stage, &run_id).await? else {
                break;
            };
            if run.state != RunState::Committed || !self.lists(&run, &pk).await? {
                steps.push(step_of(&run, false));
                break;
            }
            let report = self.report(&run).await?;
            let mut step = step_of(&run, true);
            if stage == Stage::Ingest {
                let outcome = report.outcome_of(&file_id).with_context(|| {
                    format!("the report of {run_id} does not tell of {file_id}")
                })?;
                step.outcome = Some(outcome.outcome.clone());
                step.reason.clone_from(&outcome.reason);
                let counted = [
                    ("records", outcome.records),
                    ("quarantined", outcome.quarantined),
                ];
                step.numbers = counted.map(|(name, n)| (name.to_owned(), n)).into();
                dataset.clone_from(&outcome.dataset);
            } else {
                self.tell(&mut step, &report, dataset.as_deref(), &file_id)
                    .await?;
            }
            steps.push(step);
            (pk, assigned_to) = (run_pk(stage, &run_id), run.assigned_to);
        }
        Ok(steps)
    }

    /// Later runs of Glue 3 in which rows of the file made room for newer ones. No item leads to them.
    ///
    /// # Errors
    /// Something can't be read.
    pub async fn later(
        &self,
        steps: &[Step],
        dataset: &str,
        file_id: &str,
    ) -> anyhow::Result<Vec<Step>> {
        let mut later = Vec::new();
        for run_id in self.conform_runs().await? {
            if steps.iter().any(|step| step.run_id == run_id) {
                continue;
            }
            let run = self.ledger.run(Stage::Conform, &run_id).await?;
            let Some(run) = run.filter(|run| run.state == RunState::Committed) else {
                continue;
            };
            let mut step = step_of(&run, false);
            let report = self.report(&run).await?;
            self.tell(&mut step, &report, Some(dataset), file_id)
                .await?;
            if step.numbers.get("replaced").is_some_and(|rows| *rows > 0) {
                later.push(step);
            }
        }
        Ok(later)
    }

    async fn conform_runs(&self) -> anyhow::Result<Vec<String>> {
        let mut runs = Vec::new();
        let mut pages = self
            .s3
            .list_objects_v2()
            .bucket(self.bucket)
            .prefix(CONFORM_NUMBERS)
            .delimiter("/")
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.with_context(|| format!("{CONFORM_NUMBERS} can't be listed"))?;
            let prefixes = page.common_prefixes().iter();
            runs.extend(prefixes.filter_map(|folder| {
                let run = folder.prefix()?.strip_prefix(CONFORM_NUMBERS)?;
                Some(run.strip_prefix("run=")?.trim_end_matches('/').to_owned())
            }));
        }
        Ok(runs)
    }

    async fn tell(
        &self,
        step: &mut Step,
        report: &Report,
        dataset: Option<&str>,
        file_id: &str,
    ) -> anyhow::Result<()> {
        let Some(row) = dataset.and_then(|dataset| report.dataset(dataset)) else {
            return Ok(());
        };
        step.tables.clone_from(&row.tables);
        if let Some(place) = &report.files_uri {
            step.numbers =
                numbers::read(self.s3, self.bucket, place, &row.dataset, file_id).await?;
        }
        Ok(())
    }

    async fn lists(&self, run: &RunItem, pk: &str) -> anyhow::Result<bool> {
        let uri = run.manifest.as_deref().unwrap_or_default();
        let at = Location::within(self.bucket, uri)?;
        let (manifest, _) = manifest::open(self.s3, &at, (run.stage, &run.run_id), None).await?;
        let items = manifest.items().await?;
        Ok(items.iter().any(|item| item == pk))
    }

    async fn report(&self, run: &RunItem) -> anyhow::Result<Report> {
        let uri = run.report.as_deref().unwrap_or_default();
        let at = Location::within(self.bucket, uri)?;
        let bytes = super::read(self.s3, &at.bucket, &at.key).await?;
        let report: Report =
            serde_json::from_slice(&bytes).with_context(|| format!("{uri} is no report"))?;
        ensure!(
            report.run_id == run.run_id,
            "{uri} is the report of {:?}",
            report.run_id
        );
        Ok(report)
    }
}

fn step_of(run: &RunItem, took: bool) -> Step {
    Step {
        stage: run.stage,
        run_id: run.run_id.clone(),
        state: run.state.to_string(),
        took,
        started_by: run.started_by.clone(),
        committed_at: run.committed_at,
        outcome: None,
        reason: None,
        tables: vec![],
        numbers: Numbers::new(),
    }
}
