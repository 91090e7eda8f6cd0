use super::*;
use crate::runs::tests::run;

fn now() -> Timestamp {
    "2025-11-26T12:00:00Z".parse().unwrap()
}

fn queue(name: &str, dead: bool, waiting: u64) -> Queue {
    Queue {
        name: name.to_owned(),
        dead,
        waiting,
        in_flight: 0,
        url: String::new(),
        arn: String::new(),
    }
}

fn stage(stage: Stage) -> StageStatus {
    StageStatus {
        stage,
        job: format!("glue-{stage}"),
        open: OpenWork::default(),
        running: vec![],
        last: Some(run(stage, "jr_last", "SUCCEEDED", Some("COMMITTED"))),
    }
}

fn fridays() -> Schedule {
    Schedule {
        name: "friday".to_owned(),
        expression: "cron(0 12 ? * FRI *)".to_owned(),
        timezone: "UTC".to_owned(),
        enabled: true,
        next_at: Some("2025-11-28T12:00:00Z".parse().unwrap()),
        due_at: Some("2025-11-21T12:00:00Z".parse().unwrap()),
    }
}

fn quiet() -> Status {
    Status {
        environment: "dev".to_owned(),
        at: now(),
        queues: vec![queue("landing", false, 3), queue("dlq", true, 0)],
        stages: Stage::ALL.map(stage).to_vec(),
        schedule: fridays(),
        problems: vec![],
    }
}

fn found(change: impl Fn(&mut Status)) -> Vec<(&'static str, String)> {
    let mut status = quiet();
    change(&mut status);
    let settings = Settings::of(Environment::Dev);
    problems(
        &status.queues,
        &status.stages,
        &status.schedule,
        &settings,
        now(),
    )
    .into_iter()
    .map(|problem| (problem.kind, problem.what))
    .collect()
}

fn only(change: impl Fn(&mut Status)) -> (&'static str, String) {
    let mut problems = found(change);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn a_pipeline_with_messages_in_its_queue_and_good_runs_is_well() {
    assert_eq!(found(|_| ()), []);
    assert_eq!(answer(&quiet()).unwrap().exit, Exit::Fine);
}

#[test]
fn a_dead_letter_is_a_problem_and_a_waiting_file_is_none() {
    let (kind, what) = only(|status| status.queues[1].waiting = 2);
    assert_eq!(
        (kind, what.as_str()),
        ("dead_letters", "dlq holds 2 messages")
    );
    // One that somebody is just looking at is still there.
    assert_eq!(
        only(|status| status.queues[1].in_flight = 1).0,
        "dead_letters"
    );
}

#[test]
fn work_is_late_once_it_has_waited_for_longer_than_its_stage_may() {
    let waits = |stage: usize, since: &str| {
        let since: Timestamp = since.parse().unwrap();
        found(move |status| status.stages[stage].open.oldest_at = Some(since))
    };
    assert_eq!(waits(0, "2025-11-26T06:00:00Z"), []);
    let (kind, what) = &waits(0, "2025-11-26T05:59:59Z")[0];
    assert_eq!(*kind, "late");
    assert!(what.contains("Glue 1 has waited for 6 h"), "{what}");
    assert_eq!(waits(1, "2025-11-22T05:59:59Z"), []);
    assert_eq!(waits(2, "2025-11-26T05:59:59Z").len(), 1);
}

#[test]
fn the_schedule_is_missed_if_there_was_work_and_no_run_has_begun() {
    let since = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let work = |status: &mut Status| {
        status.stages[1].open.oldest_at = since("2025-11-21T11:30:00Z");
        status.stages[1].last = None;
    };
    let (kind, what) = only(work);
    assert_eq!(kind, "late");
    assert!(what.contains("due at 2025-11-21T12:00:00Z"), "{what}");
    let after = |status: &mut Status| {
        work(status);
        status.stages[1].open.oldest_at = since("2025-11-21T12:30:00Z");
    };
    assert_eq!(found(after), []);
    let came = |status: &mut Status| {
        work(status);
        let mut alive = run(Stage::Classify, "jr_a", "RUNNING", Some("STARTED"));
        alive.started_at = since("2025-11-21T12:00:01Z");
        status.stages[1].running = vec![alive];
    };
    assert_eq!(found(came), []);
    let off = |status: &mut Status| {
        work(status);
        status.schedule.due_at = None;
    };
    assert_eq!(found(off), []);
}

#[test]
fn the_last_run_that_failed_is_told_with_its_reason() {
    let (kind, what) = only(|status| {
        let mut last = run(Stage::Conform, "jr_f", "TIMEOUT", Some("VOID"));
        last.message = "took too long\nmore".to_owned();
        status.stages[2].last = Some(last);
    });
    assert_eq!(kind, "failed");
    assert_eq!(
        what,
        "the last run of Glue 3, jr_f, ended TIMEOUT: took too long"
    );
}

#[test]
fn people_see_queues_stages_schedule_and_problems() {
    let mut status = quiet();
    status.stages[0].open = OpenWork {
        waiting: 12,
        held: 3,
        files: Some(15),
        oldest_at: Some("2025-11-26T11:30:00Z".parse().unwrap()),
        more: true,
    };
    status.problems = vec![Problem {
        kind: "late",
        what: "work".to_owned(),
    }];
    let text = style::plain(&render(&status));
    let row = text
        .lines()
        .find(|line| line.starts_with("1 glue-1"))
        .unwrap();
    let cells: Vec<&str> = row
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(cells[1..5], ["12+", "3", "15+", "30 min"]);
    assert!(
        text.contains("next at 2025-11-28T12:00:00Z (in 2 d;"),
        "{text}"
    );
    assert!(text.ends_with("\nlate work"), "{text}");
    let json = answer(&status).unwrap();
    assert_eq!(json.exit, Exit::Bad);
    assert_eq!(json.json["stages"][0]["open"]["waiting"], 12);
    assert_eq!(json.json["problems"][0]["kind"], "late");
    assert!(json.json["queues"][0].get("url").is_none());
}
