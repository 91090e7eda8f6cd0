//! What is planned, done: the ledger, the dead-letter queue, the start.

use std::collections::HashSet;

use anyhow::Context;
use aws_sdk_sqs::types::MessageAttributeValue;
use futures::stream::{self, StreamExt};
use pipeline::glue::{StartOutcome, start_job_run};
use pipeline::intake;
use pipeline::ledger::{FileItem, TakenIn};

use crate::decode::Message;
use crate::{Clients, Config};

/// Files in flight: a batch of thousands takes a second or two, with few connections.
const AT_ONCE: usize = 32;

/// Who the run's report says asked for it, and a file's item that it took it in.
pub const FUNCTION: &str = "copy-prefix";

/// Takes the files in, many at a time. Gives the partition keys of those that could not be.
pub async fn take_in(
    clients: &Clients,
    files: &[&FileItem],
    taken_in: &TakenIn,
) -> HashSet<String> {
    stream::iter(files)
        .map(async |file| {
            let answer = intake::take_in(&clients.ledger, file, taken_in).await;
            (file, answer)
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |(file, answer)| {
            let error = format!("{:#}", answer.err()?);
            let file_id = file.file_id();
            tracing::error!(file_id, error, "file not taken in, it comes again");
            Some(file.pk())
        })
        .collect()
        .await
}

/// Sends poison to the dead-letter queue, each with its reason. Gives the ids of the messages that it
/// does not have for certain.
pub async fn send_to_dlq(
    config: &Config,
    clients: &Clients,
    messages: &[&Message],
) -> HashSet<String> {
    stream::iter(messages)
        .map(async |message| (message, send(config, clients, message).await))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |(message, sent)| {
            let (message_id, reason) = (&message.id, message.contents.poison.as_deref());
            let Err(error) = sent else {
                tracing::warn!(message_id, reason, "message sent to the dead-letter queue");
                return None;
            };
            let error = format!("{error:#}");
            tracing::error!(message_id, reason, error, "poison not sent, it comes again");
            Some(message_id.clone())
        })
        .collect()
        .await
}

async fn send(config: &Config, clients: &Clients, message: &Message) -> anyhow::Result<()> {
    let reason = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(message.contents.poison.as_deref().unwrap_or("unknown"))
        .build()?;
    // SQS takes no empty body.
    let body = if message.body.is_empty() {
        "(empty)"
    } else {
        &message.body
    };
    clients
        .sqs
        .send_message()
        .queue_url(&config.dlq_url)
        .message_body(body)
        .message_attributes("reason", reason)
        .send()
        .await
        .context("the dead-letter queue takes no message")?;
    Ok(())
}

/// Asks for a run. The files are in the ledger by now, so no answer makes the batch fail: what was
/// refused is started by `reconcile`, which fails loudly if the job can't be started at all.
pub async fn start_run(config: &Config, clients: &Clients) {
    match start_job_run(&clients.glue, &config.ingest_job, FUNCTION).await {
        Ok(StartOutcome::Started(run_id)) => tracing::info!(stage = 1, run_id, "run started"),
        Ok(StartOutcome::Refused(reason)) => {
            tracing::info!(
                stage = 1,
                reason,
                "no run started, a later one takes the files"
            );
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(stage = 1, error, "the job can't be started");
        }
    }
}
