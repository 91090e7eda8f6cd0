//! What `reconcile` decides: what a run still needs, whether markers ask for a run, whether the weekly
//! run was missed, and when a marker stands for nothing.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::{Holder, Item, Patience, RunState, Stage};

/// No Glue run lasts longer (its time-out is at most seven days), so a run of that age that Glue knows
/// nothing of is over.
pub const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What Glue says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Running, on its way there, or in a state that this code doesn't know.
    Alive,
    /// Over; whatever the word for it.
    Ended,
    /// Glue knows no such run.
    Unknown,
}

/// Whether a started run can be taken for ended: `Some(true)` only if that is certain.
#[must_use]
pub fn has_ended(phase: Phase, started_at: Option<Timestamp>, now: Timestamp) -> Option<bool> {
    match phase {
        Phase::Alive => Some(false),
        Phase::Ended => Some(true),
        Phase::Unknown => {
            let age = started_at.map(|started_at| now.duration_since(started_at))?;
            (age > LONGEST_RUN).then_some(true)
        }
    }
}

/// What the ledger says of a run, as far as its upkeep goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRecord {
    /// Its state.
    pub state: RunState,
    /// Somebody was told how it ended.
    pub told: bool,
    /// When somebody last began to tell.
    pub telling_at: Option<Timestamp>,
    /// Its input was cleaned (stage 2).
    pub cleaned: bool,
}

impl RunRecord {
    /// Whether a run of `stage` needs nothing more: it is over, told, and (stage 2) cleaned up after. Once
    /// that is so it stays so.
    #[must_use]
    pub fn is_settled(&self, stage: Stage) -> bool {
        self.state != RunState::Started && self.told && !self.is_to_clean(stage)
    }

    fn is_to_clean(&self, stage: Stage) -> bool {
        stage == Stage::Classify && self.state == RunState::Committed && !self.cleaned
    }
}

/// What to write about a run that is over and does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settle {
    /// STARTED -> VOID, if it still is.
    Void,
    /// VOID, if it has no item.
    NeverStarted,
}

/// How to send the event of a run's end once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resend {
    /// With the state that Glue gives: nobody was told yet.
    AsItEnded,
    /// As SUCCEEDED: a committed run's input is still to be cleaned, and that is all the same if the
    /// run failed after its commit.
    AsSucceeded,
}

/// What a run still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// A write to the ledger, to be made before the event goes out.
    pub settle: Option<Settle>,
    /// An event.
    pub resend: Option<Resend>,
}

/// What is to be done for a run of `stage` that Glue says ended at `ended_at` (none: no longer known).
///
/// Not called for runs that are alive. A run without an item is settled only after the grace, for its
/// own event does the same; a started one at once, because its work waits for it.
#[must_use]
pub fn upkeep_of_ended(
    stage: Stage,
    record: Option<&RunRecord>,
    ended_at: Option<Timestamp>,
    now: Timestamp,
    patience: &Patience,
) -> Upkeep {
    let quiet =
        ended_at.is_none_or(|ended_at| now.duration_since(ended_at) >= patience.event_grace);
    let Some(record) = record else {
        return if quiet {
            Upkeep {
                settle: Some(Settle::NeverStarted),
                resend: Some(Resend::AsItEnded),
            }
        } else {
            Upkeep::default()
        };
    };
    let settle = (record.state == RunState::Started).then_some(Settle::Void);
    let resend = match (quiet, record.told) {
        (false, _) => None,
        (true, false) => {
            (!is_leased(record.telling_at, now, patience)).then_some(Resend::AsItEnded)
        }
        (true, true) => record.is_to_clean(stage).then_some(Resend::AsSucceeded),
    };
    Upkeep { settle, resend }
}

/// Whether somebody who began to tell at `telling_at` still has the time to do it.
#[must_use]
pub fn is_leased(telling_at: Option<Timestamp>, now: Timestamp, patience: &Patience) -> bool {
    telling_at.is_some_and(|telling_at| now.duration_since(telling_at) < patience.telling_lease)
}

/// Whether a marked item is a reason to start a run of its stage.
///
/// It is if a run would change something about it: take it, take it over, or drop the marker of what
/// is done. An item that is not there, not finished, or held by a run that may be alive is none.
#[must_use]
pub fn asks_for_run(
    item: Option<&Item<'_>>,
    holder: Option<&Holder<'_>>,
    holder_ended: Option<bool>,
) -> bool {
    let Some(item) = item else { return false };
    if matches!(
        item,
        Item::Run {
            state: RunState::Started | RunState::Void,
            ..
        }
    ) {
        return false;
    }
    let Some(assigned_to) = item.assigned_to() else {
        return true;
    };
    match holder.filter(|holder| holder.run_id == assigned_to) {
        None => false,
        Some(Holder {
            state: RunState::Started,
            ..
        }) => holder_ended == Some(true),
        Some(_) => true,
    }
}

/// Whether a marker without an item is a left-over that can go: old enough, and a listing of the whole
/// landing zone that began after it (with time to spare) has been through without finding the file.
#[must_use]
pub fn is_stale(
    marked_at: Timestamp,
    full_pass_began_at: Option<Timestamp>,
    now: Timestamp,
    patience: &Patience,
) -> bool {
    let spare = patience.landing_grace.saturating_mul(2);
    let listed_since =
        full_pass_began_at.is_some_and(|began_at| began_at.duration_since(marked_at) > spare);
    now.duration_since(marked_at) > patience.stale_marker_age && listed_since
}

/// When stage 2 runs by itself: weekly, in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct WeeklySchedule {
    /// The day.
    pub weekday: Weekday,
    /// The time of that day.
    pub time: Time,
    /// Where that is the time.
    pub timezone: TimeZone,
}

impl WeeklySchedule {
    /// The last scheduled moment that is at least [`Patience::schedule_grace`] ago. None at
    /// the ends of the calendar.
    #[must_use]
    pub fn last_due(&self, now: Timestamp, patience: &Patience) -> Option<Timestamp> {
        let latest = now.checked_sub(patience.schedule_grace).ok()?;
        let today = latest.to_zoned_datetime(self.timezone.clone()).date();
        let days_back = self.weekday.until(today.weekday()).rem_euclid(7);
        let mut date = today.checked_sub(Span::new().days(days_back)).ok()?;
        let mut due = self.moment_on(date)?;
        if due > latest {
            date = date.checked_sub(Span::new().days(7)).ok()?;
            due = self.moment_on(date)?;
        }
        Some(due)
    }

    /// The first scheduled moment after `now`. None at the ends of the calendar.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned_datetime(self.timezone.clone()).date();
        let days_on = today.weekday().until(self.weekday).rem_euclid(7);
        let date = today.checked_add(Span::new().days(days_on)).ok()?;
        match self.moment_on(date) {
            Some(due) if due > now => Some(due),
            _ => self.moment_on(date.checked_add(Span::new().days(7)).ok()?),
        }
    }

    fn moment_on(&self, date: jiff::civil::Date) -> Option<Timestamp> {
        let zoned = date
            .to_datetime(self.time)
            .to_zoned_datetime(self.timezone.clone())
            .ok()?;
        Some(zoned.timestamp())
    }
}

/// Reads a weekday as schedules spell it: `MON` to `SUN`, in any case.
#[must_use]
pub fn parse_weekday(text: &str) -> Option<Weekday> {
    match text.to_ascii_uppercase().as_str() {
        "MON" => Some(Weekday::Monday),
        "TUE" => Some(Weekday::Tuesday),
        "WED" => Some(Weekday::Wednesday),
        "THU" => Some(Weekday::Thursday),
        "FRI" => Some(Weekday::Friday),
        "SAT" => Some(Weekday::Saturday),
        "SUN" => Some(Weekday::Sunday),
        _ => None,
    }
}
