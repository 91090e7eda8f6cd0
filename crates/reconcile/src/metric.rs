//! The one number that reconcile measures: for how long its listing of the landing zone is under way.
//!
//! CloudWatch takes it from a line of the log in its *embedded metric format*, which needs no permission
//! and no call. Terraform alarms on it under these names.

use jiff::Timestamp;
use serde_json::{Value, json};

const NAMESPACE: &str = "tui-etl";
const LISTING_PASS_AGE: &str = "ListingPassAge";

/// The line that says it, with the function's name as the metric's dimension.
#[must_use]
pub fn listing_pass_age(function_name: &str, seconds: i64, now: Timestamp) -> Value {
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": [{ "Name": LISTING_PASS_AGE, "Unit": "Seconds" }],
            }],
        },
        "FunctionName": function_name,
        LISTING_PASS_AGE: seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_what_cloudwatch_takes_for_a_metric() {
        let now = Timestamp::from_millisecond(1_795_435_200_000).unwrap();
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_435_200_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "tui-etl",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{ "Name": "ListingPassAge", "Unit": "Seconds" }],
                }],
            },
            "FunctionName": "reconcile-dev",
            "ListingPassAge": 90,
        });
        assert_eq!(listing_pass_age("reconcile-dev", 90, now), expected);
    }
}
