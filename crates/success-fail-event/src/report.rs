//! What a job says about its run: the part of the report that a mail needs.

use serde::Deserialize;

/// A run's report; what a stage has nothing to say about is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Job run id.
    pub run_id: String,
    /// Length of the run in seconds.
    pub seconds: f64,
    /// One entry for each dataset that had something in the run.
    pub datasets: Vec<Dataset>,
    /// Stage 1 only: what became of each file.
    pub files: Vec<File>,
}

/// Rows of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Dataset {
    /// Name; `None` for files that belong to no dataset.
    pub dataset: Option<String>,
    /// Files read (stage 1).
    pub files: u64,
    /// Rows read.
    pub records_in: u64,
    /// Rows written.
    pub records_out: u64,
    /// Rows put aside because they could not be read.
    pub quarantined: u64,
    /// Rows classified as legacy (stage 2).
    pub legacy: u64,
    /// Rows classified as secured (stage 2).
    pub secured: u64,
    /// Rows that lost to a newer one of the same key (stage 3).
    pub superseded: u64,
    /// Tables written (stage 3).
    pub tables: Vec<String>,
}

/// What became of a landed file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct File {
    /// `<bucket>/<key>#<version id>`.
    pub file_id: String,
    /// Rows of it in quarantine.
    pub quarantined: u64,
}

impl Report {
    /// Reads the report of `run_id`.
    ///
    /// # Errors
    /// If it is no report, or another run's.
    pub fn of(run_id: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        let report: Self = serde_json::from_slice(bytes)?;
        anyhow::ensure!(
            report.run_id == run_id,
            "the report is of run {:?}",
            report.run_id
        );
        Ok(report)
    }

    /// The sum of one column.
    pub fn total(&self, column: impl Fn(&Dataset) -> u64) -> u64 {
        self.datasets
            .iter()
            .map(column)
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_as_a_job_writes_it_is_read() {
        let text = r#"{"stage": 1, "job": "g", "run_id": "jr_1", "started_by": "copy-prefix",
            "started_at": "2025-11-21T11:00:00Z", "finished_at": "2025-11-21T11:00:08Z", "seconds": 8.25,
            "datasets": [
                {"dataset": "bookings", "files": 2, "bytes": 99, "records_in": 12, "records_out": 10,
                 "quarantined": 2, "legacy": 0, "secured": 0, "superseded": 0, "conformed": 0, "tables": []},
                {"dataset": "_none", "files": 1, "records_in": 1, "quarantined": 1}],
            "files": [{"file_id": "b/k#v", "dataset": null, "outcome": "quarantined", "records": 0,
                       "quarantined": 1, "reason": "no dataset"}],
            "balanced": true}"#;
        let report = Report::of("jr_1", text.as_bytes()).unwrap();
        assert_eq!(report.total(|dataset| dataset.records_in), 13);
        assert_eq!(report.total(|dataset| dataset.quarantined), 3);
        assert_eq!(
            report.files,
            [File {
                file_id: "b/k#v".to_owned(),
                quarantined: 1
            }]
        );
        assert!((report.seconds - 8.25).abs() < f64::EPSILON);
    }

    #[test]
    fn another_runs_report_is_refused() {
        assert!(Report::of("jr_1", br#"{"run_id": "jr_2"}"#).is_err());
        assert!(Report::of("jr_1", b"<html>").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Report::of("jr_1", &bytes).is_err());
        }

        #[test]
        fn no_numbers_make_the_totals_panic(numbers in proptest::collection::vec(any::<u64>(), 0..5)) {
            let datasets = numbers.iter().map(|n| Dataset { records_in: *n, ..Dataset::default() }).collect();
            let report = Report { datasets, ..Report::default() };
            let total = report.total(|dataset| dataset.records_in);
            prop_assert!(numbers.iter().all(|number| total >= *number));
        }
    }
}
