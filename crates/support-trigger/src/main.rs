//! Wires `support-trigger`: the environment and the clients are read once, at the cold start.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use support_trigger::{Clients, Config, Invocation, handler};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::telemetry::init();
    let config = &Config::from_env()?;
    let clients = &Clients::new(&pipeline::clients::sdk_config().await, config);
    run(service_fn(async |event: LambdaEvent<Value>| {
        let invocation = Invocation::new(&event.context.request_id);
        // The chain of causes goes into the one message: the runtime would keep only its head.
        handler(config, clients, &invocation, &event.payload)
            .await
            .map_err(|error| Error::from(format!("{error:#}")))
    }))
    .await
}
