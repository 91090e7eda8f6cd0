//! What a command answers: text for people, JSON for scripts, and an exit code for both.

use std::fmt;

use aws_smithy_types::error::ErrorMetadata;
use serde::Serialize;
use serde_json::Value;

/// How a command ended. The codes are promised in docs/etl.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing is wrong.
    Fine = 0,
    /// Done, and the answer is bad news: something failed or is late.
    Bad = 1,
    /// The command line or the settings can't be meant (clap's own code).
    Usage = 2,
    /// The pipeline, or a rule of this program, refuses to do it.
    Refused = 3,
    /// There is no such thing.
    NotFound = 4,
    /// It had not come to an end when the time to wait was over.
    TimedOut = 5,
    /// AWS could not be asked: credentials, permissions, network.
    Unreachable = 6,
}

/// An answer in both forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// For people; styled, and stripped of that where it doesn't belong.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// For both.
    pub exit: Exit,
}

impl Answer {
    /// An answer whose JSON are the facts themselves.
    ///
    /// # Errors
    /// Facts that JSON can't hold.
    pub fn new(text: String, facts: &impl Serialize, exit: Exit) -> anyhow::Result<Self> {
        Ok(Self {
            text,
            json: serde_json::to_value(facts)?,
            exit,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Stop {
    /// With which code it ends.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
}

impl Stop {
    /// An error with an exit code of its own.
    pub fn with(exit: Exit, message: impl Into<String>) -> anyhow::Error {
        let message = message.into();
        anyhow::Error::new(Self { exit, message })
    }

    /// The exit code of an error: its own, or that of an AWS which could not be asked.
    #[must_use]
    pub fn exit_of(error: &anyhow::Error) -> Exit {
        error
            .downcast_ref::<Self>()
            .map_or(Exit::Unreachable, |stop| stop.exit)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stop {}

/// An error and its causes in one line, with AWS's own words and without the SDK's around them.
#[must_use]
pub fn told(error: &anyhow::Error) -> String {
    let mut links = links(error);
    links.retain(|text| !says_nothing(text));
    links.dedup();
    links.join(": ")
}

/// An error and its causes, each in its words.
#[must_use]
pub fn links(error: &anyhow::Error) -> Vec<String> {
    error.chain().map(link).collect()
}

/// One of them.
#[must_use]
pub fn link(cause: &(dyn std::error::Error + 'static)) -> String {
    match cause.downcast_ref::<ErrorMetadata>() {
        Some(told) => [told.code(), told.message()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": "),
        None => cause.to_string(),
    }
}

/// The SDK's words for that there is a cause, which comes next.
#[must_use]
pub fn says_nothing(link: &str) -> bool {
    let around = ["service error", "dispatch failure", "other", "io error"];
    around.contains(&link)
        || link.starts_with("unhandled error")
        || link.starts_with("an error occurred while loading credentials")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
    use aws_smithy_mocks::{mock, mock_client};

    use super::*;

    #[test]
    fn an_error_keeps_its_code_under_what_is_said_around_it() {
        let error = Err::<(), _>(Stop::with(Exit::Refused, "no"))
            .context("while asking")
            .unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Refused);
        assert_eq!(
            Stop::exit_of(&anyhow::anyhow!("no route")),
            Exit::Unreachable
        );
    }

    #[tokio::test]
    async fn what_aws_says_is_told_without_what_the_sdk_adds() {
        let denied = mock!(aws_sdk_sqs::Client::get_queue_url).then_error(|| {
            let said = ErrorMetadata::builder()
                .code("AccessDenied")
                .message("not you");
            GetQueueUrlError::generic(said.build())
        });
        let sqs = mock_client!(aws_sdk_sqs, [&denied]);
        let error = crate::queues::look(&sqs, "q", false).await.unwrap_err();
        assert_eq!(
            told(&error),
            "the queue q can't be looked at: AccessDenied: not you"
        );
    }
}
