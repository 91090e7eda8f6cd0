//! The AWS SDK's configuration, the same for every function.
//!
//! Region, credentials and endpoints come from the SDK's own variables (`AWS_REGION`,
//! `AWS_ENDPOINT_URL`, ...). What the SDK leaves out is set here: time-outs (it has none by default)
//! and a TLS stack that starts fast. AWS's endpoints are verified against Amazon's own roots, five
//! certificates in the binary, because reading a whole system store costs more than the rest of a
//! cold start. `AWS_CA_BUNDLE`, the usual variable for a TLS proxy's certificates, adds to them.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Amazon Root CA 1 to 4 and Starfield Services Root CA - G2, from <https://www.amazontrust.com/repository/>.
/// The first to end is valid until 2037.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// How long to wait for a connection: a regional endpoint that takes longer is not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one attempt of a call may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call may take with all its retries. Shorter than any function's own time-out, so that a
/// slow service ends as an error with a name and not as a killed invocation.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(45);

/// Loads the configuration that all service clients of a function are built from. Call it once, at start.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .timeout_config(timeouts)
        .load()
        .await
}

/// What all clients speak HTTP with: Amazon's roots, and whatever `AWS_CA_BUNDLE` adds.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let tls = TlsContext::builder()
        .with_trust_store(trust_store(ca_bundle()))
        .build();
    let builder =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match tls {
        Ok(context) => builder.tls_context(context).build_https(),
        // Not reached with the store above; the platform's own roots are a safe default all the same.
        Err(error) => {
            tracing::warn!(%error, "Amazon's roots can't be used, the system's are");
            builder.build_https()
        }
    }
}

fn trust_store(bundle: Option<Vec<u8>>) -> TrustStore {
    let store = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    match bundle {
        Some(pem) => store.with_pem_certificate(pem),
        None => store,
    }
}

fn ca_bundle() -> Option<Vec<u8>> {
    let path = crate::config::environment("AWS_CA_BUNDLE").filter(|path| !path.is_empty())?;
    match std::fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            tracing::warn!(%error, path, "AWS_CA_BUNDLE can't be read and is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_roots_are_in_the_binary() {
        let text = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        assert_eq!(text.matches("-----END CERTIFICATE-----").count(), 5);
    }

    #[tokio::test]
    async fn every_call_has_time_outs() {
        let config = sdk_config().await;
        let timeouts = config.timeout_config().unwrap();
        assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
        assert_eq!(timeouts.operation_attempt_timeout(), Some(ATTEMPT_TIMEOUT));
        assert_eq!(timeouts.operation_timeout(), Some(OPERATION_TIMEOUT));
        assert!(config.http_client().is_some());
    }
}
