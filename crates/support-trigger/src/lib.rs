//! `support-trigger`: starts a job on an engineer's trigger file, and answers it. Deployed three times, each
//! allowed to start its own job only.
//!
//! - **Trigger**: a file put below `intermediary/scripts/<kind>/` of the state bucket; and each 'Glue Job State
//!   Change', from Glue or sent again by `reconcile`, for the requests that wait for an end.
//! - **Effect**: a file that breaks a rule is answered REFUSED. Otherwise the landed versions that it names
//!   are taken into the ledger, or put again (`copyglue`), a run is asked for once, and the answer says
//!   which run it is, or why Glue starts none now, and what was open. When the run has ended, or others
//!   have done that work, the answer is written again with how it ended. `docs/triggers.md` has the schema.
//! - **Environment**: `LEDGER_TABLE`, `STATE_BUCKET`, `LANDING_BUCKET`, `LANDING_PREFIX`, `KIND`, `JOB`.
//! - **Failure**: a refused trigger is none, and neither is a start that Glue refuses: the work is open, so
//!   that `reconcile` starts a run, and it asks again itself once no run of the job is alive. What can't be read or written fails the invocation; the event comes
//!   again and goes on where this one stopped, and is set aside in the end.
//! - **Idempotency**: by request id, whatever the file is called. Of a start without an answer it looks in
//!   Glue's list for a run in its name before it asks for another.

mod config;
mod landing;
mod settle;
mod start;

use jiff::SignedDuration;
use pipeline::triggers::{
    Admission, Admitted, Answer, Copyglue, Owner, State, Task, TriggerObject, triggers_of,
};
use serde::Serialize;
use serde_json::Value;

pub use config::{Clients, Config, Invocation};
pub use settle::{Settled, WorkItem, settled};

/// Longer than the function's time-out, so that no two work on one request.
const LEASE: SignedDuration = SignedDuration::from_mins(16);

/// What an invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// States of the triggers that it answered.
    pub answered: Vec<State>,
    /// Triggers that another invocation has in hand.
    pub in_hand: usize,
    /// Waiting requests that it gave their last answer.
    pub settled: usize,
}

/// Handles one event.
///
/// # Errors
/// Something can't be read or written, or the job can't be started at all.
pub async fn handler(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    event: &Value,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for object in triggers_of(event, &config.state_bucket)?.unwrap_or_default() {
        if object.place.kind != config.kind {
            tracing::warn!(kind = %object.place.kind, "another function's trigger");
            continue;
        }
        // Boxed, as the futures of many calls to the SDK are too large for a stack.
        match Box::pin(handle(config, clients, invocation, &object)).await? {
            Some(state) => summary.answered.push(state),
            None => summary.in_hand += 1,
        }
    }
    // With any event, as the one that told of a run's end may not have come.
    summary.settled = Box::pin(settle::settle_all(config, clients, invocation)).await?;
    tracing::info!(answered = ?summary.answered, settled = summary.settled, "handled");
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
            let answer = answer(config, clients, invocation, &admitted).await?;
            Ok(Some(clients.desk.answer(&answer).await?.state))
        }
    }
}

/// Does what is asked, up to the start.
async fn answer(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    admitted: &Admitted,
) -> anyhow::Result<Answer> {
    let mut answer = admitted.answer(State::Accepted, None, invocation.now);
    if let Task::Copyglue(files) = &admitted.trigger.task {
        answer.found = match files {
            Copyglue::Open {} => None,
            Copyglue::Keys { keys, reland: true } => {
                Some(landing::reland(config, clients, invocation, admitted, keys).await?)
            }
            Copyglue::Keys { .. } | Copyglue::Prefix { .. } => {
                Some(landing::take_in_missing(config, clients, invocation, admitted, files).await?)
            }
        };
    }
    let open = start::open_work(config, clients).await?;
    let start = match start::start_once(config, clients, &admitted.item).await {
        Ok(start) => start,
        Err(start::StartError::Impossible(error)) => {
            let why = format!("{error:#}");
            tracing::error!(
                request_id = admitted.trigger.request_id,
                why,
                "the job can't be started"
            );
            answer.state = State::Failed;
            answer.why = Some(why);
            answer.open = Some(open);
            return Ok(answer);
        }
        Err(start::StartError::Unknown(error)) => return Err(error),
    };
    if start.run_id.is_none() && open.count == 0 && !open.more && start.active_runs.is_empty() {
        answer.state = State::NothingToDo;
        answer.why = Some("nothing is open, and Glue starts no run now".to_owned());
    }
    answer.open = Some(open);
    answer.start = Some(start);
    Ok(answer)
}
