//! Each protection taken away in turn, in the smallest configuration that shows what it is for.

use model::world::Faults;
use model::{Parts, Protection, Protocol, Rules, explore_for};

const LISTED_ONCE: &str = "an item is listed by one committed run of its stage at most";
const ONLY_COMMITTED: &str = "nothing of a run that isn't committed is read";
const DELETED_FOR_COMMITTED: &str = "temp is deleted only for a committed run of stage 2";
const STAYS_COMMITTED: &str = "a committed run stays committed";
const APPENDED_ONCE: &str = "a file's rows are appended once";
const STAYS_TRUE: &str = "what was told stays true";
const ALL_DONE: &str = "once faults stop, all that landed is done once and nothing stays open";

const CRASH_AND_ZOMBIE: Faults = Faults {
    crashes: 1,
    zombies: 1,
    lost_answers: 0,
    deletions: 0,
};

/// Takes a protection out of a configuration: the checker finds this property broken.
fn assert_breaks(protection: Protection, property: &'static str, protocol: Protocol) {
    let protocol = Protocol {
        rules: Rules::without(protection),
        ..protocol
    };
    let explored = explore_for(property, protocol, 1);
    println!("{} states", explored.states);
    let broken: Vec<&str> = explored.broken.iter().map(|(name, _)| *name).collect();
    assert!(
        broken.contains(&property),
        "without {protection:?} only this breaks: {broken:?}"
    );
}

/// Two runs of stage 1, one of which crashes and one of which goes on after it was called ended.
fn two_runs() -> Protocol {
    Protocol {
        runs: &[1, 1],
        faults: CRASH_AND_ZOMBIE,
        ..Protocol::default()
    }
}

fn two_files() -> Protocol {
    Protocol {
        files: 2,
        ..two_runs()
    }
}

fn with_telling() -> Protocol {
    Protocol {
        parts: Parts {
            tellers: 1,
            ..Parts::default()
        },
        ..two_runs()
    }
}

fn with_cleaning(runs: &'static [u8]) -> Protocol {
    Protocol {
        runs,
        faults: CRASH_AND_ZOMBIE,
        parts: Parts {
            cleaners: 1,
            ..Parts::default()
        },
        ..Protocol::default()
    }
}

fn with_reconcile(runs: &'static [u8]) -> Protocol {
    Protocol {
        runs,
        faults: CRASH_AND_ZOMBIE,
        parts: Parts {
            reconcile: true,
            ..Parts::default()
        },
        ..Protocol::default()
    }
}

fn with_table() -> Protocol {
    Protocol {
        runs: &[1, 2, 3, 3],
        faults: CRASH_AND_ZOMBIE,
        ..Protocol::default()
    }
}

macro_rules! each_protection_is_needed {
    ($($name:ident: $protection:ident in $protocol:expr => $broken:ident;)*) => {$(
        #[test]
        fn $name() {
            assert_breaks(Protection::$protection, $broken, $protocol);
        }
    )*};
}

each_protection_is_needed! {
    a_marker_written_after_its_item_loses_the_file: MarkerBeforeItem in two_runs() => ALL_DONE;
    an_item_put_without_condition_is_done_twice: FilePutIfAbsent
        in Protocol { deliveries: 2, ..two_runs() } => LISTED_ONCE;
    a_key_in_place_of_a_version_loses_the_older_version: VersionIdentity in two_files() => ALL_DONE;
    taking_without_condition_does_an_item_twice: TakeOnCondition in two_runs() => LISTED_ONCE;
    taking_what_is_not_committed_reads_what_may_never_count: OnlyCommittedTaken
        in Protocol { runs: &[1, 2], ..two_runs() } => ONLY_COMMITTED;
    taking_over_without_giving_up_the_holder_does_an_item_twice: VoidBeforeTakeOver
        in two_runs() => LISTED_ONCE;
    giving_up_without_condition_undoes_a_commit: VoidOnCondition in two_runs() => STAYS_COMMITTED;
    committing_without_condition_does_an_item_twice: CommitOnCondition
        in two_runs() => LISTED_ONCE;
    marking_the_next_stage_after_the_commit_loses_the_run: NextMarkerBeforeCommit
        in two_runs() => ALL_DONE;
    dropping_markers_before_the_commit_loses_items: MarkersDroppedAfterCommit
        in two_runs() => ALL_DONE;
    dropping_markers_after_a_refused_commit_loses_items: MarkersKeptOnRefusal
        in two_runs() => ALL_DONE;
    ignoring_the_left_overs_of_a_committed_run_loses_items: LeftOversOfCommittedTaken
        in Protocol { faults: Faults { lost_answers: 1, ..Faults::default() }, ..two_files() } => ALL_DONE;
    keeping_a_void_runs_marker_keeps_it_for_ever: VoidMarkersDropped in two_runs() => ALL_DONE;
    dropping_a_marker_without_an_item_before_a_listing_loses_the_file: StaleMarkersOnlyAfterListing
        in with_reconcile(&[1]) => ALL_DONE;
    cleaning_without_reading_the_state_deletes_what_nobody_has_consumed: CleanReadsState
        in with_cleaning(&[1, 2]) => DELETED_FOR_COMMITTED;
    deleting_by_prefix_deletes_what_nobody_has_consumed: DeleteByManifest
        in Protocol { files: 2, faults: Faults::default(), ..with_cleaning(&[1, 1, 2]) } => DELETED_FOR_COMMITTED;
    recording_the_cleaning_before_it_is_done_leaves_temp_full: CleanedRecordedLast
        in with_cleaning(&[1, 2]) => ALL_DONE;
    a_table_commit_that_does_not_validate_appends_rows_twice: ValidatedTableCommit
        in with_table() => APPENDED_ONCE;
    appending_without_looking_for_the_file_appends_rows_twice: KnownFilesLeftOut
        in with_table() => APPENDED_ONCE;
    telling_before_settling_tells_of_a_failure_that_turns_out_a_success: SettledBeforeTelling
        in with_telling() => STAYS_TRUE;
    recording_the_telling_before_it_is_told_tells_nobody: ToldRecordedLast
        in with_telling() => ALL_DONE;
}
