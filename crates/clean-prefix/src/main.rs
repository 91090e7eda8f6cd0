//! Wires `clean-prefix`: the environment and the clients are read once, at the cold start.

use clean_prefix::{Clients, Config, handler};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::telemetry::init();
    let config = &Config::from_env()?;
    let clients = &Clients::new(&pipeline::clients::sdk_config().await, config);
    run(service_fn(async |event: LambdaEvent<Value>| {
        // The chain of causes goes into the one message: the runtime would keep only its head.
        handler(config, clients, &event.payload)
            .await
            .map_err(|error| Error::from(format!("{error:#}")))
    }))
    .await
}
