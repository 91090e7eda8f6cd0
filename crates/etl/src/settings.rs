//! What an environment's things are called, and how long its work may wait.
//!
//! The defaults are Terraform's own (`names.json`, which a Terraform test holds to them). Where a deployment
//! differs, a settings file says so (`terraform output -json operator_settings` writes one), or a variable
//! `ETL_<NAME>`, or `--set <name>=<value>`; the later in this list wins.

use std::collections::BTreeMap;
use std::fmt;

use pipeline::protocol::Stage;
use serde::Deserialize;
use serde_json::{Map, Value};

/// With `{env}` in place of the environment's name.
const DEFAULTS: &str = include_str!("../names.json");
const VARIABLE_PREFIX: &str = "ETL_";

/// One of the three deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Where changes are tried.
    Dev,
    /// Where they are accepted.
    Test,
    /// Where they count.
    Prod,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Prod => "prod",
        })
    }
}

/// Why settings can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A file that is no JSON object.
    #[error("the settings file is no JSON object of names and values: {0}")]
    File(String),
    /// A name that nothing has.
    #[error("{origin} sets {name:?}, which is no setting; there are: {known}")]
    Unknown {
        /// Where it was said.
        origin: String,
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A value of the wrong kind.
    #[error("{origin} sets {name} to {value}, which is not {expected}")]
    Invalid {
        /// Where it was said.
        origin: String,
        /// The name.
        name: String,
        /// What was said.
        value: String,
        /// What can be said, with an article.
        expected: &'static str,
    },
}

/// The names of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bucket that files land in.
    pub landing_bucket: String,
    /// Prefix below which what lands is work.
    pub landing_prefix: String,
    /// Prefix of the same bucket for what tells of a delivery and is no work.
    pub control_prefix: String,
    /// Bucket of triggers, results, manifests and reports.
    pub state_bucket: String,
    /// The ledger.
    pub ledger_table: String,
    /// Glue 1.
    pub ingest_job: String,
    /// Glue 2.
    pub classify_job: String,
    /// Glue 3.
    pub conform_job: String,
    /// Queue of landed files.
    pub landing_queue: String,
    /// Queue of messages that can never work.
    pub landing_dlq: String,
    /// Queue of events that no function took.
    pub events_dlq: String,
    /// Schedule of Glue 2.
    pub schedule: String,
    /// Its group.
    pub schedule_group: String,
    /// Athena workgroup.
    pub workgroup: String,
    /// How long a landed file may wait for Glue 1.
    pub ingest_late_seconds: i64,
    /// How long a run of Glue 1 may wait for Glue 2.
    pub classify_late_seconds: i64,
    /// How long a run of Glue 2 may wait for Glue 3.
    pub conform_late_seconds: i64,
    /// How late the schedule may start Glue 2.
    pub schedule_grace_seconds: i64,
}

impl Settings {
    /// Those of `environment`: the defaults, then the file, the variables that `lookup` finds, and `sets`.
    ///
    /// # Errors
    /// [`SettingsError`] names what was said, and where.
    pub fn load(
        environment: Environment,
        file: Option<&str>,
        lookup: impl Fn(&str) -> Option<String>,
        sets: &[(String, String)],
    ) -> Result<Self, SettingsError> {
        let env = environment.to_string();
        let mut values = object(&DEFAULTS.replace("{env}", &env))?;
        for (name, value) in file.map(object).transpose()?.unwrap_or_default() {
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            set(&mut values, "the settings file", &name, &text)?;
        }
        let names: Vec<String> = values.keys().cloned().collect();
        for name in names {
            let variable = format!("{VARIABLE_PREFIX}{}", name.to_uppercase());
            if let Some(value) = lookup(&variable).filter(|value| !value.is_empty()) {
                set(&mut values, &variable, &name, &value)?;
            }
        }
        for (name, value) in sets {
            set(&mut values, "--set", name, value)?;
        }
        serde_json::from_value(Value::Object(values))
            .map_err(|error| SettingsError::File(error.to_string()))
    }

    /// The name of a stage's job.
    #[must_use]
    pub fn job(&self, stage: Stage) -> &str {
        match stage {
            Stage::Ingest => &self.ingest_job,
            Stage::Classify => &self.classify_job,
            Stage::Conform => &self.conform_job,
        }
    }

    /// How many seconds a stage's work may wait.
    #[must_use]
    pub fn late_after(&self, stage: Stage) -> i64 {
        match stage {
            Stage::Ingest => self.ingest_late_seconds,
            Stage::Classify => self.classify_late_seconds,
            Stage::Conform => self.conform_late_seconds,
        }
    }

    /// An environment's defaults.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[cfg(test)]
    pub(crate) fn of(environment: Environment) -> Self {
        Self::load(environment, None, |_| None, &[]).unwrap()
    }
}

fn object(text: &str) -> Result<Map<String, Value>, SettingsError> {
    serde_json::from_str(text).map_err(|error| SettingsError::File(error.to_string()))
}

fn set(
    values: &mut Map<String, Value>,
    origin: &str,
    name: &str,
    value: &str,
) -> Result<(), SettingsError> {
    let known: BTreeMap<&String, &Value> = values.iter().collect();
    let Some(default) = known.get(&name.to_owned()) else {
        return Err(SettingsError::Unknown {
            origin: origin.to_owned(),
            name: name.to_owned(),
            known: known.into_keys().cloned().collect::<Vec<_>>().join(", "),
        });
    };
    let invalid = |expected| SettingsError::Invalid {
        origin: origin.to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
        expected,
    };
    let parsed = if default.is_number() {
        let seconds: i64 = value
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| invalid("a number of seconds from 1"))?;
        Value::from(seconds)
    } else if value.is_empty() {
        return Err(invalid("a name"));
    } else if name.ends_with("_prefix") && !value.ends_with('/') {
        return Err(invalid("a prefix that ends with a slash"));
    } else {
        Value::from(value)
    };
    values.insert(name.to_owned(), parsed);
    Ok(())
}

/// Reads `name=value`.
///
/// # Errors
/// There is no `=`.
pub fn parse_set(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is not <name>=<value>"))
}

#[cfg(test)]
mod tests;
