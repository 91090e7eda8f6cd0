//! What the driver says: how large the world is, what the ledger holds, call the function; and what it asks.

use anyhow::{Context, bail};
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::reply::{Body, json};
use crate::state::{Server, State};

/// One request of the driver.
pub async fn handle(server: &Server, path: &str, body: Bytes) -> anyhow::Result<Response<Body>> {
    match path {
        "reset" => {
            let world = serde_json::from_slice(&body).context("that is no world")?;
            *server.state() = State::new(world);
            server.invocations.clear();
            json(&json!({}))
        }
        "items" => {
            let items: Vec<Value> = serde_json::from_slice(&body)?;
            let mut state = server.state();
            for item in items {
                let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
                let key = (part("pk"), part("sk"));
                state.table.insert(key, item);
            }
            json(&json!({}))
        }
        "invoke" => {
            let answer = server.invocations.invoke(body).await?;
            json(&json!({
                "payload": String::from_utf8_lossy(&answer.payload),
                "is_error": answer.is_error,
                "seconds": answer.took.map(|took| took.as_secs_f64()),
            }))
        }
        "state" => json(&summary(&server.state())),
        other => bail!("the driver asks for {other}, which is not there"),
    }
}

fn summary(state: &State) -> Value {
    let count = |prefix: &str| {
        let of = |(pk, _): &&(String, String)| pk.starts_with(prefix);
        state.table.keys().filter(of).count()
    };
    json!({
        "requests": state.requests,
        "keys_left": state.world.keys() - state.deleted,
        "files": count("FILE#"),
        "markers": count("OPEN#"),
        "starts": state.starts,
        "listed": state.listed,
    })
}
