//! DynamoDB: one table, whatever its name. Items that were written come before those of the world.

use anyhow::{Context, bail};
use hyper::Response;
use serde_json::{Value, json};

use crate::condition::Scope;
use crate::reply::{Body, json, refusal};
use crate::state::{Server, State};

/// DynamoDB's limit for one BatchGetItem.
const KEYS_A_BATCH: usize = 100;

/// One request.
pub fn handle(server: &Server, operation: &str, body: &[u8]) -> anyhow::Result<Response<Body>> {
    server.count(&format!("dynamodb:{operation}"));
    let request: Value = serde_json::from_slice(body)?;
    let state = &mut server.state();
    match operation {
        "GetItem" => {
            let item = find(state, &key(&request["Key"])?);
            json(&item.map_or_else(|| json!({}), |item| json!({"Item": item})))
        }
        "BatchGetItem" => batch_get(state, &request),
        "Query" => query(state, &request),
        "PutItem" => write(state, key(&request["Item"])?, &request, |_, item| {
            *item = Some(request["Item"].clone());
            Ok(())
        }),
        "UpdateItem" => write(state, key(&request["Key"])?, &request, update),
        "DeleteItem" => write(state, key(&request["Key"])?, &request, |_, item| {
            *item = None;
            Ok(())
        }),
        other => bail!("DynamoDB's {other} is not there"),
    }
}

type Key = (String, String);

fn key(attributes: &Value) -> anyhow::Result<Key> {
    let part = |name: &str| {
        let value = attributes[name]["S"].as_str();
        value
            .map(str::to_owned)
            .with_context(|| format!("a key has no {name}"))
    };
    Ok((part("pk")?, part("sk")?))
}

fn find(state: &State, key: &Key) -> Option<Value> {
    let kept = state.table.get(key).cloned();
    kept.or_else(|| state.world.item(&key.0))
}

fn batch_get(state: &State, request: &Value) -> anyhow::Result<Response<Body>> {
    let tables = request["RequestItems"].as_object();
    let (table, wanted) = tables
        .and_then(|tables| tables.iter().next())
        .context("a batch asks for nothing")?;
    let keys = wanted["Keys"].as_array().context("a batch has no keys")?;
    if keys.len() > KEYS_A_BATCH {
        return Ok(refusal(
            400,
            "ValidationException",
            "Too many items requested",
        ));
    }
    let mut items = Vec::with_capacity(keys.len());
    for attributes in keys {
        items.extend(find(state, &key(attributes)?));
    }
    json(&json!({"Responses": {table: items}, "UnprocessedKeys": {}}))
}

fn query(state: &State, request: &Value) -> anyhow::Result<Response<Body>> {
    let pk = request["ExpressionAttributeValues"][":pk"]["S"]
        .as_str()
        .context("only queries for pk = :pk are there")?;
    let limit = request["Limit"].as_u64().unwrap_or(u64::MAX) as usize;
    let after = request["ExclusiveStartKey"]["sk"]["S"].as_str();
    let (items, more) = if state.world.open_markers > 0 {
        state.world.markers(pk, after, limit)
    } else {
        kept(state, pk, after, limit)
    };
    let mut answer = json!({"Count": items.len(), "ScannedCount": items.len()});
    if more && let Some(last) = items.last() {
        answer["LastEvaluatedKey"] = json!({"pk": last["pk"], "sk": last["sk"]});
    }
    answer["Items"] = Value::from(items);
    json(&answer)
}

/// What was written below a partition key, in order, after a sort key; and whether there is more.
fn kept(state: &State, pk: &str, after: Option<&str>, limit: usize) -> (Vec<Value>, bool) {
    let follows = |key: &Key| key.0 == pk && after.is_none_or(|after| key.1.as_str() > after);
    let mut kept: Vec<_> = state.table.iter().filter(|(key, _)| follows(key)).collect();
    kept.sort_by_key(|(key, _)| *key);
    let more = kept.len() > limit;
    let items = kept.into_iter().take(limit);
    (items.map(|(_, item)| item.clone()).collect(), more)
}

fn update(request: &Value, item: &mut Option<Value>) -> anyhow::Result<()> {
    let mut attributes = match item.take() {
        Some(Value::Object(attributes)) => attributes,
        _ => request["Key"].as_object().cloned().unwrap_or_default(),
    };
    Scope::new(request).update(&mut attributes)?;
    *item = Some(Value::Object(attributes));
    Ok(())
}

fn write(
    state: &mut State,
    key: Key,
    request: &Value,
    change: impl FnOnce(&Value, &mut Option<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<Response<Body>> {
    let mut item = find(state, &key);
    if !Scope::new(request).holds(item.as_ref())? {
        let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        return Ok(refusal(400, code, "The conditional request failed"));
    }
    change(request, &mut item)?;
    match item {
        Some(item) => {
            state.table.insert(key, item);
        }
        None => {
            state.table.remove(&key);
        }
    }
    json(&json!({}))
}
