//! The mail about a run that ended well.

use pipeline::protocol::Stage;

use crate::report::{Dataset, Report};
use crate::words::{count, counted, cut, duration, moment, run_link, subject, table};
use crate::{About, title};

/// So many quarantined files are named; the report names all.
const FILES_NAMED: usize = 10;
/// So much of a dataset's name stands in the table, which a longer one would spread over several screens.
const NAME_SHOWN: usize = 40;
/// So many datasets get a line of their own.
const DATASETS_SHOWN: usize = 100;

/// The report's name for files that lie directly under the prefix.
const NO_DATASET: &str = "_none";

/// What SNS sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// At most 100 characters of ASCII.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A column of the table: its heading and what it shows.
type Column = (&'static str, fn(&Dataset) -> u64);

const FILES: Column = ("files", |dataset| dataset.files);
const ROWS_IN: Column = ("rows in", |dataset| dataset.records_in);
const ROWS_OUT: Column = ("rows out", |dataset| dataset.records_out);
const LEGACY: Column = ("legacy", |dataset| dataset.legacy);
const SECURED: Column = ("secured", |dataset| dataset.secured);
const SUPERSEDED: Column = ("superseded", |dataset| dataset.superseded);
const QUARANTINED: Column = ("quarantined", |dataset| dataset.quarantined);

fn columns(stage: Stage) -> &'static [Column] {
    match stage {
        Stage::Ingest => &[FILES, ROWS_IN, ROWS_OUT, QUARANTINED],
        Stage::Classify => &[ROWS_IN, LEGACY, SECURED, QUARANTINED],
        Stage::Conform => &[ROWS_IN, ROWS_OUT, SUPERSEDED, QUARANTINED],
    }
}

/// The mail for a committed run. Without a report (`None`) the mail goes out all the same: that the
/// run succeeded is known from the ledger.
#[must_use]
pub fn success(about: &About<'_>, report: Option<&Report>) -> Message {
    let title = title(about.stage);
    let mut parts = vec![format!("{title} succeeded: its work is committed.\n")];
    parts.extend(report.and_then(quarantine));
    parts.push(facts(about, report.map(|report| report.seconds)));
    parts.push(match report {
        Some(report) => rows(about.stage, report),
        None => "Its report could not be read, so there are no numbers here.\n".to_owned(),
    });
    parts.push(links(about));
    Message {
        subject: subject(&format!(
            "[{}] {title} OK{}",
            about.environment,
            report.map(summary).unwrap_or_default()
        )),
        body: parts.join("\n"),
    }
}

/// The mail for a classify run that had nothing to do.
#[must_use]
pub fn nothing_to_classify(about: &About<'_>) -> Message {
    let title = title(about.stage);
    let body = [
        format!(
            "{title} found nothing to classify: no ingest run has committed anything since the last time.\n"
        ),
        facts(about, None),
        links(about),
    ];
    Message {
        subject: subject(&format!(
            "[{}] {title}: nothing to classify",
            about.environment
        )),
        body: body.join("\n"),
    }
}

/// The end of the subject: what most readers want to know.
fn summary(report: &Report) -> String {
    let quarantined = match report.total(QUARANTINED.1) {
        0 => String::new(),
        rows => format!(", {} QUARANTINED", count(rows)),
    };
    format!(
        ": {} in {}{quarantined}",
        counted(report.total(ROWS_OUT.1), "row"),
        counted(report.datasets.len() as u64, "dataset")
    )
}

/// The paragraph that must not be overlooked, if there is a reason for it.
fn quarantine(report: &Report) -> Option<String> {
    let rows = report.total(QUARANTINED.1);
    if rows == 0 {
        return None;
    }
    let mut text = format!(
        "*** {} in quarantine. Nothing is lost, but somebody should look why.\n",
        counted(rows, "row")
    );
    let bad = || report.files.iter().filter(|file| file.quarantined > 0);
    for file in bad().take(FILES_NAMED) {
        text.push_str(&format!(
            "***   {}: {}\n",
            file.file_id,
            counted(file.quarantined, "row")
        ));
    }
    let more = bad().count().saturating_sub(FILES_NAMED);
    if more > 0 {
        text.push_str(&format!(
            "***   and {}\n",
            counted(more as u64, "more file")
        ));
    }
    Some(text)
}

fn facts(about: &About<'_>, seconds: Option<f64>) -> String {
    let run = about.run;
    let mut facts = vec![
        ("job", about.change.job.clone()),
        ("run", about.change.run_id.clone()),
        (
            "started by",
            run.started_by
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
        ),
    ];
    facts.extend(run.started_at.map(|at| ("started", moment(at))));
    facts.extend(seconds.map(|seconds| ("duration", duration(seconds))));
    facts
        .into_iter()
        .map(|(name, value)| format!("  {name:<10}  {value}\n"))
        .collect()
}

fn rows(stage: Stage, report: &Report) -> String {
    let columns = columns(stage);
    let line = |name: String, value: &dyn Fn(&Column) -> u64| {
        let mut cells = vec![name];
        cells.extend(columns.iter().map(|column| count(value(column))));
        cells
    };
    let mut lines = vec![
        std::iter::once("dataset")
            .chain(columns.iter().map(|(heading, _)| *heading))
            .map(str::to_owned)
            .collect(),
    ];
    let mut whole = Vec::new();
    for dataset in report.datasets.iter().take(DATASETS_SHOWN) {
        let name = match dataset.dataset.as_deref() {
            None | Some(NO_DATASET) => "(no dataset)".to_owned(),
            Some(name) => {
                if name.chars().count() > NAME_SHOWN {
                    whole.push(name);
                }
                cut(name, NAME_SHOWN)
            }
        };
        lines.push(line(name, &|column| column.1(dataset)));
    }
    let more = report.datasets.len().saturating_sub(DATASETS_SHOWN);
    if more > 0 {
        lines.push(vec![format!("({} more)", count(more as u64))]);
    }
    if report.datasets.len() > 1 {
        lines.push(line("total".to_owned(), &|column| report.total(column.1)));
    }
    table(&lines) + &in_full(&whole)
}

/// The names that the table cuts.
fn in_full(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: String = names.iter().map(|name| format!("  {name}\n")).collect();
    format!("\nNames that are cut above, in full:\n{names}")
}

fn links(about: &About<'_>) -> String {
    let link = run_link(about.region, &about.change.job, &about.change.run_id);
    let report = about
        .run
        .report
        .as_ref()
        .map(|report| format!("Report: {report}\n"))
        .unwrap_or_default();
    format!("Run:    {link}\n{report}")
}

#[cfg(test)]
mod tests;
