//! What a job says about its run: the part of the report that a mail needs.

use anyhow::Context;
use aws_sdk_s3::primitives::ByteStream;
use serde::Deserialize;

/// A report names each file of its run, in some 250 bytes: this is a quarter of a million of them, and
/// fits into the function's memory twice over. The mail of a longer one goes without numbers.
const LARGEST: usize = 64 << 20;

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
    /// Reads the report of `run_id` from S3's answer, and no more of it than may be held in memory.
    ///
    /// # Errors
    /// As [`Report::of`]; also if the answer breaks off, or is larger than a report may be.
    pub async fn read(run_id: &str, body: ByteStream) -> anyhow::Result<Self> {
        Self::of(run_id, &up_to(LARGEST, body).await?)
    }

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

async fn up_to(largest: usize, mut body: ByteStream) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(part) = body.try_next().await.context("the report broke off")? {
        anyhow::ensure!(
            part.len() <= largest - bytes.len(),
            "the report is larger than {largest} bytes, which is the most that is read"
        );
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
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

    #[tokio::test]
    async fn a_report_is_read_up_to_its_limit_and_no_further() {
        let body = |length| ByteStream::from(vec![b' '; length]);
        assert_eq!(up_to(100, body(100)).await.unwrap().len(), 100);
        let error = up_to(100, body(101)).await.unwrap_err().to_string();
        assert!(error.contains("larger than 100 bytes"), "{error}");
        // Of the real limit, and before anything is made of the bytes.
        let error = Report::read("jr_1", body(LARGEST + 1)).await.unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }

    #[test]
    fn a_report_nested_without_end_is_refused_and_ends_no_process() {
        let nested = format!(r#"{{"run_id":"jr_1","x":{}"#, "[".repeat(1 << 20));
        assert!(Report::of("jr_1", nested.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn a_report_with_a_bit_flipped_or_cut_off_makes_nothing_panic(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let whole = br#"{"run_id":"jr_1","seconds":8.25,"datasets":[{"dataset":"a","records_in":1,"tables":["t"]}],"files":[{"file_id":"b/k#v","quarantined":1}]}"#;
            let at = at.index(whole.len());
            prop_assert!(Report::of("jr_1", &whole[..at]).is_err());
            let mut flipped = whole.to_vec();
            flipped[at] ^= 1 << bit;
            if let Ok(report) = Report::of("jr_1", &flipped) {
                prop_assert_eq!(report.run_id, "jr_1");
            }
        }

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
