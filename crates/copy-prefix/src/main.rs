//! Wires copy-prefix: logs, configuration, clients, the runtime. What it does is in the library.

use copy_prefix::{Clients, Config, handler};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::telemetry::init();
    let config = &Config::from_env()?;
    let clients = &Clients::new(&pipeline::clients::sdk_config().await, config);
    run(service_fn(async |event: LambdaEvent<_>| {
        let request_id = &event.context.request_id;
        Ok::<_, Error>(handler(config, clients, event.payload, request_id).await)
    }))
    .await
}
