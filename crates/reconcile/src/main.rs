//! Wires reconcile: logs, configuration, clients, the runtime. What it does is in the library.

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reconcile::{Clients, Config, handler};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::telemetry::init();
    let config = &Config::from_env()?;
    let clients = &Clients::new(&pipeline::clients::sdk_config().await, config);
    run(service_fn(async |_: LambdaEvent<Value>| {
        // The chain of causes goes into the one message: the runtime would keep only its head.
        handler(config, clients, Timestamp::now())
            .await
            .map_err(|error| Error::from(format!("{error:#}")))
    }))
    .await
}
