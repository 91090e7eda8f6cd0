//! A command line that can't be meant.

use std::ffi::OsString;

use clap::Error;
use clap::error::ErrorKind;

use crate::answer::{Exit, Stop};

/// Whether JSON is asked for, by a command line that clap can make nothing else of.
#[must_use]
pub fn wants_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().skip(1).take_while(|word| *word != "--");
    options.into_iter().any(|word| word == "--json")
}

/// What clap says about it, as an error like any other: the rule, without how to use the command.
#[must_use]
pub fn stop(error: &Error) -> anyhow::Error {
    let said = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing; --help has them all".to_owned()
        }
        _ => error.to_string(),
    };
    let rule = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .fold(said.as_str(), |text, end| {
            text.split(end).next().unwrap_or(text)
        });
    let rule = rule.strip_prefix("error: ").unwrap_or(rule);
    let words: Vec<&str> = rule.split_whitespace().collect();
    Stop::with(Exit::Usage, words.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_rule_is_told_in_a_line() {
        for (line, rule) in [
            (vec!["etl", "bogus"], "unrecognized subcommand 'bogus'"),
            (
                vec!["etl", "trigger", "glue2"],
                "the following required arguments were not provided: --reason <REASON>",
            ),
            (
                vec!["etl", "runs", "--last", "0"],
                "invalid value '0' for '--last <N>': 0 is not in 1..=1000",
            ),
        ] {
            let error = stop(&Cli::try_parse_from(line).unwrap_err());
            assert_eq!(
                (error.to_string().as_str(), Stop::exit_of(&error)),
                (rule, Exit::Usage)
            );
        }
    }

    #[test]
    fn json_is_asked_for_before_the_options_end() {
        let wants =
            |line: &[&str]| wants_json(&line.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["etl", "bogus", "--json"]));
        assert!(!wants(&["etl", "bogus", "--", "--json"]));
    }
}
