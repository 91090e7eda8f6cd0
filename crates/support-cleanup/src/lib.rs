//! `support-cleanup`: removes what a run that did not commit left, or landing files that no run has done, on an
//! engineer's trigger file; and puts it back.
//!
//! - **Trigger**: a file put below `intermediary/scripts/cleanup/` of the state bucket.
//! - **Effect**: what is to be done is listed, object by object, and kept, before the first of it is done. A dry run
//!   ends there. `quarantine` leaves a copy below quarantine's `_cleanup/request=<id>/`; `delete` leaves S3's noncurrent
//!   version. Outputs of a run get a delete marker. A landing file's version itself goes, since Glue 1 reads
//!   versions, whatever lies on top; so it is taken into the ledger, if that lacks it, and copied first in both modes. The answer says what became of
//!   each object; an `undo` of it puts all of it back.
//! - **Refused**: a run that is alive or has committed, more objects than the limit, an undoing of what is
//!   none, or of what another undoing has put back or is at. A landing file that a run has done or may hold is left, and the answer says so.
//! - **Environment**: see [`Config`].
//! - **Failure**: one object's failure does not keep the others. What S3 denies is left, and the answer is FAILED; any other
//!   failure fails the invocation in the end, and the same event, coming again, goes on with the same list.
//! - **Idempotency**: by request id. What is to be done about an object is decided on how it is now.

mod act;
mod config;
mod gather;
mod objects;
mod plan;
mod undo;
mod undoing;

use jiff::SignedDuration;
use pipeline::triggers::{
    Admission, Admitted, Answer, Cleaned, Cleanup, Done, Kind, Owner, State, Target, Task,
    TriggerObject, triggers_of,
};
use serde::Serialize;
use serde_json::Value;

pub use config::{Clients, Config, Invocation};
pub use plan::{FileFate, LandedFate, Present, RunFate, Todo, file_fate, landed_fate, run_fate};

/// Longer than the function's time-out, so that no two work on one request.
const LEASE: SignedDuration = SignedDuration::from_mins(16);

/// What an invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// States of the triggers that it answered.
    pub answered: Vec<State>,
    /// Triggers that another invocation has in hand.
    pub in_hand: usize,
}

/// Handles one event.
///
/// # Errors
/// The event is none of S3's, or something can't be read or written.
pub async fn handler(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    event: &Value,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let Some(objects) = triggers_of(event, &config.state_bucket)? else {
        anyhow::bail!("the event is no S3 event: it has no Records");
    };
    for object in objects {
        if object.place.kind != Kind::Cleanup {
            tracing::warn!(kind = %object.place.kind, "another function's trigger");
            continue;
        }
        // Boxed, as the futures of many calls to the SDK are too large for a stack.
        match Box::pin(handle(config, clients, invocation, &object)).await? {
            Some(state) => summary.answered.push(state),
            None => summary.in_hand += 1,
        }
    }
    Ok(summary)
}

async fn handle(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    object: &TriggerObject,
) -> anyhow::Result<Option<State>> {
    let owner = Owner {
        id: invocation.request_id.clone(),
        now: invocation.now,
        lease: LEASE,
    };
    match clients.desk.admit(object, &owner).await? {
        Admission::Answered(state) => Ok(Some(state)),
        Admission::InHand => Ok(None),
        Admission::ToDo(admitted) => {
            let Task::Cleanup(cleanup) = &admitted.trigger.task else {
                anyhow::bail!("a trigger of another kind below cleanup/");
            };
            let answer = answer(config, clients, invocation, &admitted, cleanup).await?;
            Ok(Some(clients.desk.answer(&answer).await?.state))
        }
    }
}

async fn answer(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    admitted: &Admitted,
    cleanup: &Cleanup,
) -> anyhow::Result<Answer> {
    let request_id = &admitted.trigger.request_id;
    let todo = match plan_of(config, clients, invocation, admitted, cleanup).await? {
        Ok(todo) => todo,
        Err(why) => return Ok(admitted.answer(State::Refused, Some(why), invocation.now)),
    };
    let (note, missing) = (todo.note.clone(), todo.missing.clone());
    let list = match &cleanup.target {
        _ if cleanup.dry_run => todo.objects,
        Target::Undo { .. } => undo::restore(config, clients, request_id, todo).await?,
        Target::Run { .. } | Target::Files { .. } => {
            act::remove(config, clients, request_id, cleanup.mode, todo.objects).await?
        }
    };
    let concerned = || list.iter().filter(|object| object.done != Some(Done::Left));
    let denied = list
        .iter()
        .filter_map(|object| object.note.as_deref())
        .filter(|note| note.starts_with(act::DENIED))
        .count();
    let (state, why) = match (denied, concerned().count()) {
        (0, 0) => (State::NothingToDo, note),
        (0, _) => (State::Succeeded, note),
        (denied, _) => (
            State::Failed,
            Some(format!("S3 denied {denied} objects; their notes say what")),
        ),
    };
    let mut answer = admitted.answer(state, why, invocation.now);
    answer.cleanup = Some(Cleaned {
        dry_run: cleanup.dry_run,
        mode: cleanup.mode,
        undoes: match &cleanup.target {
            Target::Undo { undo } => Some(undo.clone()),
            Target::Run { .. } | Target::Files { .. } => None,
        },
        objects: concerned().count(),
        bytes: concerned().map(|object| object.size).sum(),
        list,
        missing,
    });
    Ok(answer)
}

/// What is to be done, kept; or (inner error) why nothing is.
async fn plan_of(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    admitted: &Admitted,
    cleanup: &Cleanup,
) -> anyhow::Result<Result<Todo, String>> {
    let (desk, request_id) = (&clients.desk, &admitted.trigger.request_id);
    let todo = match desk.plan::<Todo>(&admitted.item).await? {
        Some(todo) => todo,
        None => {
            let gathered = gather::gather(config, clients, invocation, request_id, cleanup).await?;
            match gathered.and_then(|todo| todo.within(cleanup.limit)) {
                Ok(todo) => desk.keep_plan(request_id, todo).await?,
                Err(why) => return Ok(Err(why)),
            }
        }
    };
    if let (Target::Undo { undo }, false) = (&cleanup.target, cleanup.dry_run) {
        // Only now that its answer will tell of each object: whoever comes after it goes by that.
        let before = todo.after.as_deref();
        if !desk.ledger.set_undone_by(undo, before, request_id).await? {
            let item = desk.ledger.request(undo).await?;
            let by = item.and_then(|item| item.undone_by).unwrap_or_default();
            return Ok(Err(undoing::undone_by(undo, &by)));
        }
    }
    Ok(Ok(todo))
}
