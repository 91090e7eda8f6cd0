//! copy-prefix: takes landed files into the ledger and asks for a Glue 1 run.
//!
//! - **Trigger**: batches of messages from the landing queue, each an S3 event (or one that SNS wrapped).
//! - **Effect**: for each file named, the marker and the item in the ledger; then, once a batch and only
//!   if there is work in it, `StartJobRun` of Glue 1, whatever that answers. A message that can never
//!   work goes to the dead-letter queue with its reason.
//! - **Environment**: see [`Config`]. **Permissions**: `dynamodb:BatchGetItem` and `dynamodb:PutItem`
//!   on the ledger, `glue:StartJobRun` on Glue 1, `sqs:SendMessage` on the dead-letter queue, the use of
//!   their keys, and what its event source does in the role's name on the landing queue.
//! - **Failure**: a message is acknowledged only once all its files have marker and item (and, if part
//!   of it is poison, once the dead-letter queue has it); the others are named in the partial batch
//!   response and come again. A refused start is no failure: `reconcile` sees to it that there is a run.
//! - **Idempotency**: a version that the ledger has is not put again, and is no reason for a start unless
//!   it is still open. Marker before item, item only if absent, so any part may be repeated.

mod apply;
mod config;
mod decode;
mod plan;

use std::collections::{HashMap, HashSet};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use pipeline::ledger::{LedgerItem, TakenIn};

pub use config::{Clients, Config};
pub use decode::{Contents, Message, decode};
pub use plan::{Plan, plan};

/// Handles one batch. There is no error for the whole of it: whatever fails is a failed message.
///
/// `request_id` is the invocation's: the files' items keep it.
pub async fn handler(
    config: &Config,
    clients: &Clients,
    event: SqsEvent,
    request_id: &str,
) -> SqsBatchResponse {
    let taken_in_by = TakenIn::new(apply::FUNCTION, request_id, Timestamp::now());
    let (bucket, prefix) = (&config.landing_bucket, &config.landing_prefix);
    let records = event.records.into_iter();
    let messages: Vec<Message> = records
        .map(|message| decode(message, bucket, prefix))
        .collect();
    let known = gather(clients, &messages).await;
    let plan = plan(&messages, &known);

    let not_taken_in = apply::take_in(clients, &plan.intake, &taken_in_by).await;
    let not_sent = apply::send_to_dlq(config, clients, &plan.poison).await;
    let taken_in = plan.intake.len() - not_taken_in.len();
    if taken_in > 0 {
        apply::start_run(config, clients).await;
    }

    let failed = failed_messages(&messages, &not_taken_in, &not_sent);
    tracing::info!(
        messages = messages.len(),
        taken_in,
        known = plan.known,
        ignored = plan.ignored,
        poison = plan.poison.len(),
        failed = failed.len(),
        "batch handled"
    );
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    response
}

/// The items that the ledger has already. If they can't be read nothing is known, and every file is
/// taken in as if it were new: the writes are conditional, so that is right too, only dearer.
async fn gather(clients: &Clients, messages: &[Message]) -> HashMap<String, LedgerItem> {
    let files = messages.iter().flat_map(|message| &message.contents.files);
    let pks: Vec<String> = files.map(|file| file.pk()).collect();
    if pks.is_empty() {
        return HashMap::new();
    }
    clients.ledger.items(&pks).await.unwrap_or_else(|error| {
        tracing::warn!(error = format!("{error:#}"), "every file is treated as new");
        HashMap::new()
    })
}

/// The messages that must come again. One without an id makes Lambda send the whole batch again, which
/// is what has to happen if it failed.
fn failed_messages(
    messages: &[Message],
    not_taken_in: &HashSet<String>,
    not_sent: &HashSet<String>,
) -> Vec<String> {
    let is_failed = |message: &&Message| {
        let mut files = message.contents.files.iter();
        not_sent.contains(&message.id) || files.any(|file| not_taken_in.contains(&file.pk()))
    };
    messages
        .iter()
        .filter(is_failed)
        .map(|message| message.id.clone())
        .collect()
}
