//! Clients as the AWS CLI would make them: profiles, variables, regions and endpoints mean the same here.
//!
//! There are two accounts. All that the pipeline runs on is in the application account; the landing bucket is in
//! the data account, and an operator's role may list it from here. Who puts files there is somebody else, whom
//! `etl sync --data-profile` names.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use pipeline::config::environment;
use pipeline::ledger::Ledger;

use crate::credentials::ProfileCredentials;
use crate::explain::Asked;
use crate::settings::Settings;

/// Longest wait for a connection; people wait for this, and a VPN may be slow.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time without a byte from AWS.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Who asks, and where.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Profile; none: the default chain.
    pub profile: Option<String>,
    /// Region; none: the environment's or the profile's.
    pub region: Option<String>,
}

/// The clients of one of them.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    asked: Asked,
}

impl Aws {
    /// Reads profiles and variables.
    pub async fn connect(identity: &Identity) -> Self {
        // A profile that is asked for by name goes before keys in the environment, as with the AWS CLI.
        let named = identity.profile.clone();
        let profile = named.clone().or_else(profile_of_the_environment);
        let config = load(
            named.as_deref(),
            profile.as_deref(),
            identity.region.as_deref(),
        )
        .await;
        // An empty one is none to the configuration, and one to the clients.
        let empty = || environment("AWS_ENDPOINT_URL").filter(String::is_empty);
        let endpoint = config.endpoint_url().map(str::to_owned).or_else(empty);
        let asked = Asked { profile, endpoint };
        Self { config, asked }
    }

    /// Who asks, and where, to explain errors by.
    #[must_use]
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self, settings: &Settings) -> Ledger {
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        Ledger::new(client, &settings.ledger_table)
    }

    /// Glue.
    #[must_use]
    pub fn glue(&self) -> aws_sdk_glue::Client {
        aws_sdk_glue::Client::new(&self.config)
    }

    /// SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// EventBridge Scheduler.
    #[must_use]
    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.config)
    }

    /// Athena.
    #[must_use]
    pub fn athena(&self) -> aws_sdk_athena::Client {
        aws_sdk_athena::Client::new(&self.config)
    }

    /// S3.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }
}

async fn load(named: Option<&str>, profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    // No limit to a whole call: a part of an upload takes as long as the line is slow.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(pipeline::clients::http_client())
        .timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(name) = named {
        loader = loader.profile_name(name);
    }
    let config = loader.load().await;
    match profile {
        None => config,
        Some(name) => {
            let credentials = ProfileCredentials::of(name, &config);
            let credentials = SharedCredentialsProvider::new(credentials);
            config
                .into_builder()
                .credentials_provider(credentials)
                .build()
        }
    }
}

/// `AWS_PROFILE`, which keys in the environment go before.
fn profile_of_the_environment() -> Option<String> {
    let said = |name| environment(name).filter(|value| !value.is_empty());
    match said("AWS_ACCESS_KEY_ID") {
        Some(_) => None,
        None => said("AWS_PROFILE"),
    }
}
