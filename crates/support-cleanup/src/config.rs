//! What the function is told by its environment, and the clients it works with.

use aws_config::SdkConfig;
use jiff::Timestamp;
use pipeline::config::{ConfigError, environment, required};
use pipeline::ledger::Ledger;
use pipeline::protocol::Stage;
use pipeline::triggers::Desk;

/// Configuration. The names are in `environment.txt` too, and Terraform is tested against that. Prefixes end
/// with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `LEDGER_TABLE`: name of the ledger.
    pub ledger_table: String,
    /// `STATE_BUCKET`: where triggers and answers lie.
    pub state_bucket: String,
    /// `LANDING_BUCKET`: where landed files lie.
    pub landing_bucket: String,
    /// `LANDING_PREFIX`: keys outside are none of ours.
    pub landing_prefix: String,
    /// `RAW_BUCKET`: where Glue 1 writes.
    pub raw_bucket: String,
    /// `STAGING_PREFIX`: Glue 1's copies of what it reads.
    pub staging_prefix: String,
    /// `TEMP_PREFIX`: Glue 1's Parquet.
    pub temp_prefix: String,
    /// `QUARANTINE_PREFIX`: what is no JSON, and what this function moves.
    pub quarantine_prefix: String,
    /// `LEGACY_BUCKET`: where Glue 2 writes what is legacy.
    pub legacy_bucket: String,
    /// `SECURED_BUCKET`: where it writes all else.
    pub secured_bucket: String,
    /// `CLASSIFIED_PREFIX`: below which prefix of both.
    pub classified_prefix: String,
    /// `INGEST_JOB`: name of the Glue 1 job.
    pub ingest_job: String,
    /// `CLASSIFY_JOB`: name of the Glue 2 job.
    pub classify_job: String,
    /// `CONFORM_JOB`: name of the Glue 3 job.
    pub conform_job: String,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(environment)
    }

    /// Reads the variables from wherever `lookup` finds them.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            ledger_table: required(&lookup, "LEDGER_TABLE")?,
            state_bucket: required(&lookup, "STATE_BUCKET")?,
            landing_bucket: required(&lookup, "LANDING_BUCKET")?,
            landing_prefix: required(&lookup, "LANDING_PREFIX")?,
            raw_bucket: required(&lookup, "RAW_BUCKET")?,
            staging_prefix: required(&lookup, "STAGING_PREFIX")?,
            temp_prefix: required(&lookup, "TEMP_PREFIX")?,
            quarantine_prefix: required(&lookup, "QUARANTINE_PREFIX")?,
            legacy_bucket: required(&lookup, "LEGACY_BUCKET")?,
            secured_bucket: required(&lookup, "SECURED_BUCKET")?,
            classified_prefix: required(&lookup, "CLASSIFIED_PREFIX")?,
            ingest_job: required(&lookup, "INGEST_JOB")?,
            classify_job: required(&lookup, "CLASSIFY_JOB")?,
            conform_job: required(&lookup, "CONFORM_JOB")?,
        })
    }

    /// Name of a stage's job.
    #[must_use]
    pub fn job(&self, stage: Stage) -> &str {
        match stage {
            Stage::Ingest => &self.ingest_job,
            Stage::Classify => &self.classify_job,
            Stage::Conform => &self.conform_job,
        }
    }
}

/// The services that it calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Triggers and their answers; its ledger and S3 are the function's.
    pub desk: Desk,
    /// Glue, which knows whether a run has ended.
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

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let documented: Vec<&str> = DOCUMENTED.lines().collect();
        assert_eq!(
            names_read(str::to_owned, |lookup| Config::from_lookup(lookup)),
            documented
        );
    }

    #[test]
    fn each_of_them_is_needed() {
        for name in DOCUMENTED.lines() {
            let without = |asked: &str| (asked != name).then(|| asked.to_owned());
            let error = Config::from_lookup(without).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
