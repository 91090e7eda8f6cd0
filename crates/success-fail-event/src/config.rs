//! What the function is told by its environment.

use jiff::SignedDuration;
use pipeline::config::{ConfigError, environment, parsed_with, required, seconds};
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
/// ServiceNow's category of the incidents.
pub const INCIDENT_CATEGORY: &str = "INCIDENT_CATEGORY";
/// Its subcategory; empty for none.
pub const INCIDENT_SUBCATEGORY: &str = "INCIDENT_SUBCATEGORY";
/// The group (name or `sys_id`) that gets the incidents; empty leaves it to ServiceNow's own rules.
pub const INCIDENT_ASSIGNMENT_GROUP: &str = "INCIDENT_ASSIGNMENT_GROUP";
/// Urgency, 1 (high) to 3 (low), of a run that did not commit.
pub const INCIDENT_URGENCY: &str = "INCIDENT_URGENCY";
/// Impact, 1 (high) to 3 (low), of a run that did not commit.
pub const INCIDENT_IMPACT: &str = "INCIDENT_IMPACT";
/// Urgency of a run that failed after its commit.
pub const INCIDENT_URGENCY_AFTER_COMMIT: &str = "INCIDENT_URGENCY_AFTER_COMMIT";
/// Impact of a run that failed after its commit.
pub const INCIDENT_IMPACT_AFTER_COMMIT: &str = "INCIDENT_IMPACT_AFTER_COMMIT";

/// How bad it is, in ServiceNow's numbers: 1 (high) to 3 (low).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Severity {
    /// How soon somebody has to look.
    pub urgency: String,
    /// How much depends on it.
    pub impact: String,
}

/// Where incidents go in ServiceNow, and how bad they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentFields {
    /// [`INCIDENT_CATEGORY`]
    pub category: String,
    /// [`INCIDENT_SUBCATEGORY`]
    pub subcategory: Option<String>,
    /// [`INCIDENT_ASSIGNMENT_GROUP`]
    pub assignment_group: Option<String>,
    /// [`INCIDENT_URGENCY`] and [`INCIDENT_IMPACT`]
    pub not_committed: Severity,
    /// [`INCIDENT_URGENCY_AFTER_COMMIT`] and [`INCIDENT_IMPACT_AFTER_COMMIT`]
    pub after_commit: Severity,
}

impl IncidentFields {
    fn from_lookup(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let optional = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        Ok(Self {
            category: required(lookup, INCIDENT_CATEGORY)?,
            subcategory: optional(INCIDENT_SUBCATEGORY),
            assignment_group: optional(INCIDENT_ASSIGNMENT_GROUP),
            not_committed: Severity {
                urgency: level(lookup, INCIDENT_URGENCY)?,
                impact: level(lookup, INCIDENT_IMPACT)?,
            },
            after_commit: Severity {
                urgency: level(lookup, INCIDENT_URGENCY_AFTER_COMMIT)?,
                impact: level(lookup, INCIDENT_IMPACT_AFTER_COMMIT)?,
            },
        })
    }
}

fn level(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<String, ConfigError> {
    parsed_with(lookup, name, "1, 2 or 3", |text| {
        matches!(text, "1" | "2" | "3").then(|| text.to_owned())
    })
}

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
    /// What is set in every incident.
    pub incident: IncidentFields,
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
            incident: IncidentFields::from_lookup(&lookup)?,
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
            INCIDENT_URGENCY | INCIDENT_IMPACT_AFTER_COMMIT => "1".to_owned(),
            INCIDENT_IMPACT => "2".to_owned(),
            INCIDENT_URGENCY_AFTER_COMMIT => "3".to_owned(),
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
        let severity = |urgency: &str, impact: &str| Severity {
            urgency: urgency.to_owned(),
            impact: impact.to_owned(),
        };
        let expected = IncidentFields {
            category: "incident_category".to_owned(),
            subcategory: Some("incident_subcategory".to_owned()),
            assignment_group: Some("incident_assignment_group".to_owned()),
            not_committed: severity("1", "2"),
            after_commit: severity("3", "1"),
        };
        assert_eq!(config.incident, expected);
    }

    #[test]
    fn an_empty_group_is_none_and_an_urgency_beyond_the_scale_is_refused_by_name() {
        let with = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            Config::from_lookup(move |asked| {
                Some(if asked == name {
                    value.clone()
                } else {
                    value_of(asked)
                })
            })
        };
        let incident = with(INCIDENT_ASSIGNMENT_GROUP, "").unwrap().incident;
        assert_eq!(incident.assignment_group, None);
        let incident = with(INCIDENT_SUBCATEGORY, " ").unwrap().incident;
        assert_eq!(incident.subcategory, None);
        for name in [
            INCIDENT_URGENCY,
            INCIDENT_IMPACT,
            INCIDENT_URGENCY_AFTER_COMMIT,
            INCIDENT_IMPACT_AFTER_COMMIT,
        ] {
            for value in ["0", "4", "high", ""] {
                let error = with(name, value).unwrap_err().to_string();
                assert!(error.contains(name), "{error}");
            }
        }
        assert!(with(INCIDENT_CATEGORY, "").is_err());
    }
}
