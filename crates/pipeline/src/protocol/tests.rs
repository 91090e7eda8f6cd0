use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;

/// The tables that the job library is held to as well.
fn table<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/decisions")
        .join(name);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<T> = serde_json::from_str(&text).unwrap();
    assert!(rows.len() > 10, "{name} is no table");
    rows
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakeRow {
    name: String,
    me: String,
    item: Option<ItemRow>,
    holder: Option<HolderRow>,
    holder_lists_item: Option<bool>,
    holder_ended: Option<bool>,
    expect: Take,
}

#[derive(Deserialize)]
struct ItemRow {
    kind: String,
    state: Option<RunState>,
    assigned_to: Option<String>,
}

#[derive(Deserialize)]
struct HolderRow {
    run_id: String,
    state: RunState,
}

impl ItemRow {
    fn item(&self) -> Item<'_> {
        let assigned_to = self.assigned_to.as_deref();
        match (self.kind.as_str(), self.state) {
            ("FILE", None) => Item::File { assigned_to },
            ("RUN", Some(state)) => Item::Run { state, assigned_to },
            other => panic!("no such item: {other:?}"),
        }
    }
}

#[test]
fn what_a_run_does_about_a_marked_item_is_as_the_table_says() {
    for row in table::<TakeRow>("take.json") {
        let item = row.item.as_ref().map(ItemRow::item);
        let holder = row.holder.as_ref().map(|holder| Holder {
            run_id: &holder.run_id,
            state: holder.state,
        });
        let decision = decide_take(
            &row.me,
            item.as_ref(),
            holder.as_ref(),
            row.holder_lists_item,
            row.holder_ended,
        );
        assert_eq!(decision, row.expect, "{}", row.name);
    }
}

#[test]
fn the_table_has_each_decision() {
    let rows = table::<TakeRow>("take.json");
    for decision in [
        Take::Skip,
        Take::DropMarker,
        Take::Take,
        Take::TakeOver,
        Take::VoidHolder,
        Take::Held,
    ] {
        assert!(
            rows.iter().any(|row| row.expect == decision),
            "{decision:?}"
        );
    }
}

#[derive(Deserialize)]
struct DatasetRow {
    name: String,
    key: String,
    prefix: String,
    expect: Option<String>,
}

#[test]
fn a_keys_dataset_is_as_the_table_says() {
    for row in table::<DatasetRow>("dataset.json") {
        assert_eq!(
            dataset_of(&row.key, &row.prefix),
            row.expect,
            "{}",
            row.name
        );
    }
}

#[derive(Deserialize)]
struct FileIdRow {
    name: String,
    bucket: String,
    key: String,
    version_id: String,
    expect: String,
    pk: String,
    marker: MarkerRow,
}

#[derive(Deserialize)]
struct MarkerRow {
    pk: String,
    sk: String,
}

#[test]
fn a_files_identity_and_marker_are_as_the_table_says() {
    for row in table::<FileIdRow>("file_id.json") {
        let id = file_id(&row.bucket, &row.key, &row.version_id);
        assert_eq!(id, row.expect, "{}", row.name);
        assert_eq!(file_pk(&id), row.pk, "{}", row.name);
        let parts = (
            row.bucket.as_str(),
            row.key.as_str(),
            row.version_id.as_str(),
        );
        assert_eq!(split_file_id(&id), Some(parts), "{}", row.name);
        let marker = marker(Stage::Ingest, &row.pk);
        assert_eq!(
            (marker.pk, marker.sk),
            (row.marker.pk, row.marker.sk),
            "{}",
            row.name
        );
    }
}

#[test]
fn a_marker_fits_a_sort_key_whatever_the_items_key() {
    let key = marker(
        Stage::Ingest,
        &file_pk(&file_id("b", &"k".repeat(1024), &"v".repeat(1024))),
    );
    assert_eq!(key.sk.len(), 64);
    assert_eq!(key.pk, format!("OPEN#1#{}", &key.sk[..1]));
}

#[test]
fn stages_spread_over_all_shards() {
    let shards: std::collections::BTreeSet<char> = (0..400)
        .map(|n| shard_of(&run_pk(Stage::Ingest, &format!("jr_{n}"))))
        .collect();
    assert!(shards.iter().eq(SHARDS.iter()));
}

#[test]
fn partition_keys_are_read_back() {
    assert_eq!(
        ItemKey::parse(&file_pk("b/k#v")),
        Some(ItemKey::File("b/k#v"))
    );
    let run = run_pk(Stage::Classify, "jr_1");
    assert_eq!(run, "RUN#2#jr_1");
    assert_eq!(
        ItemKey::parse(&run),
        Some(ItemKey::Run(Stage::Classify, "jr_1"))
    );
    for other in [
        "",
        "RUN#4#jr",
        "RUN#2#",
        "RUN#2",
        "RUN#x#jr",
        "OPEN#1#0",
        "CURSOR#landing",
    ] {
        assert_eq!(ItemKey::parse(other), None, "{other}");
    }
}

#[test]
fn a_moment_is_written_with_milliseconds_and_in_an_order_that_sorts() {
    let moment: Timestamp = "2026-11-23T12:00:00.5Z".parse().unwrap();
    assert_eq!(iso(moment), "2026-11-23T12:00:00.500Z");
    let whole: Timestamp = "2026-11-23T12:00:01Z".parse().unwrap();
    assert_eq!(iso(whole), "2026-11-23T12:00:01.000Z");
    assert!(iso(moment) < iso(whole));
}

const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_mins(minutes)
}

/// What a deployment waits by default.
fn patience() -> Patience {
    use jiff::SignedDuration;
    Patience {
        event_grace: SignedDuration::from_mins(3),
        landing_grace: SignedDuration::from_mins(6),
        telling_lease: SignedDuration::from_mins(5),
        schedule_grace: SignedDuration::from_mins(30),
        stale_marker_age: SignedDuration::from_hours(24),
        first_pause: SignedDuration::from_mins(5),
        longest_pause: SignedDuration::from_mins(60),
    }
}

fn record(state: RunState) -> RunRecord {
    RunRecord {
        state,
        told: false,
        telling_at: None,
        cleaned: false,
    }
}

#[test]
fn a_started_run_that_ended_is_void_at_once_and_told_after_the_grace() {
    let started = record(RunState::Started);
    let fresh = upkeep_of_ended(
        Stage::Ingest,
        Some(&started),
        Some(ago(1)),
        now(),
        &patience(),
    );
    assert_eq!(
        fresh,
        Upkeep {
            settle: Some(Settle::Void),
            resend: None
        }
    );
    let later = upkeep_of_ended(
        Stage::Ingest,
        Some(&started),
        Some(ago(4)),
        now(),
        &patience(),
    );
    assert_eq!(
        later,
        Upkeep {
            settle: Some(Settle::Void),
            resend: Some(Resend::AsItEnded)
        }
    );
}

#[test]
fn a_run_without_an_item_is_recorded_and_told_after_the_grace() {
    assert_eq!(
        upkeep_of_ended(Stage::Conform, None, Some(ago(1)), now(), &patience()),
        Upkeep::default()
    );
    let expected = Upkeep {
        settle: Some(Settle::NeverStarted),
        resend: Some(Resend::AsItEnded),
    };
    assert_eq!(
        upkeep_of_ended(Stage::Conform, None, Some(ago(3)), now(), &patience()),
        expected
    );
    assert_eq!(
        upkeep_of_ended(Stage::Conform, None, None, now(), &patience()),
        expected
    );
}

#[test]
fn a_committed_run_that_nobody_was_told_of_is_told_as_it_ended() {
    let committed = record(RunState::Committed);
    let upkeep = upkeep_of_ended(
        Stage::Ingest,
        Some(&committed),
        Some(ago(9)),
        now(),
        &patience(),
    );
    assert_eq!(
        upkeep,
        Upkeep {
            settle: None,
            resend: Some(Resend::AsItEnded)
        }
    );
    // Stage 2 too, before its cleaning: a run that failed after its commit still gets its ticket.
    let upkeep = upkeep_of_ended(
        Stage::Classify,
        Some(&committed),
        Some(ago(9)),
        now(),
        &patience(),
    );
    assert_eq!(upkeep.resend, Some(Resend::AsItEnded));
}

#[test]
fn a_run_that_somebody_is_telling_of_is_left_alone_for_the_lease() {
    let telling = RunRecord {
        telling_at: Some(ago(4)),
        ..record(RunState::Void)
    };
    assert_eq!(
        upkeep_of_ended(
            Stage::Ingest,
            Some(&telling),
            Some(ago(9)),
            now(),
            &patience()
        )
        .resend,
        None
    );
    let lapsed = RunRecord {
        telling_at: Some(ago(5)),
        ..telling
    };
    let upkeep = upkeep_of_ended(
        Stage::Ingest,
        Some(&lapsed),
        Some(ago(9)),
        now(),
        &patience(),
    );
    assert_eq!(upkeep.resend, Some(Resend::AsItEnded));
}

#[test]
fn only_a_committed_stage_2_run_that_is_told_and_not_cleaned_is_sent_again_as_succeeded() {
    for stage in Stage::ALL {
        for state in [RunState::Committed, RunState::Void] {
            for cleaned in [false, true] {
                let record = RunRecord {
                    told: true,
                    cleaned,
                    ..record(state)
                };
                let upkeep =
                    upkeep_of_ended(stage, Some(&record), Some(ago(60)), now(), &patience());
                let wanted = stage == Stage::Classify && state == RunState::Committed && !cleaned;
                let resend = wanted.then_some(Resend::AsSucceeded);
                assert_eq!(
                    upkeep,
                    Upkeep {
                        settle: None,
                        resend
                    },
                    "{stage} {state} {cleaned}"
                );
                let fresh = upkeep_of_ended(stage, Some(&record), Some(ago(2)), now(), &patience());
                assert_eq!(fresh, Upkeep::default(), "{stage} {state} {cleaned}");
            }
        }
    }
}

#[test]
fn a_run_is_settled_once_it_is_over_and_told_and_in_stage_2_cleaned_up_after() {
    for stage in Stage::ALL {
        for state in [RunState::Started, RunState::Committed, RunState::Void] {
            for (told, cleaned) in [(false, false), (false, true), (true, false), (true, true)] {
                let record = RunRecord {
                    told,
                    cleaned,
                    ..record(state)
                };
                let to_clean = (stage, state) == (Stage::Classify, RunState::Committed) && !cleaned;
                let expected = state != RunState::Started && told && !to_clean;
                assert_eq!(record.is_settled(stage), expected, "{stage} {record:?}");
                let needs = upkeep_of_ended(stage, Some(&record), None, now(), &patience());
                assert_eq!(needs == Upkeep::default(), expected, "{stage} {record:?}");
            }
        }
    }
}

#[test]
fn runs_that_commit_nothing_come_ever_more_slowly_but_the_second_at_once() {
    let minutes: Vec<i64> = (0..8)
        .map(|runs| patience().pause_after(runs).as_mins())
        .collect();
    assert_eq!(minutes, [0, 0, 5, 10, 20, 40, 60, 60]);
    let long_enough = patience().pause_after(usize::MAX);
    assert_eq!(long_enough, patience().longest_pause);
    let quick = Patience {
        first_pause: jiff::SignedDuration::from_secs(1),
        longest_pause: jiff::SignedDuration::from_secs(2),
        ..patience()
    };
    let seconds: Vec<i64> = (0..6)
        .map(|runs| quick.pause_after(runs).as_secs())
        .collect();
    assert_eq!(seconds, [0, 0, 1, 2, 2, 2]);
}

#[test]
fn a_run_counts_as_ended_only_if_that_is_certain() {
    assert_eq!(has_ended(Phase::Ended, None, now()), Some(true));
    assert_eq!(
        has_ended(Phase::Alive, Some(ago(1_000_000)), now()),
        Some(false)
    );
    assert_eq!(has_ended(Phase::Unknown, None, now()), None);
    assert_eq!(
        has_ended(Phase::Unknown, Some(ago(7 * 24 * 60)), now()),
        None
    );
    assert_eq!(
        has_ended(Phase::Unknown, Some(ago(7 * 24 * 60 + 1)), now()),
        Some(true)
    );
}

#[test]
fn a_marked_item_asks_for_a_run_if_a_run_would_change_something_about_it() {
    let open = Item::File { assigned_to: None };
    let held = Item::File {
        assigned_to: Some("h"),
    };
    let holder = |state| Holder { run_id: "h", state };
    assert!(asks_for_run(Some(&open), None, None));
    assert!(!asks_for_run(None, None, None));
    assert!(!asks_for_run(Some(&held), None, Some(true)));
    assert!(!asks_for_run(
        Some(&held),
        Some(&holder(RunState::Started)),
        None
    ));
    assert!(!asks_for_run(
        Some(&held),
        Some(&holder(RunState::Started)),
        Some(false)
    ));
    assert!(asks_for_run(
        Some(&held),
        Some(&holder(RunState::Started)),
        Some(true)
    ));
    assert!(asks_for_run(
        Some(&held),
        Some(&holder(RunState::Void)),
        None
    ));
    assert!(asks_for_run(
        Some(&held),
        Some(&holder(RunState::Committed)),
        None
    ));
    let stranger = Holder {
        run_id: "i",
        state: RunState::Void,
    };
    assert!(!asks_for_run(Some(&held), Some(&stranger), None));
    for (state, expected) in [
        (RunState::Started, false),
        (RunState::Void, false),
        (RunState::Committed, true),
    ] {
        let run = Item::Run {
            state,
            assigned_to: None,
        };
        assert_eq!(asks_for_run(Some(&run), None, None), expected, "{state}");
    }
}

#[test]
fn a_marker_is_stale_after_a_day_and_a_full_listing_that_began_after_it() {
    let day = 24 * 60;
    assert!(is_stale(ago(day + 1), Some(ago(60)), now(), &patience()));
    assert!(!is_stale(ago(day - 1), Some(ago(60)), now(), &patience()));
    assert!(!is_stale(ago(day + 1), None, now(), &patience()));
    assert!(!is_stale(
        ago(day + 1),
        Some(ago(day + 2)),
        now(),
        &patience()
    ));
    // A file that landed with the marker may have been too young for a pass that began so soon.
    assert!(!is_stale(
        ago(day + 30),
        Some(ago(day + 30)),
        now(),
        &patience()
    ));
    assert!(!is_stale(
        ago(day + 30),
        Some(ago(day + 18)),
        now(),
        &patience()
    ));
    assert!(is_stale(
        ago(day + 30),
        Some(ago(day + 17)),
        now(),
        &patience()
    ));
}

fn fridays(timezone: &str) -> WeeklySchedule {
    WeeklySchedule {
        weekday: Weekday::Friday,
        time: time(12, 0, 0, 0),
        timezone: TimeZone::get(timezone).unwrap(),
    }
}

#[test]
fn the_next_due_moment_is_the_first_one_that_is_still_to_come() {
    let next = |at: &str| {
        fridays("Europe/Berlin")
            .next_due(at.parse().unwrap())
            .unwrap()
            .to_string()
    };
    for (at, due) in [
        ("2025-11-19T09:00:00Z", "2025-11-21T11:00:00Z"),
        ("2025-11-21T10:59:59Z", "2025-11-21T11:00:00Z"),
        ("2025-11-21T11:00:00Z", "2025-11-28T11:00:00Z"),
        ("2025-11-21T18:00:00Z", "2025-11-28T11:00:00Z"),
        ("2025-11-22T00:00:00Z", "2025-11-28T11:00:00Z"),
        // Summer time begins in between.
        ("2026-03-28T12:00:00Z", "2026-04-03T10:00:00Z"),
    ] {
        assert_eq!(next(at), due, "{at}");
    }
}

#[test]
fn the_last_due_moment_is_at_least_half_an_hour_ago() {
    let due = |at: &str| {
        fridays("UTC")
            .last_due(at.parse().unwrap(), &patience())
            .unwrap()
            .to_string()
    };
    assert_eq!(due("2026-11-27T12:29:59Z"), "2026-11-20T12:00:00Z");
    assert_eq!(due("2026-11-27T12:30:00Z"), "2026-11-27T12:00:00Z");
    assert_eq!(due("2026-12-03T23:59:59Z"), "2026-11-27T12:00:00Z");
    assert_eq!(due("2026-11-23T12:00:00Z"), "2026-11-20T12:00:00Z");
}

#[test]
fn the_schedule_keeps_its_hour_through_the_change_of_the_clocks() {
    let berlin = fridays("Europe/Berlin");
    let due = |at: &str| {
        berlin
            .last_due(at.parse().unwrap(), &patience())
            .unwrap()
            .to_string()
    };
    assert_eq!(due("2026-10-24T00:00:00Z"), "2026-10-23T10:00:00Z");
    assert_eq!(due("2026-10-31T00:00:00Z"), "2026-10-30T11:00:00Z");
    // 12:30 in Berlin, half past eleven in UTC.
    assert_eq!(due("2026-11-27T11:30:00Z"), "2026-11-27T11:00:00Z");
}

#[test]
fn weekdays_are_spelled_as_in_schedules() {
    assert_eq!(parse_weekday("FRI"), Some(Weekday::Friday));
    assert_eq!(parse_weekday("sun"), Some(Weekday::Sunday));
    assert_eq!(parse_weekday("friday"), None);
    assert_eq!(parse_weekday(""), None);
}

proptest! {
    #[test]
    fn a_file_id_comes_apart_as_it_was_put_together(
        bucket in "[a-z0-9.-]{3,63}", key in "\\PC{1,80}", version in "[A-Za-z0-9._-]{1,40}",
    ) {
        let id = file_id(&bucket, &key, &version);
        prop_assert_eq!(split_file_id(&id), Some((bucket.as_str(), key.as_str(), version.as_str())));
    }

    #[test]
    fn a_dataset_is_always_a_table_name(key in "(?s).{0,300}", prefix in prop_oneof![Just(""), Just("a"), Just("tui/legacy/")]) {
        let key = format!("{prefix}{key}");
        if let Some(name) = dataset_of(&key, prefix) {
            prop_assert!(!name.is_empty() && name.len() <= 240);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            prop_assert!(name != "secured" && name.bytes().any(|b| b != b'_'));
        }
    }

    #[test]
    fn no_partition_key_makes_the_parser_panic(pk in "\\PC{0,60}") {
        let _ = ItemKey::parse(&pk);
        let _ = split_file_id(&pk);
    }

    #[test]
    fn the_last_due_moment_is_within_eight_days(seconds in 1_500_000_000_i64..2_500_000_000) {
        let now = Timestamp::from_second(seconds).unwrap();
        for timezone in ["Europe/Berlin", "America/New_York", "Asia/Kolkata"] {
            let due = fridays(timezone).last_due(now, &patience()).unwrap();
            let age = now.duration_since(due);
            prop_assert!(age >= patience().schedule_grace && age < SignedDuration::from_hours(8 * 24));
            prop_assert_eq!(due.to_zoned_datetime(TimeZone::get(timezone).unwrap()).weekday(), Weekday::Friday);
        }
    }
}
