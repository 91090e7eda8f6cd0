//! Configuration from named variables, read once at start, so that a missing one fails the cold start
//! with its name and not some later invocation without it.

use std::str::FromStr;

use jiff::SignedDuration;

/// Why a function's configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or set to nothing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable is set to something that can't be meant.
    #[error("the environment variable {name} is {value:?}, which is not {expected}")]
    Invalid {
        /// The variable's name.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold, with an article: "a whole number".
        expected: &'static str,
    },
}

/// The process environment as a lookup. The only place that reads it.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of a variable that must be there; an empty one counts as missing.
pub fn required(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<String, ConfigError> {
    lookup(name)
        .filter(|value| !value.trim().is_empty())
        .ok_or(ConfigError::Missing(name))
}

/// The value of a variable that must be there and must parse; `expected` says as what ("a whole number").
pub fn parsed<T: FromStr>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<T, ConfigError> {
    parsed_with(lookup, name, expected, |value| value.parse().ok())
}

/// As [`parsed`], for a type whose parser is not `FromStr`.
pub fn parsed_with<T>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let value = required(lookup, name)?;
    match parse(value.trim()) {
        Some(parsed) => Ok(parsed),
        None => Err(ConfigError::Invalid {
            name,
            value,
            expected,
        }),
    }
}

/// Longest time that can be meant: a year.
const MOST_SECONDS: i64 = 366 * 24 * 60 * 60;

/// The value of a variable that must be there and is a time in whole seconds.
pub fn seconds(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<SignedDuration, ConfigError> {
    parsed_with(lookup, name, "a number of seconds from 1", |text| {
        let seconds = text.parse().ok()?;
        (1..=MOST_SECONDS)
            .contains(&seconds)
            .then(|| SignedDuration::from_secs(seconds))
    })
}

/// The names that a configuration asked for: what a crate's test compares with its `environment.txt`.
///
/// `load` is the crate's `Config::from_lookup`; `value_of` gives something that parses for each name.
pub fn names_read<C, E>(
    value_of: impl Fn(&str) -> String,
    load: impl Fn(&dyn Fn(&str) -> Option<String>) -> Result<C, E>,
) -> Vec<String> {
    let names = std::cell::RefCell::new(std::collections::BTreeSet::new());
    // Whether it loads is the caller's own test; here only the names matter.
    let _ = load(&|name: &str| {
        names.borrow_mut().insert(name.to_owned());
        Some(value_of(name))
    });
    names.into_inner().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = required(&only("A", "1"), "LEDGER_TABLE").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable LEDGER_TABLE is not set"
        );
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        assert_eq!(
            required(&only("A", " "), "A"),
            Err(ConfigError::Missing("A"))
        );
    }

    #[test]
    fn a_variable_that_does_not_parse_is_named_with_what_it_holds() {
        let error = parsed::<u32>(&only("HOURS", "soon"), "HOURS", "a whole number").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable HOURS is \"soon\", which is not a whole number"
        );
        assert_eq!(
            parsed::<u32>(&only("HOURS", " 48 "), "HOURS", "a whole number"),
            Ok(48)
        );
    }

    #[test]
    fn a_time_is_a_whole_number_of_seconds() {
        let read = |value| seconds(&only("GRACE_SECONDS", value), "GRACE_SECONDS");
        assert_eq!(read("180"), Ok(SignedDuration::from_mins(3)));
        for value in ["0", "-1", "1.5", "3m", "9999999999", "99999999999999999999"] {
            let error = read(value).unwrap_err().to_string();
            assert!(
                error.contains("GRACE_SECONDS") && error.contains(value),
                "{error}"
            );
        }
    }

    #[test]
    fn the_names_that_a_configuration_reads_are_listed_sorted_and_once() {
        let names = names_read(
            |_| "x".to_owned(),
            |lookup| {
                required(&lookup, "B")?;
                required(&lookup, "A")?;
                required(&lookup, "B")
            },
        );
        assert_eq!(names, ["A", "B"]);
    }
}
