use std::collections::BTreeMap;

use jiff::SignedDuration;
use pipeline::ledger::{FileItem, LedgerItem};
use pipeline::protocol::{iso, marker};

use super::*;

fn config() -> Config {
    Config::from_lookup(|name| {
        let value = match name {
            "CLASSIFY_ENABLED" => "true",
            "CLASSIFY_WEEKDAY" => "FRI",
            "CLASSIFY_TIME" => "12:00",
            "CLASSIFY_TIMEZONE" => "UTC",
            "LOOKBACK_HOURS" => "48",
            "LISTING_PAGES" => "1",
            "EVENT_GRACE_SECONDS" => "180",
            "LANDING_GRACE_SECONDS" => "360",
            "TELLING_LEASE_SECONDS" => "300",
            "SCHEDULE_GRACE_SECONDS" => "1800",
            "STALE_MARKER_SECONDS" => "86400",
            "FIRST_PAUSE_SECONDS" => "300",
            "LONGEST_PAUSE_SECONDS" => "3600",
            "INGEST_JOB" => "glue1",
            "CLASSIFY_JOB" => "glue2",
            "CONFORM_JOB" => "glue3",
            other => other,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

/// A Monday.
fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

const DAY: i64 = 24 * 60;

fn file(key: &str, assigned_to: Option<&str>) -> LedgerItem {
    LedgerItem::File(FileItem {
        bucket: "b".to_owned(),
        key: key.to_owned(),
        version_id: "v".to_owned(),
        sequencer: None,
        etag: String::new(),
        size: 1,
        dataset: None,
        landed_at: ago(60),
        assigned_to: assigned_to.map(str::to_owned),
    })
}

fn run_item(stage: Stage, run_id: &str, state: RunState) -> RunItem {
    RunItem {
        stage,
        run_id: run_id.to_owned(),
        job: String::new(),
        state,
        reason: None,
        started_by: None,
        started_at: Some(ago(30)),
        committed_at: None,
        manifest: None,
        report: None,
        counts: BTreeMap::new(),
        assigned_to: None,
        cleaned_at: None,
        telling_at: None,
        cleaning_error: None,
        cleaning_alerted_at: None,
        cleaning_told_at: None,
        alerted_at: None,
        told_at: None,
    }
}

/// One that needs nothing more.
fn settled(stage: Stage, run_id: &str) -> RunItem {
    RunItem {
        told_at: Some(ago(20)),
        cleaned_at: Some(ago(20)),
        ..run_item(stage, run_id, RunState::Committed)
    }
}

fn glue_run(run_id: &str, state: &str, ended_minutes_ago: i64) -> GlueRun {
    let state = GlueState::of(state);
    GlueRun {
        job: String::new(),
        run_id: run_id.to_owned(),
        started_at: Some(ago(ended_minutes_ago + 10)),
        ended_at: state.has_ended().then(|| ago(ended_minutes_ago)),
        started_by: None,
        message: if state == GlueState::Succeeded {
            ""
        } else {
            "boom"
        }
        .to_owned(),
        state,
    }
}

/// Facts, put together piece by piece.
#[derive(Default)]
struct Facts(Snapshot);

impl Facts {
    fn mark(self, stage: Stage, item: LedgerItem, minutes_ago: i64) -> Self {
        let pk = item.pk();
        self.mark_absent(stage, &pk, minutes_ago).item(item)
    }

    fn mark_absent(mut self, stage: Stage, pk: &str, minutes_ago: i64) -> Self {
        self.0.markers.push((
            stage,
            Marker {
                key: marker(stage, pk),
                item: pk.to_owned(),
                at: iso(ago(minutes_ago)),
            },
        ));
        self
    }

    fn item(mut self, item: LedgerItem) -> Self {
        self.0.items.insert(item.pk(), item);
        self
    }

    fn run(self, item: RunItem) -> Self {
        self.item(LedgerItem::Run(item))
    }

    fn glue(mut self, stage: Stage, run: GlueRun) -> Self {
        self.0.runs.push((stage, run));
        self
    }

    fn plan(mut self) -> Plan {
        for stage in Stage::ALL {
            self.0.settled_before.entry(stage).or_insert_with(now);
        }
        self.0.due = config().classify_due(now());
        plan(&config(), &self.0, now())
    }
}

fn resent(plan: &Plan) -> Vec<(&str, &str, String)> {
    let changes = plan.resend.iter();
    changes
        .map(|c| (c.job.as_str(), c.run_id.as_str(), c.state.to_string()))
        .collect()
}

#[test]
fn nothing_is_done_when_nothing_is_missing() {
    let facts = Facts::default()
        .run(settled(Stage::Ingest, "r1"))
        .glue(Stage::Ingest, glue_run("r1", "SUCCEEDED", 20))
        .run(settled(Stage::Classify, "r2"))
        .glue(Stage::Classify, glue_run("r2", "SUCCEEDED", 20));
    assert_eq!(facts.plan(), Plan::default());
    assert_eq!(Facts::default().plan(), Plan::default());
}

#[test]
fn open_files_start_stage_1_unless_it_runs() {
    let open = || Facts::default().mark(Stage::Ingest, file("k", None), 1);
    assert_eq!(open().plan().start, [Stage::Ingest]);
    for state in ["STARTING", "RUNNING", "WAITING", "STOPPING"] {
        let facts = open().glue(Stage::Ingest, glue_run("r", state, 0));
        assert_eq!(facts.plan(), Plan::default(), "{state}");
    }
    let other_stage_runs = open().glue(Stage::Conform, glue_run("r", "RUNNING", 0));
    assert_eq!(other_stage_runs.plan().start, [Stage::Ingest]);
    let ended = open()
        .run(settled(Stage::Ingest, "r"))
        .glue(Stage::Ingest, glue_run("r", "SUCCEEDED", 5));
    assert_eq!(ended.plan().start, [Stage::Ingest]);
}

#[test]
fn committed_stage_2_runs_start_stage_3() {
    let committed = LedgerItem::Run(settled(Stage::Classify, "r2"));
    let facts = Facts::default().mark(Stage::Conform, committed, 1);
    assert_eq!(facts.plan().start, [Stage::Conform]);
    let not_yet = LedgerItem::Run(run_item(Stage::Classify, "r2", RunState::Started));
    let facts = Facts::default()
        .mark(Stage::Conform, not_yet, 1)
        .glue(Stage::Classify, glue_run("r2", "RUNNING", 0));
    assert_eq!(facts.plan(), Plan::default());
}

#[test]
fn files_that_an_active_run_holds_start_nothing_but_those_of_a_dead_one_do() {
    let held = |state| {
        Facts::default()
            .mark(Stage::Ingest, file("k", Some("r")), 30)
            .run(RunItem {
                told_at: Some(ago(1)),
                ..run_item(Stage::Ingest, "r", state)
            })
    };
    assert_eq!(
        held(RunState::Started).plan().start,
        [],
        "not known to have ended"
    );
    let dead = held(RunState::Started)
        .glue(Stage::Ingest, glue_run("r", "FAILED", 1))
        .plan();
    assert_eq!(dead.start, [Stage::Ingest]);
    assert_eq!(dead.settle.len(), 1);
    assert_eq!(held(RunState::Void).plan().start, [Stage::Ingest]);
    // Its marker may be what a crash after the commit left behind: a run drops it.
    assert_eq!(held(RunState::Committed).plan().start, [Stage::Ingest]);
    let nobody = Facts::default().mark(Stage::Ingest, file("k", Some("r")), 30);
    assert_eq!(nobody.plan().start, [], "its holder has no item");
}

#[test]
fn a_run_that_ended_without_saying_so_is_void_at_once_and_told_after_the_grace() {
    let facts = |minutes| {
        Facts::default()
            .run(run_item(Stage::Ingest, "r", RunState::Started))
            .glue(Stage::Ingest, glue_run("r", "TIMEOUT", minutes))
            .plan()
    };
    let expected = Settlement {
        stage: Stage::Ingest,
        run_id: "r".to_owned(),
        started_at: Some(ago(11)),
        settle: Settle::Void,
    };
    assert_eq!(facts(1).settle, [expected]);
    assert_eq!(resent(&facts(1)), []);
    assert_eq!(facts(4).settle.len(), 1);
    assert_eq!(resent(&facts(4)), [("glue1", "r", "TIMEOUT".to_owned())]);
    assert_eq!(facts(4).resend[0].message, "boom");
}

#[test]
fn a_run_that_never_wrote_its_item_is_recorded_and_told() {
    for state in ["ERROR", "EXPIRED", "SUCCEEDED"] {
        let plan = Facts::default()
            .glue(Stage::Conform, glue_run("r", state, 4))
            .plan();
        assert_eq!(plan.settle[0].settle, Settle::NeverStarted, "{state}");
        assert_eq!(resent(&plan), [("glue3", "r", state.to_owned())]);
    }
    assert_eq!(
        Facts::default()
            .glue(Stage::Conform, glue_run("r", "ERROR", 2))
            .plan(),
        Plan::default()
    );
}

#[test]
fn a_running_run_is_left_alone_whatever_the_ledger_says() {
    for state in [RunState::Started, RunState::Committed, RunState::Void] {
        let facts = Facts::default()
            .run(run_item(Stage::Classify, "r", state))
            .glue(Stage::Classify, glue_run("r", "RUNNING", 0));
        assert_eq!(facts.plan(), Plan::default(), "{state}");
    }
}

#[test]
fn a_committed_stage_2_run_that_was_not_cleaned_is_told_as_it_ended_and_then_cleaned() {
    let facts = |told_at| {
        Facts::default()
            .run(RunItem {
                told_at,
                ..run_item(Stage::Classify, "r", RunState::Committed)
            })
            .glue(Stage::Classify, glue_run("r", "FAILED", 10))
            .plan()
    };
    assert_eq!(resent(&facts(None)), [("glue2", "r", "FAILED".to_owned())]);
    assert_eq!(
        resent(&facts(Some(ago(1)))),
        [("glue2", "r", "SUCCEEDED".to_owned())]
    );
}

#[test]
fn a_run_that_somebody_is_telling_of_is_not_told_of_again() {
    let telling = RunItem {
        telling_at: Some(ago(1)),
        ..run_item(Stage::Ingest, "r", RunState::Void)
    };
    let facts = Facts::default()
        .run(telling)
        .glue(Stage::Ingest, glue_run("r", "FAILED", 10));
    assert_eq!(facts.plan(), Plan::default());
}

#[test]
fn a_run_that_glue_has_forgotten_is_given_up_after_the_longest_that_a_run_can_take() {
    let facts = |days: i64| {
        let run = RunItem {
            started_at: Some(ago(days * DAY)),
            ..run_item(Stage::Ingest, "r", RunState::Started)
        };
        let mut facts = Facts::default()
            .mark(Stage::Ingest, file("k", Some("r")), 60)
            .run(run.clone());
        facts.0.unknown.push(run);
        facts.plan()
    };
    assert_eq!(facts(6), Plan::default());
    let plan = facts(8);
    assert_eq!(plan.settle[0].settle, Settle::Void);
    assert_eq!(resent(&plan), [("glue1", "r", "ERROR".to_owned())]);
    assert_eq!(plan.start, [Stage::Ingest]);
}

#[test]
fn a_stage_whose_runs_commit_nothing_is_started_ever_more_slowly() {
    // Each took ten minutes; the last ended `ended` minutes ago.
    let facts = |runs: i64, ended: i64, marked: i64| {
        let facts = Facts::default().mark(Stage::Ingest, file("k", None), marked);
        let facts = (0..runs).fold(facts, |facts, n| {
            let run_id = format!("r{n}");
            let void = RunItem {
                told_at: Some(now()),
                ..run_item(Stage::Ingest, &run_id, RunState::Void)
            };
            facts
                .run(void)
                .glue(Stage::Ingest, glue_run(&run_id, "FAILED", ended + 20 * n))
        });
        facts
            .run(settled(Stage::Ingest, "good"))
            .glue(Stage::Ingest, glue_run("good", "SUCCEEDED", 900))
    };
    let starts = |runs, ended, marked| facts(runs, ended, marked).plan().start.len();
    assert_eq!(starts(1, 0, 500), 1, "the first is followed at once");
    assert_eq!((starts(2, 4, 500), starts(2, 5, 500)), (0, 1));
    assert_eq!((starts(3, 9, 500), starts(3, 10, 500)), (0, 1));
    assert_eq!((starts(30, 59, 500), starts(30, 60, 500)), (0, 1));
    assert_eq!(
        starts(30, 1, 2),
        1,
        "what came since the last one began does not wait"
    );
    assert_eq!(starts(30, 1, 12), 0);
    let recovered = facts(2, 30, 500)
        .run(settled(Stage::Ingest, "r"))
        .glue(Stage::Ingest, glue_run("r", "SUCCEEDED", 1));
    assert_eq!(
        recovered.plan().start,
        [Stage::Ingest],
        "a commit ends the pause"
    );
}

#[test]
fn a_run_that_found_nothing_makes_no_pause_unless_it_was_started_for_work_that_was_there() {
    let starts = |started_by: &str| {
        let idle = GlueRun {
            started_by: Some(started_by.to_owned()),
            ..glue_run("idle", "SUCCEEDED", 20)
        };
        let void = |run_id| RunItem {
            told_at: Some(now()),
            ..run_item(Stage::Ingest, run_id, RunState::Void)
        };
        let facts = Facts::default()
            .mark(Stage::Ingest, file("k", None), 25)
            .run(void("idle"))
            .glue(Stage::Ingest, idle)
            .run(void("failed"))
            .glue(Stage::Ingest, glue_run("failed", "FAILED", 1));
        facts.plan().start.len()
    };
    assert_eq!(starts("copy-prefix"), 1, "one run failed: at once");
    assert_eq!(starts(FUNCTION), 0, "two runs left the work: a pause");
}

#[test]
fn a_void_runs_marker_is_dropped_and_starts_nothing() {
    let void = LedgerItem::Run(RunItem {
        told_at: Some(ago(1)),
        ..run_item(Stage::Classify, "r", RunState::Void)
    });
    let plan = Facts::default().mark(Stage::Conform, void, 1).plan();
    assert_eq!((plan.drop.len(), plan.start.len()), (1, 0));
}

#[test]
fn a_marker_without_an_item_starts_nothing_and_goes_after_a_day_and_a_full_pass() {
    let facts = |minutes, pass: Option<i64>| {
        let mut facts = Facts::default().mark_absent(Stage::Ingest, "FILE#b/k#v", minutes);
        facts.0.full_pass_started_at = pass.map(ago);
        facts.plan()
    };
    assert_eq!(facts(DAY + 30, None), Plan::default());
    assert_eq!(facts(DAY - 1, Some(10)), Plan::default());
    assert_eq!(facts(DAY + 30, Some(DAY + 40)), Plan::default());
    let plan = facts(DAY + 30, Some(10));
    assert_eq!((plan.drop.len(), plan.start.len()), (1, 0));
}

#[test]
fn stage_2_is_started_only_when_its_moment_passed_and_no_run_came() {
    // The moment was on Friday noon, three days ago.
    let open = |minutes| {
        let committed = LedgerItem::Run(settled(Stage::Ingest, "r1"));
        Facts::default().mark(Stage::Classify, committed, minutes)
    };
    assert_eq!(open(4 * DAY).plan().start, [Stage::Classify]);
    assert_eq!(
        open(2 * DAY).plan().start,
        [],
        "it became open after the moment"
    );
    let ran = |state, minutes| {
        open(4 * DAY)
            .run(settled(Stage::Classify, "r2"))
            .glue(Stage::Classify, glue_run("r2", state, minutes))
            .plan()
            .start
    };
    assert_eq!(ran("SUCCEEDED", 3 * DAY - 10), [], "it ran at the moment");
    assert_eq!(
        ran("FAILED", DAY),
        [],
        "it ran and failed: that has its ticket"
    );
    assert_eq!(ran("RUNNING", 0), []);
    assert_eq!(
        ran("SUCCEEDED", 3 * DAY + 1),
        [Stage::Classify],
        "that was before the moment"
    );
    assert_eq!(Facts::default().plan().start, []);
}

#[test]
fn the_weekly_run_is_given_half_an_hour() {
    let committed = LedgerItem::Run(settled(Stage::Ingest, "r1"));
    let snapshot = Facts::default().mark(Stage::Classify, committed, 2 * DAY).0;
    for (at, expected) in [("2026-11-27T12:29:00Z", 0), ("2026-11-27T12:30:00Z", 1)] {
        let at = at.parse().unwrap();
        let due = config().classify_due(at);
        let snapshot = Snapshot {
            due,
            ..snapshot.clone()
        };
        assert_eq!(plan(&config(), &snapshot, at).start.len(), expected, "{at}");
    }
}

#[test]
fn all_is_settled_before_the_oldest_run_that_still_needs_something() {
    let known = |facts: Facts, known: Option<i64>| {
        let mut snapshot = facts.0;
        for stage in Stage::ALL {
            snapshot.settled_before.insert(stage, now());
        }
        match known {
            Some(minutes) => snapshot
                .settled_before
                .insert(Stage::Classify, ago(minutes)),
            None => snapshot.settled_before.remove(&Stage::Classify),
        };
        plan(&config(), &snapshot, now()).settled_before
    };
    let runs = |oldest: RunItem, state| {
        Facts::default()
            .run(settled(Stage::Classify, "young"))
            .glue(Stage::Classify, glue_run("young", "SUCCEEDED", 100))
            .run(oldest)
            .glue(Stage::Classify, glue_run("old", state, 9 * DAY))
            .run(run_item(Stage::Ingest, "other", RunState::Void))
            .glue(Stage::Ingest, glue_run("other", "FAILED", 20 * DAY))
    };
    let at = |minutes| vec![(Stage::Classify, ago(minutes))];
    let settled_run = || settled(Stage::Classify, "old");
    assert_eq!(known(runs(settled_run(), "FAILED"), None), at(60));
    assert_eq!(known(runs(settled_run(), "FAILED"), Some(120)), at(60));
    assert_eq!(
        known(runs(settled_run(), "FAILED"), Some(119)),
        [],
        "seldom"
    );
    let oldest = at(9 * DAY + 10);
    assert_eq!(known(runs(settled_run(), "RUNNING"), None), oldest);
    for unsettled in [
        RunItem {
            told_at: None,
            ..settled_run()
        },
        RunItem {
            cleaned_at: None,
            ..settled_run()
        },
        RunItem {
            state: RunState::Started,
            ..settled_run()
        },
    ] {
        assert_eq!(known(runs(unsettled.clone(), "FAILED"), None), oldest);
        assert_eq!(known(runs(unsettled, "FAILED"), Some(8 * DAY)), []);
    }
    let unheard_of = Facts::default().glue(Stage::Classify, glue_run("r", "ERROR", 2 * DAY));
    assert_eq!(known(unheard_of, None), at(2 * DAY + 10));
}

#[test]
fn what_is_sought_among_the_markers_is_known_before_any_is_read() {
    let sought = |stage, snapshot: &Snapshot| sought(&config(), snapshot, stage, now());
    let mut none = Snapshot::default();
    assert_eq!(sought(Stage::Ingest, &none), Sought::Anything);
    assert_eq!(sought(Stage::Classify, &none), Sought::Nothing);
    none.due = Some(ago(60));
    assert_eq!(
        sought(Stage::Classify, &none),
        Sought::MarkedBefore(ago(60))
    );
    let active = Facts::default().glue(Stage::Conform, glue_run("r", "RUNNING", 0));
    assert_eq!(sought(Stage::Conform, &active.0), Sought::Nothing);
    let barren = Facts::default()
        .glue(Stage::Conform, glue_run("r1", "FAILED", 30))
        .glue(Stage::Conform, glue_run("r2", "FAILED", 1));
    assert_eq!(
        sought(Stage::Conform, &barren.0),
        Sought::MarkedAfter(ago(11))
    );
}
