//! How long `reconcile`, and whoever tells of a run, wait before they step in.

use jiff::SignedDuration;

/// The waits that a deployment sets. By default there is none at all: everything is due at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patience {
    /// How long the event of a run's end may take before it is sent again.
    pub event_grace: SignedDuration,
    /// How long a landed file's own event may take before the file is taken in without it. Longer than
    /// the batching window of the queue, or a file that is merely on its way loses its sequencer, which
    /// only the event has.
    pub landing_grace: SignedDuration,
    /// How long whoever tells of a run may take before another may try.
    pub telling_lease: SignedDuration,
    /// How late the schedule may start stage 2 before `reconcile` does.
    pub schedule_grace: SignedDuration,
    /// How old a marker without an item must be before it can be taken for a crash's left-over. Longer
    /// than any intake lives, or one that is between its marker and its item loses the marker.
    pub stale_marker_age: SignedDuration,
    /// The first pause between runs that commit nothing; each further one doubles it.
    pub first_pause: SignedDuration,
    /// The longest such pause.
    pub longest_pause: SignedDuration,
}

impl Patience {
    /// How long `reconcile` leaves a stage alone after so many runs in a row that committed nothing.
    ///
    /// One is followed at once, since its work waits. From the second on there is a cause that a run
    /// more won't remove, and without a pause each failed run would bring the next, and each a ticket.
    #[must_use]
    pub fn pause_after(&self, barren_runs: usize) -> SignedDuration {
        let Some(doublings) = barren_runs.checked_sub(2) else {
            return SignedDuration::ZERO;
        };
        // Longer than any pause by then; and no shift beyond what a number holds.
        let factor = 1_i32 << doublings.min(30);
        self.first_pause
            .checked_mul(factor)
            .map_or(self.longest_pause, |pause| pause.min(self.longest_pause))
    }
}
