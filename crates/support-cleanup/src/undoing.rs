//! What there is to put back, and whether it is this request that does.

use std::collections::HashMap;

use pipeline::triggers::{CleanedObject, Done, Kind, State};

use crate::plan::Todo;
use crate::undo::{is_back, put_back_by};
use crate::{Clients, Config};

/// What of a cleanup is to be put back, or (inner error) why nothing is.
///
/// # Errors
/// Something can't be read.
pub async fn undoing(
    config: &Config,
    clients: &Clients,
    undo: &str,
    request_id: &str,
) -> anyhow::Result<Result<Todo, String>> {
    let Some(item) = clients.desk.ledger.request(undo).await? else {
        return Ok(Err(format!("undo: there is no request {undo:?}")));
    };
    if item.kind != Kind::Cleanup {
        return Ok(Err(format!(
            "undo: the request {undo:?} is no cleanup, but {}",
            item.kind
        )));
    }
    let Some(answer) = clients.desk.answer_of(&item).await? else {
        return Ok(Err(format!(
            "undo: the request {undo:?} is not answered yet"
        )));
    };
    match (answer.state, answer.cleanup) {
        (State::Succeeded | State::Failed, Some(cleaned))
            if !cleaned.dry_run && cleaned.undoes.is_none() =>
        {
            let todo = undone(config, cleaned.list);
            match item.undone_by.filter(|by| by != request_id) {
                Some(before) => left_by(clients, todo, undo, before).await,
                None => Ok(Ok(todo)),
            }
        }
        _ => Ok(Err(format!(
            "undo: the request {undo:?} has removed nothing"
        ))),
    }
}

/// What an undoing before this one has left to do. Its answer says so for good, whatever became of what it put back.
async fn left_by(
    clients: &Clients,
    mut todo: Todo,
    undo: &str,
    before: String,
) -> anyhow::Result<Result<Todo, String>> {
    let answer = match clients.desk.ledger.request(&before).await? {
        Some(item) => clients.desk.answer_of(&item).await?,
        None => None,
    };
    let Some(answer) = answer else {
        return Ok(Err(undone_by(undo, &before)));
    };
    let list = answer.cleanup.map(|cleaned| cleaned.list);
    let back: HashMap<_, CleanedObject> = list
        .unwrap_or_default()
        .into_iter()
        .filter(is_back)
        .map(|object| (place(&object), object))
        .collect();
    for object in &mut todo.objects {
        if let Some(known) = back.get(&place(object)) {
            let restored_as = known.restored_as.clone();
            *object = match known.done {
                Some(Done::Restored) => put_back_by(object.clone(), &before),
                _ => known.clone(),
            };
            object.restored_as = restored_as;
        }
    }
    if todo.objects.iter().all(is_back) {
        return Ok(Err(format!(
            "undo: the request {before:?} has put back all of {undo:?} already"
        )));
    }
    todo.after = Some(before);
    Ok(Ok(todo))
}

fn place(object: &CleanedObject) -> (String, String, String) {
    let CleanedObject {
        bucket,
        key,
        version_id,
        ..
    } = object;
    (bucket.clone(), key.clone(), version_id.clone())
}

/// The refusal of an undoing while another one is under way.
pub fn undone_by(undo: &str, by: &str) -> String {
    format!(
        "undo: the request {by:?} has set out to undo {undo:?} and is not answered: put its trigger again, and it goes on"
    )
}

/// What a cleanup's list, newest versions first, leaves to undo: oldest first.
fn undone(config: &Config, list: Vec<CleanedObject>) -> Todo {
    let mut todo = Todo::default();
    for object in list.into_iter().rev() {
        if object.bucket == config.landing_bucket {
            let landed = todo.landed.entry(object.key.clone()).or_default();
            landed.push(object.version_id.clone());
        }
        if object.done == Some(Done::Removed) {
            todo.objects.push(CleanedObject {
                done: None,
                ..object
            });
        }
    }
    todo
}
