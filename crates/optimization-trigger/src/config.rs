//! What the function is told by its environment.

use pipeline::config::{ConfigError, environment, required};

/// Table of the ledger.
pub const LEDGER_TABLE: &str = "LEDGER_TABLE";
/// Name of the classify job, whose runs' ends it listens to.
pub const CLASSIFY_JOB: &str = "CLASSIFY_JOB";
/// Name of the conform job, which it starts.
pub const CONFORM_JOB: &str = "CONFORM_JOB";

/// Configuration; see the constants of this module.
#[derive(Debug, Clone)]
pub struct Config {
    /// [`LEDGER_TABLE`]
    pub ledger_table: String,
    /// [`CLASSIFY_JOB`]
    pub classify_job: String,
    /// [`CONFORM_JOB`]
    pub conform_job: String,
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
            classify_job: required(&lookup, CLASSIFY_JOB)?,
            conform_job: required(&lookup, CONFORM_JOB)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use pipeline::config::names_read;

    use super::*;

    #[test]
    fn exactly_the_variables_of_environment_txt_are_read() {
        let names = names_read(str::to_owned, |lookup| Config::from_lookup(lookup));
        let listed: Vec<_> = include_str!("../environment.txt").lines().collect();
        assert_eq!(names, listed);
    }
}
