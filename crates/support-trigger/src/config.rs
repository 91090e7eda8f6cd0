//! What the function is told by its environment, and the clients it works with.

use aws_config::SdkConfig;
use jiff::Timestamp;
use pipeline::config::{ConfigError, environment, parsed_with, required};
use pipeline::ledger::Ledger;
use pipeline::protocol::Stage;
use pipeline::triggers::{Desk, Kind};

/// Configuration. The names are in `environment.txt` too, and Terraform is tested against that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `LEDGER_TABLE`: name of the ledger.
    pub ledger_table: String,
    /// `STATE_BUCKET`: where triggers and answers lie.
    pub state_bucket: String,
    /// `LANDING_BUCKET`: where landed files lie.
    pub landing_bucket: String,
    /// `LANDING_PREFIX`: keys outside are none of ours. Ends with a slash.
    pub landing_prefix: String,
    /// `KIND`: which triggers this deployment answers: copyglue, glue2 or optimization.
    pub kind: Kind,
    /// The stage of that kind.
    pub stage: Stage,
    /// `JOB`: name of that stage's job, the only one that the function may start.
    pub job: String,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(environment)
    }

    /// Reads the variables from wherever `lookup` finds them.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let expected = "copyglue, glue2 or optimization";
        let (kind, stage) = parsed_with(&lookup, "KIND", expected, |name| {
            let kind = Kind::of(name)?;
            Some((kind, kind.stage()?))
        })?;
        Ok(Self {
            ledger_table: required(&lookup, "LEDGER_TABLE")?,
            state_bucket: required(&lookup, "STATE_BUCKET")?,
            landing_bucket: required(&lookup, "LANDING_BUCKET")?,
            landing_prefix: required(&lookup, "LANDING_PREFIX")?,
            kind,
            stage,
            job: required(&lookup, "JOB")?,
        })
    }
}

/// The services that it calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Triggers and their answers; its ledger and S3 are the function's.
    pub desk: Desk,
    /// Glue, for the one job.
    pub glue: aws_sdk_glue::Client,
}

impl Clients {
    /// One client of each, for the life of the process.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        Self {
            desk: Desk {
                ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
                s3: aws_sdk_s3::Client::new(sdk),
                bucket: config.state_bucket.clone(),
                landing_prefix: config.landing_prefix.clone(),
            },
            glue: aws_sdk_glue::Client::new(sdk),
        }
    }
}

/// One invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id, the same when an event is tried again.
    pub request_id: String,
    /// When it began.
    pub now: Timestamp,
}

impl Invocation {
    /// The invocation of that id, now.
    #[must_use]
    pub fn new(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            now: Timestamp::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::config::names_read;

    use super::*;

    const DOCUMENTED: &str = include_str!("../environment.txt");

    fn value_of(name: &str) -> String {
        if name == "KIND" { "glue2" } else { name }.to_owned()
    }

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let documented: Vec<&str> = DOCUMENTED.lines().collect();
        assert_eq!(
            names_read(value_of, |lookup| Config::from_lookup(lookup)),
            documented
        );
    }

    #[test]
    fn each_of_them_is_needed() {
        for name in DOCUMENTED.lines() {
            let without = |asked: &str| (asked != name).then(|| value_of(asked));
            let error = Config::from_lookup(without).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_cleanup_is_no_kind_that_starts_a_job() {
        for kind in ["cleanup", "glue3"] {
            let of = |name: &str| Some(if name == "KIND" { kind } else { name }.to_owned());
            let error = Config::from_lookup(of).unwrap_err().to_string();
            assert!(error.contains("copyglue, glue2 or optimization"), "{error}");
        }
    }
}
