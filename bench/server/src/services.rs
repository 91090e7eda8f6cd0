//! Glue, SQS and EventBridge: what they are asked for is counted and granted.

use anyhow::bail;
use hyper::Response;
use serde_json::{Value, json};

use crate::reply::{Body, json, refusal};
use crate::state::Server;

/// One request of a service that speaks JSON.
pub fn handle(server: &Server, operation: &str, body: &[u8]) -> anyhow::Result<Response<Body>> {
    server.count(&format!("other:{operation}"));
    match operation {
        "StartJobRun" => {
            let mut state = server.state();
            state.starts += 1;
            json(&json!({"JobRunId": format!("jr_started_{}", state.starts)}))
        }
        "GetJobRuns" => json(&json!({"JobRuns": []})),
        "GetJobRun" => Ok(refusal(
            400,
            "EntityNotFoundException",
            "Glue knows no such run",
        )),
        "SendMessage" => json(&json!({"MessageId": "00000000-0000-0000-0000-000000000000"})),
        "PutEvents" => {
            let request: Value = serde_json::from_slice(body)?;
            let entries = request["Entries"].as_array().map_or(0, Vec::len);
            let taken = vec![json!({"EventId": "e"}); entries];
            json(&json!({"FailedEntryCount": 0, "Entries": taken}))
        }
        other => bail!("the operation {other} is not there"),
    }
}
