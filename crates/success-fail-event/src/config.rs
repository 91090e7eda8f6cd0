//! What the function is told by its environment.

use jiff::SignedDuration;
use pipeline::config::{ConfigError, environment, required, seconds};
use pipeline::protocol::Stage;

/// Table of the ledger.
pub const LEDGER_TABLE: &str = "LEDGER_TABLE";
/// Bucket of the reports.
pub const STATE_BUCKET: &str = "STATE_BUCKET";
/// Name of the ingest job.
pub const INGEST_JOB: &str = "INGEST_JOB";
/// Name of the classify job.
pub const CLASSIFY_JOB: &str = "CLASSIFY_JOB";
/// Name of the conform job.
pub const CONFORM_JOB: &str = "CONFORM_JOB";
/// Topic of the mails about success.
pub const NOTIFICATION_TOPIC_ARN: &str = "NOTIFICATION_TOPIC_ARN";
/// Topic of the alert that ServiceNow can't be reached.
pub const ALERT_TOPIC_ARN: &str = "ALERT_TOPIC_ARN";
/// Name or ARN of the secret: JSON with `url`, `username` and `password` of ServiceNow.
pub const SERVICENOW_SECRET_ID: &str = "SERVICENOW_SECRET_ID";
/// `dev`, `test` or `prod`; it stands in every subject and correlation id.
pub const ENVIRONMENT: &str = "ENVIRONMENT";
/// Seconds that whoever tells of a run may take before another may try.
pub const TELLING_LEASE_SECONDS: &str = "TELLING_LEASE_SECONDS";

/// Configuration; see the constants of this module.
#[derive(Debug, Clone)]
pub struct Config {
    /// [`LEDGER_TABLE`]
    pub ledger_table: String,
    /// [`STATE_BUCKET`]
    pub state_bucket: String,
    /// [`INGEST_JOB`]
    pub ingest_job: String,
    /// [`CLASSIFY_JOB`]
    pub classify_job: String,
    /// [`CONFORM_JOB`]
    pub conform_job: String,
    /// [`NOTIFICATION_TOPIC_ARN`]
    pub notification_topic_arn: String,
    /// [`ALERT_TOPIC_ARN`]
    pub alert_topic_arn: String,
    /// [`SERVICENOW_SECRET_ID`]
    pub servicenow_secret_id: String,
    /// [`ENVIRONMENT`]
    pub environment: String,
    /// [`TELLING_LEASE_SECONDS`]
    pub telling_lease: SignedDuration,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(environment)
    }

    /// Reads variables from anywhere.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            ledger_table: required(&lookup, LEDGER_TABLE)?,
            state_bucket: required(&lookup, STATE_BUCKET)?,
            ingest_job: required(&lookup, INGEST_JOB)?,
            classify_job: required(&lookup, CLASSIFY_JOB)?,
            conform_job: required(&lookup, CONFORM_JOB)?,
            notification_topic_arn: required(&lookup, NOTIFICATION_TOPIC_ARN)?,
            alert_topic_arn: required(&lookup, ALERT_TOPIC_ARN)?,
            servicenow_secret_id: required(&lookup, SERVICENOW_SECRET_ID)?,
            environment: required(&lookup, ENVIRONMENT)?,
            telling_lease: seconds(&lookup, TELLING_LEASE_SECONDS)?,
        })
    }

    /// The jobs by name.
    #[must_use]
    pub fn jobs(&self) -> [(&str, Stage); 3] {
        [
            (&self.ingest_job, Stage::Ingest),
            (&self.classify_job, Stage::Classify),
            (&self.conform_job, Stage::Conform),
        ]
    }
}

#[cfg(test)]
mod tests {
    use pipeline::config::names_read;

    use super::*;

    fn value_of(name: &str) -> String {
        match name {
            TELLING_LEASE_SECONDS => "300".to_owned(),
            other => other.to_lowercase(),
        }
    }

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let names = names_read(value_of, |lookup| Config::from_lookup(lookup));
        let listed: Vec<_> = include_str!("../environment.txt").lines().collect();
        assert_eq!(names, listed);
    }

    #[test]
    fn each_variable_has_its_own_place() {
        let config = Config::from_lookup(|name| Some(value_of(name))).unwrap();
        let jobs = config.jobs().map(|(job, stage)| (job.to_owned(), stage));
        assert_eq!(jobs[0], ("ingest_job".to_owned(), Stage::Ingest));
        assert_eq!(jobs[1], ("classify_job".to_owned(), Stage::Classify));
        assert_eq!(jobs[2], ("conform_job".to_owned(), Stage::Conform));
        assert_eq!(config.notification_topic_arn, "notification_topic_arn");
        assert_eq!(config.alert_topic_arn, "alert_topic_arn");
        assert_eq!(config.telling_lease, SignedDuration::from_mins(5));
    }
}
