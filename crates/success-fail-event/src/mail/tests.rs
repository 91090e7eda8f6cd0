use super::*;
use crate::report::File;
use crate::sample::{about, change, run};

fn dataset(name: &str, rows: u64, quarantined: u64) -> Dataset {
    Dataset {
        dataset: Some(name.to_owned()),
        files: 2,
        records_in: rows + quarantined,
        records_out: rows,
        quarantined,
        legacy: rows - 1,
        secured: 1,
        ..Dataset::default()
    }
}

fn report(datasets: Vec<Dataset>) -> Report {
    Report {
        run_id: "jr_1".to_owned(),
        seconds: 192.4,
        datasets,
        files: Vec::new(),
    }
}

#[test]
fn a_mail_of_success_reads_like_this() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Classify));
    let report = report(vec![
        dataset("bookings", 1_234_567, 2),
        dataset("crew_payroll", 8, 0),
    ]);
    let message = success(&about(&change, &run), Some(&report));
    assert_eq!(
        message.subject,
        "[dev] Glue 2 (classify) OK: 1,234,575 rows in 2 datasets, 2 QUARANTINED"
    );
    assert_eq!(
        message.body,
        "\
Glue 2 (classify) succeeded: its work is committed.

*** 2 rows in quarantine. Nothing is lost, but somebody should look why.

  job         glue-x-dev
  run         jr_1
  started by  schedule 2025-11-21T11:00:00Z
  started     2025-11-21 11:00:03 UTC
  duration    3 min 12 s

  dataset         rows in     legacy  secured  quarantined
  bookings      1,234,569  1,234,566        1            2
  crew_payroll          8          7        1            0
  total         1,234,577  1,234,573        2            2

Run:    https://us-east-1.console.aws.amazon.com/gluestudio/home?region=us-east-1#/job/glue-x-dev/run/jr_1
Report: s3://state/reports/r.json
"
    );
}

#[test]
fn each_stage_shows_the_numbers_that_it_knows() {
    for (stage, headings) in [
        (Stage::Ingest, "files rows in rows out quarantined"),
        (Stage::Classify, "rows in legacy secured quarantined"),
        (Stage::Conform, "rows in rows out superseded quarantined"),
    ] {
        let (change, run) = (change("SUCCEEDED", ""), run(stage));
        let message = success(
            &about(&change, &run),
            Some(&report(vec![dataset("a", 1, 0)])),
        );
        let line = message
            .body
            .lines()
            .find(|line| line.contains("dataset "))
            .unwrap();
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        assert_eq!(words.join(" "), headings);
        assert!(
            !message.body.contains("total"),
            "one dataset needs no total"
        );
        assert!(!message.body.contains("***") && !message.subject.contains("QUARANTINED"));
    }
}

#[test]
fn quarantined_files_are_named_up_to_a_limit() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Ingest));
    let mut report = report(vec![dataset("a", 1, 12)]);
    report.files = (0..12)
        .map(|n| File {
            file_id: format!("b/k{n}#v"),
            quarantined: 1,
        })
        .collect();
    report.files.push(File {
        file_id: "b/good#v".to_owned(),
        quarantined: 0,
    });
    let body = success(&about(&change, &run), Some(&report)).body;
    assert!(
        body.contains("***   b/k9#v: 1 row\n***   and 2 more files\n"),
        "{body}"
    );
    assert!(!body.contains("k10") && !body.contains("good"), "{body}");
}

#[test]
fn very_many_datasets_are_summed_up() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Ingest));
    let datasets = (0..105).map(|n| dataset(&format!("d{n}"), 1, 0)).collect();
    let body = success(&about(&change, &run), Some(&report(datasets))).body;
    assert!(
        body.contains("  d99 ") && !body.contains("  d100 "),
        "{body}"
    );
    assert!(body.contains("(5 more)"), "{body}");
    let total = body.lines().find(|line| line.contains("total")).unwrap();
    assert_eq!(
        total.split_whitespace().collect::<Vec<_>>(),
        ["total", "210", "105", "105", "0"]
    );
}

#[test]
fn a_long_name_is_cut_in_the_table_and_given_in_full_below_it() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Ingest));
    let (fits, long) = ("f".repeat(40), "l".repeat(200));
    let datasets = vec![dataset(&fits, 1, 0), dataset(&long, 1, 0)];
    let body = success(&about(&change, &run), Some(&report(datasets))).body;
    let table: Vec<_> = body
        .lines()
        .filter(|line| line.starts_with("  ff") || line.starts_with("  ll"))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    let cut = format!("{}...", "l".repeat(37));
    assert_eq!(table, [&*fits, &*cut, &*long], "{body}");
    assert!(
        body.contains(&format!("cut above, in full:\n  {long}\n\nRun: ")),
        "{body}"
    );
}

#[test]
fn files_without_a_dataset_are_called_that() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Ingest));
    for name in [None, Some("_none".to_owned())] {
        let row = Dataset {
            dataset: name,
            ..dataset("", 1, 0)
        };
        let body = success(&about(&change, &run), Some(&report(vec![row]))).body;
        assert!(body.contains("  (no dataset)  "), "{body}");
    }
}

#[test]
fn without_a_report_the_mail_says_so() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Conform));
    let message = success(&about(&change, &run), None);
    assert_eq!(message.subject, "[dev] Glue 3 (conform) OK");
    assert!(
        message.body.contains("report could not be read"),
        "{}",
        message.body
    );
}

#[test]
fn a_week_without_work_is_told_in_words() {
    let (change, run) = (change("SUCCEEDED", ""), run(Stage::Classify));
    let message = nothing_to_classify(&about(&change, &run));
    assert_eq!(
        message.subject,
        "[dev] Glue 2 (classify): nothing to classify"
    );
    assert!(
        message.body.contains("schedule 2025-11-21T11:00:00Z"),
        "{}",
        message.body
    );
}
