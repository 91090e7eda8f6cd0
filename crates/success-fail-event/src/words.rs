//! Numbers, durations, tables and links as people read them.

use std::fmt::Write as _;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a piece of a URL as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// `1234567` as `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Seconds as `8.4 s`, `3 min 12 s` or `2 h 5 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    // A run of a Glue job lasts days at most.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A moment to the second, in UTC.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// At most `limit` characters; what is cut off is shown by three dots.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// An SNS subject: at most 100 characters of printable ASCII.
#[must_use]
pub fn subject(text: &str) -> String {
    let ascii: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect();
    cut(ascii.trim(), 100)
}

/// A plain-text table: the first column to the left, the others to the right, indented by two.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String can't fail.
            let _ = if at == 0 {
                write!(line, "  {cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The run's page in the AWS console.
#[must_use]
pub fn run_link(region: &str, job: &str, run_id: &str) -> String {
    format!(
        "https://{region}.console.aws.amazon.com/gluestudio/home?region={region}#/job/{}/run/{}",
        encoded(job),
        encoded(run_id)
    )
}

/// The run's log of errors. The log groups are the job's own, set by Terraform (`glue_job` module);
/// Glue names the streams in them after the run.
#[must_use]
pub fn log_link(region: &str, job: &str, run_id: &str) -> String {
    // The console wants names encoded twice, with `$` for the second `%`.
    let twice = |text: &str| encoded(&encoded(text)).replace('%', "$");
    let filter = encoded(&format!("?logStreamNameFilter={}", encoded(run_id))).replace('%', "$");
    format!(
        "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}{filter}",
        twice(&format!("/aws-glue/jobs/{job}/error"))
    )
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2_000, "row"), "2,000 rows");
        assert_eq!(counted(0, "file"), "0 files");
    }

    #[test]
    fn durations_are_as_exact_as_they_matter() {
        for (seconds, text) in [
            (0.0, "0.0 s"),
            (8.44, "8.4 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min 0 s"),
            (192.0, "3 min 12 s"),
            (7_500.0, "2 h 5 min"),
            (-1.0, "unknown"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn moments_are_told_to_the_second() {
        let at = "2025-11-21T11:00:03.123Z".parse().unwrap();
        assert_eq!(moment(at), "2025-11-21 11:00:03 UTC");
    }

    #[test]
    fn a_subject_is_short_and_plain() {
        assert_eq!(subject(" caf\u{e9}\nx "), "caf??x");
        let long = subject(&"a".repeat(101));
        assert_eq!(long.len(), 100);
        assert!(long.ends_with("a..."));
        assert_eq!(subject(&"a".repeat(100)), "a".repeat(100));
    }

    #[test]
    fn a_table_is_aligned() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(&[
            row(["dataset", "rows", ""]),
            row(["caf\u{e9}", "1,000", "x"]),
        ]);
        assert_eq!(text, "  dataset   rows\n  caf\u{e9}     1,000  x\n");
    }

    #[test]
    fn links_lead_to_the_run_and_its_log() {
        assert_eq!(
            run_link("us-east-1", "glue-2-dev", "jr_1"),
            "https://us-east-1.console.aws.amazon.com/gluestudio/home?region=us-east-1#/job/glue-2-dev/run/jr_1"
        );
        assert_eq!(
            log_link("us-east-1", "glue-2-dev", "jr_1"),
            "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Faws-glue$252Fjobs$252Fglue-2-dev$252Ferror$3FlogStreamNameFilter$3Djr_1"
        );
    }
}
