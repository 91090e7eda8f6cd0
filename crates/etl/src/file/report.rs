//! The part of a run's report that tells of files and tables.

use serde::Deserialize;

/// A run's report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Job run id.
    pub run_id: String,
    /// A row a dataset.
    pub datasets: Vec<Dataset>,
    /// What became of each file (stage 1).
    pub files: Vec<Outcome>,
    /// Where the numbers by file lie (stages 2 and 3).
    pub files_uri: Option<String>,
}

/// One dataset of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Dataset {
    /// Name.
    pub dataset: String,
    /// Tables that were written (stage 3).
    pub tables: Vec<String>,
}

/// What became of a file in stage 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// `<bucket>/<key>#<version id>`.
    pub file_id: String,
    /// Its dataset; none if it has none.
    pub dataset: Option<String>,
    /// `ingested`, `quarantined` (as a whole), `empty` or `vanished`.
    pub outcome: String,
    /// Records read.
    pub records: u64,
    /// Records put aside.
    pub quarantined: u64,
    /// Why.
    pub reason: Option<String>,
}

impl Report {
    /// What became of a file.
    #[must_use]
    pub fn outcome_of(&self, file_id: &str) -> Option<&Outcome> {
        self.files.iter().find(|file| file.file_id == file_id)
    }

    /// What it says of a dataset.
    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|row| row.dataset == name)
    }
}
