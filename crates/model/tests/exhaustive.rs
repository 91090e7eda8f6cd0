//! Small configurations, explored whole: nothing is ever broken, and from every state all gets done.

use model::world::Faults;
use model::{Parts, Protocol, explore};

fn assert_safe(protocol: Protocol) {
    let explored = explore(protocol, 1);
    println!("{} states", explored.states);
    assert!(explored.states > 1_000, "that explores nothing");
    let broken = explored.broken.into_iter();
    let told: Vec<String> = broken
        .map(|(name, path)| format!("not so: {name}, after {path}"))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

const CRASH_AND_ZOMBIE: Faults = Faults {
    crashes: 1,
    zombies: 1,
    lost_answers: 0,
    deletions: 0,
};

#[test]
fn overlapping_runs_of_one_stage_with_a_crash_and_a_zombie_are_safe() {
    assert_safe(Protocol {
        files: 2,
        runs: &[1, 1],
        faults: CRASH_AND_ZOMBIE,
        ..Protocol::default()
    });
}

#[test]
fn doubled_events_and_lost_answers_are_safe() {
    assert_safe(Protocol {
        deliveries: 2,
        runs: &[1, 1],
        faults: Faults {
            zombies: 1,
            lost_answers: 1,
            ..Faults::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn three_runs_at_once_are_safe() {
    assert_safe(Protocol {
        runs: &[1, 1, 1],
        faults: CRASH_AND_ZOMBIE,
        ..Protocol::default()
    });
}

#[test]
fn reconcile_may_act_on_what_is_no_longer_so() {
    assert_safe(Protocol {
        runs: &[1, 1],
        faults: Faults {
            crashes: 1,
            zombies: 1,
            deletions: 1,
            ..Faults::default()
        },
        parts: Parts {
            reconcile: true,
            ..Parts::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn void_runs_and_their_markers_are_cleared_while_the_next_stage_works() {
    assert_safe(Protocol {
        runs: &[1, 1, 2],
        faults: Faults {
            zombies: 1,
            ..Faults::default()
        },
        parts: Parts {
            reconcile: true,
            ..Parts::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn cleaning_doubled_late_and_killed_half_way_deletes_only_what_was_consumed() {
    assert_safe(Protocol {
        files: 2,
        runs: &[1, 1, 2],
        faults: Faults {
            crashes: 1,
            ..Faults::default()
        },
        parts: Parts {
            cleaners: 2,
            ..Parts::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn cleaning_while_two_runs_want_the_same_input_is_safe() {
    assert_safe(Protocol {
        runs: &[1, 2, 2],
        faults: CRASH_AND_ZOMBIE,
        parts: Parts {
            cleaners: 1,
            ..Parts::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn every_ended_run_is_told_and_what_was_told_stays_true() {
    assert_safe(Protocol {
        runs: &[1, 1],
        faults: CRASH_AND_ZOMBIE,
        parts: Parts {
            tellers: 2,
            ..Parts::default()
        },
        ..Protocol::default()
    });
}

#[test]
fn a_zombie_and_its_successor_append_a_files_rows_once() {
    assert_safe(Protocol {
        runs: &[1, 2, 3, 3],
        faults: CRASH_AND_ZOMBIE,
        ..Protocol::default()
    });
}

#[test]
fn a_version_that_is_deleted_before_it_is_read_is_done_once() {
    assert_safe(Protocol {
        files: 2,
        runs: &[1, 1],
        faults: Faults {
            zombies: 1,
            deletions: 1,
            ..Faults::default()
        },
        ..Protocol::default()
    });
}
