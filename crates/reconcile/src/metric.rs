//! What reconcile measures: for how long its listing of the landing zone is under way, and for how long
//! work has waited.
//!
//! CloudWatch takes it from a line of the log in its *embedded metric format*, which needs no permission
//! and no call. Terraform alarms on it under these names.

use jiff::Timestamp;
use pipeline::protocol::Stage;
use serde_json::{Value, json};

const NAMESPACE: &str = "tui-etl";
const LISTING_PASS_AGE: &str = "ListingPassAge";
const OPEN_WORK_AGE: &str = "OpenWorkAge";

/// The line that says how old a pass of the listing is, with the function's name as the metric's dimension.
#[must_use]
pub fn listing_pass_age(function_name: &str, seconds: i64, now: Timestamp) -> Value {
    line(
        (LISTING_PASS_AGE, seconds),
        &[("FunctionName", function_name)],
        now,
    )
}

/// The line that says how long the work of a stage has waited that no run holds: 0 if there is none.
#[must_use]
pub fn open_work_age(function_name: &str, stage: Stage, seconds: i64, now: Timestamp) -> Value {
    let stage = stage.to_string();
    line(
        (OPEN_WORK_AGE, seconds),
        &[("FunctionName", function_name), ("Stage", &stage)],
        now,
    )
}

fn line((name, seconds): (&str, i64), dimensions: &[(&str, &str)], now: Timestamp) -> Value {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": [{ "Name": name, "Unit": "Seconds" }],
            }],
        },
    });
    line[name] = seconds.into();
    for (name, value) in dimensions {
        line[*name] = (*value).into();
    }
    line
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
        let waiting = open_work_age("reconcile-dev", Stage::Conform, 7, now);
        let metrics = &waiting["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["FunctionName", "Stage"]]));
        assert_eq!(metrics["Metrics"][0]["Name"], "OpenWorkAge");
        assert_eq!(
            (&waiting["Stage"], &waiting["OpenWorkAge"]),
            (&json!("3"), &json!(7))
        );
    }
}
