//! Errors of AWS's SDK that have a cause on this side: who asks, where, and of which environment.

use aws_credential_types::provider::error::CredentialsError;

use crate::answer::{Exit, Stop, links, told};
use crate::settings::Environment;

/// How AWS's services say that what is asked for by its name is not there.
const NOT_THERE: [&str; 5] = [
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "ResourceNotFoundException",
    "EntityNotFoundException",
    "NoSuchBucket",
];

/// Who asked, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// By which profile, if by one.
    pub profile: Option<String>,
    /// At which endpoint, if AWS's own are not meant.
    pub endpoint: Option<String>,
}

impl Asked {
    /// Refuses an endpoint that no request can be sent to.
    ///
    /// # Errors
    /// It is no URL of the web.
    pub fn check(&self) -> anyhow::Result<()> {
        match &self.endpoint {
            Some(endpoint)
                if !["http://", "https://"]
                    .iter()
                    .any(|it| endpoint.starts_with(it)) =>
            {
                Err(bad_endpoint(endpoint))
            }
            _ => Ok(()),
        }
    }

    /// The error in a line that says what is to be mended, where that is known.
    #[must_use]
    pub fn explain(&self, error: anyhow::Error, environment: Environment) -> anyhow::Error {
        if error.is::<Stop>() {
            return error;
        }
        let links = links(&error);
        let any = |wanted: &str| links.iter().any(|link| link.contains(wanted));
        if let Some(cause) = credentials_error(&error) {
            return Stop::with(Exit::Unreachable, self.no_credentials(cause));
        }
        if any("Missing Region") {
            let rule = "no region: say which with --region, AWS_REGION or in the profile";
            return Stop::with(Exit::Usage, rule);
        }
        if let Some(endpoint) = links.iter().find_map(|link| refused_endpoint(link)) {
            return bad_endpoint(endpoint);
        }
        if links
            .iter()
            .any(|link| NOT_THERE.iter().any(|code| link.starts_with(code)))
        {
            let hint = format!(
                "is {environment} deployed in the account of {}?",
                self.who()
            );
            return Stop::with(Exit::Unreachable, format!("{} ({hint})", told(&error)));
        }
        match &self.endpoint {
            Some(endpoint) if any("dispatch failure") => {
                error.context(format!("AWS at {endpoint}"))
            }
            _ => error,
        }
    }

    fn who(&self) -> String {
        match &self.profile {
            Some(profile) => format!("the profile {profile:?}"),
            None => "these credentials".to_owned(),
        }
    }

    fn no_credentials(&self, cause: &CredentialsError) -> String {
        match (&self.profile, cause) {
            (None, CredentialsError::CredentialsNotLoaded(_)) => {
                "no credentials: name a profile (--profile, AWS_PROFILE), or set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
                    .to_owned()
            }
            _ => format!("no credentials by {}: {}", self.who(), why_none(cause)),
        }
    }
}

fn bad_endpoint(endpoint: &str) -> anyhow::Error {
    let rule = "it has to begin with http:// or https:// (AWS_ENDPOINT_URL, or endpoint_url of the profile)";
    Stop::with(Exit::Usage, format!("the endpoint {endpoint:?}: {rule}"))
}

/// What the error has to say about credentials, if it comes of these: whatever else is asked will fail alike.
#[must_use]
pub fn credentials_error(error: &anyhow::Error) -> Option<&CredentialsError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

/// Why there are no credentials, without the SDK's words for that there are none.
#[must_use]
pub fn why_none(error: &CredentialsError) -> String {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return "there is no such profile, or it has neither keys nor a role".to_owned();
    }
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(crate::answer::link(cause));
        next = cause.source();
    }
    causes.dedup();
    causes.retain(|cause| !crate::answer::says_nothing(cause));
    if causes.iter().any(|cause| cause.contains("cargo feature")) {
        "it is of a kind that only the AWS CLI signs in with".to_owned()
    } else if causes.is_empty() {
        error.to_string()
    } else {
        causes.join(": ")
    }
}

/// The endpoint that a request could not be given, out of the SDK's words for that.
fn refused_endpoint(link: &str) -> Option<&str> {
    let rest = link.strip_prefix("failed to apply endpoint `")?;
    rest.split_once('`').map(|(endpoint, _)| endpoint)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn explained(asked: &Asked, error: anyhow::Error) -> (Exit, String) {
        let error = asked.explain(error, Environment::Prod);
        (Stop::exit_of(&error), told(&error))
    }

    #[test]
    fn what_is_not_there_makes_one_ask_for_the_environment() {
        let missing = aws_sdk_sqs::types::error::QueueDoesNotExist::builder()
            .message("no such queue")
            .build();
        let error = Err::<(), _>(missing).context("q can't be looked at");
        let asked = Asked {
            profile: Some("p".to_owned()),
            endpoint: None,
        };
        let (exit, said) = explained(&asked, error.unwrap_err());
        assert_eq!(exit, Exit::Unreachable);
        assert!(
            said.starts_with("q can't be looked at: QueueDoesNotExist"),
            "{said}"
        );
        assert!(
            said.ends_with(r#"(is prod deployed in the account of the profile "p"?)"#),
            "{said}"
        );
    }

    #[test]
    fn why_a_profile_gives_none_is_said_in_a_line() {
        let asked = Asked {
            profile: Some("p".to_owned()),
            endpoint: None,
        };
        let cause = CredentialsError::provider_error("the sign-on has expired");
        let (_, said) = explained(&asked, anyhow::Error::new(cause).context("q"));
        assert_eq!(
            said,
            r#"no credentials by the profile "p": the sign-on has expired"#
        );
    }

    #[test]
    fn what_is_known_to_be_refused_stays_as_it_is() {
        let error = Stop::with(Exit::Refused, "NoSuchBucket");
        let said = explained(&Asked::default(), error);
        assert_eq!(said, (Exit::Refused, "NoSuchBucket".to_owned()));
    }
}
