//! Logs: one JSON object a line on standard output, which Lambda hands to CloudWatch.

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` is optional; without it, `info` and above is written.
///
/// The fields of the current span go with each line, so the request id that the Lambda runtime puts
/// there is on all of them. A second call does nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_current_span(true)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
    if let Err(error) = started {
        tracing::debug!(%error, "logging was already started");
    }
}
