//! What the function is told by its environment, and the clients it works with.

use aws_config::SdkConfig;
use pipeline::config::{ConfigError, environment, required};
use pipeline::ledger::Ledger;

/// Configuration. The names are in `environment.txt` too, and Terraform is tested against that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `LEDGER_TABLE`: name of the ledger.
    pub ledger_table: String,
    /// `LANDING_BUCKET`: the only bucket whose files are taken in.
    pub landing_bucket: String,
    /// `LANDING_PREFIX`: keys outside are none of ours. Ends with a slash.
    pub landing_prefix: String,
    /// `INGEST_JOB`: name of the Glue 1 job.
    pub ingest_job: String,
    /// `DLQ_URL`: where messages go that can never work.
    pub dlq_url: String,
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
            landing_bucket: required(&lookup, "LANDING_BUCKET")?,
            landing_prefix: required(&lookup, "LANDING_PREFIX")?,
            ingest_job: required(&lookup, "INGEST_JOB")?,
            dlq_url: required(&lookup, "DLQ_URL")?,
        })
    }
}

/// The services that it calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The ledger.
    pub ledger: Ledger,
    /// Glue, for the start of a run.
    pub glue: aws_sdk_glue::Client,
    /// SQS, for the dead-letter queue.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// One client of each, for the life of the process.
    #[must_use]
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        Self {
            ledger: Ledger::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table),
            glue: aws_sdk_glue::Client::new(sdk),
            sqs: aws_sdk_sqs::Client::new(sdk),
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
