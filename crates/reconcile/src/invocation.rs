//! Who is called, when, and for how long.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What is left for the page under way when the listing has to stop, at most: one call to S3 and one to
/// the ledger, with all their retries, rarely take longer.
const RESERVE: Duration = Duration::from_secs(60);

/// One call of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its request id: under it the log has what it did.
    pub request_id: String,
    /// The function's name, as deployed.
    pub function_name: String,
    /// When it began.
    pub now: Timestamp,
    /// From when on no further page is listed.
    pub listing_ends: Instant,
}

impl Invocation {
    /// Invocation `request_id` of `function_name`, which is killed in `time_left`.
    #[must_use]
    pub fn new(request_id: &str, function_name: &str, time_left: Duration) -> Self {
        Self {
            request_id: request_id.to_owned(),
            function_name: function_name.to_owned(),
            now: Timestamp::now(),
            listing_ends: Instant::now() + listing_time(time_left),
        }
    }
}

/// How much of the time the listing may have been begun in: all but the reserve, and half of a short one.
fn listing_time(time_left: Duration) -> Duration {
    time_left - RESERVE.min(time_left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_stops_a_minute_before_the_end_or_at_half_of_a_short_time() {
        for (left, listing) in [(240, 180), (900, 840), (120, 60), (60, 30), (1, 0), (0, 0)] {
            let time = listing_time(Duration::from_secs(left));
            assert_eq!(time.as_secs(), listing, "{left}");
        }
    }
}
