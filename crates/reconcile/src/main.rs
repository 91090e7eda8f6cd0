//! Wires reconcile: logs, configuration, clients, the runtime. What it does is in the library.

use std::time::SystemTime;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reconcile::{Clients, Config, Invocation, handler};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::telemetry::init();
    let config = &Config::from_env()?;
    let clients = &Clients::new(&pipeline::clients::sdk_config().await, config);
    run(service_fn(async |event: LambdaEvent<Value>| {
        let context = &event.context;
        // A deadline that has passed, by a clock that is wrong, leaves no time to list and all else to do.
        let time_left = context.deadline().duration_since(SystemTime::now());
        let invocation = Invocation::new(
            &context.request_id,
            &context.env_config.function_name,
            time_left.unwrap_or_default(),
        );
        // The chain of causes goes into the one message: the runtime would keep only its head.
        handler(config, clients, &invocation)
            .await
            .map_err(|error| Error::from(format!("{error:#}")))
    }))
    .await
}
