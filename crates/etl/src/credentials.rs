//! Credentials of a profile, of whatever kind it is.
//!
//! Keys and assumed roles the SDK reads by itself. What else a profile may say (single sign-on, a program to be run)
//! is the AWS CLI's business: whoever signs in with it has it, and it hands out what it has got. So the functions,
//! which share the SDK with this program, carry none of that.

use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use jiff::Timestamp;
use serde::Deserialize;

use crate::explain::why_none;

const CLI: &str = "aws";

/// The credentials of one profile.
#[derive(Debug)]
pub struct ProfileCredentials {
    profile: String,
    sdk: ProfileFileCredentialsProvider,
    /// Why there are none. The SDK says it to whoever asks first, and several requests ask at a time.
    why_none: OnceLock<String>,
}

impl ProfileCredentials {
    /// Those of this profile, for clients with this configuration.
    #[must_use]
    pub fn of(profile: &str, config: &SdkConfig) -> Self {
        let mut settings = ProviderConfig::without_region().with_region(config.region().cloned());
        if let Some(client) = config.http_client() {
            settings = settings.with_http_client(client);
        }
        let sdk = ProfileFileCredentialsProvider::builder()
            .configure(&settings)
            .profile_name(profile)
            .build();
        Self {
            profile: profile.to_owned(),
            sdk,
            why_none: OnceLock::new(),
        }
    }

    async fn load(&self) -> Result {
        let error = match self.sdk.provide_credentials().await {
            Ok(credentials) => return Ok(credentials),
            Err(error) => error,
        };
        let why = self.why_none.get_or_init(|| why_none(&error));
        let profile = self.profile.clone();
        let asked = tokio::task::spawn_blocking(move || ask_cli(&profile)).await;
        let why = match asked {
            Ok(Ok(output)) => match read(&output) {
                Ok(credentials) => return Ok(credentials),
                // One of the two is what the person has to mend.
                Err(said) => format!("{why}; and the AWS CLI has none: {said}"),
            },
            // Without the AWS CLI, what the SDK said is all that there is to say.
            _ => why.clone(),
        };
        Err(CredentialsError::provider_error(why))
    }
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

fn ask_cli(profile: &str) -> std::io::Result<Output> {
    Command::new(CLI)
        .args(["configure", "export-credentials", "--format", "process"])
        .args(["--profile", profile])
        .output()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

fn read(output: &Output) -> std::result::Result<Credentials, String> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("Invalid choice") {
            return Err("it is version 1, which hands out none; version 2 does".to_owned());
        }
        // Its usage comes before what is wrong.
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        return Err(last.unwrap_or("it does not say why").to_owned());
    }
    let exported: Exported = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("what it gives is something else: {error}"))?;
    Ok(Credentials::new(
        exported.access_key_id,
        exported.secret_access_key,
        exported.session_token,
        exported.expiration.map(moment),
        "AwsCli",
    ))
}

fn moment(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_second().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn what_the_cli_hands_out_is_read_with_its_end() {
        let told = r#"{"Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": "2026-05-08T12:00:00+00:00"}"#;
        let credentials = read(&output(0, told, "")).unwrap();
        assert_eq!(credentials.access_key_id(), "ASIA");
        assert_eq!(credentials.session_token(), Some("t"));
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_778_241_600);
        assert_eq!(credentials.expiry(), Some(end));
        let lasting = r#"{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s"}"#;
        assert_eq!(read(&output(0, lasting, "")).unwrap().expiry(), None);
    }

    #[test]
    fn what_the_cli_says_is_said() {
        let error = read(&output(255, "", "The SSO session has expired.\n")).unwrap_err();
        assert_eq!(error, "The SSO session has expired.");
        let usage = "usage: aws [options]\naws: error: argument subcommand: Invalid choice, valid choices are:\n\nset | add-model\n";
        let error = read(&output(2, "", usage)).unwrap_err();
        assert!(error.contains("version 1"), "{error}");
        assert!(read(&output(0, "[]", "")).is_err());
    }
}
