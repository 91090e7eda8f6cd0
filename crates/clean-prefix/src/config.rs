//! What the function is told by its environment.

use pipeline::config::{ConfigError, environment, parsed_with, required};

use crate::delete::Patience;

/// Table of the ledger.
pub const LEDGER_TABLE: &str = "LEDGER_TABLE";
/// Bucket of the manifests.
pub const STATE_BUCKET: &str = "STATE_BUCKET";
/// The only bucket that is deleted from.
pub const RAW_BUCKET: &str = "RAW_BUCKET";
/// The only prefix that is deleted below; ends with `/`.
pub const TEMP_PREFIX: &str = "TEMP_PREFIX";
/// Name of the classify job.
pub const CLASSIFY_JOB: &str = "CLASSIFY_JOB";

/// Configuration; see the constants of this module.
#[derive(Debug, Clone)]
pub struct Config {
    /// [`LEDGER_TABLE`]
    pub ledger_table: String,
    /// [`STATE_BUCKET`]
    pub state_bucket: String,
    /// [`RAW_BUCKET`]
    pub raw_bucket: String,
    /// [`TEMP_PREFIX`]
    pub temp_prefix: String,
    /// [`CLASSIFY_JOB`]
    pub classify_job: String,
    /// Not from the environment: how long a throttled key is worth waiting for.
    pub patience: Patience,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(environment)
    }

    /// Reads variables from anywhere.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let folder = |value: &str| value.ends_with('/').then(|| value.to_owned());
        Ok(Self {
            ledger_table: required(&lookup, LEDGER_TABLE)?,
            state_bucket: required(&lookup, STATE_BUCKET)?,
            raw_bucket: required(&lookup, RAW_BUCKET)?,
            temp_prefix: parsed_with(&lookup, TEMP_PREFIX, "a prefix that ends with /", folder)?,
            classify_job: required(&lookup, CLASSIFY_JOB)?,
            patience: Patience::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use pipeline::config::names_read;

    use super::*;

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let names = names_read(
            |_| "tui/legacy/temp/".to_owned(),
            |lookup| Config::from_lookup(lookup),
        );
        let listed: Vec<_> = include_str!("../environment.txt").lines().collect();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_prefix_that_could_match_more_than_a_folder_is_refused() {
        let error = Config::from_lookup(|_| Some("tui/legacy/temp".to_owned())).unwrap_err();
        assert!(error.to_string().contains("TEMP_PREFIX"), "{error}");
    }
}
