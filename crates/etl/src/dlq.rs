//! `etl dlq`: what lies in the dead-letter queues, and putting it back.

mod render;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, ListMessageMoveTasksResultEntry, Message,
    MessageSystemAttributeName,
};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::answer::{Answer, Exit, Stop};
use crate::cli::DeadLetters;
use crate::queues::{self, Queue};
use crate::settings::Settings;
use crate::style;

/// SQS hands out ten at a time.
const A_BATCH: i32 = 10;
/// How long nobody else sees what is being looked at, should this end half-way.
const LOOKING_SECONDS: i32 = 30;
/// A queue is empty once it has had nothing to give for so long: without it, SQS asks some of its servers only.
const EMPTY_AFTER_SECONDS: i32 = 1;
const MOVE_PAUSE: Duration = Duration::from_millis(200);
const MOVE_LOOKS: usize = 1_500;

/// One message that nobody takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// SQS's id of it.
    pub message_id: String,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// Of an event: the function that did not take it.
    pub function: Option<String>,
    /// Why it is here, as far as it says so.
    pub reason: Option<String>,
    /// What it is about: keys of files, or the kind of event.
    pub about: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// All of it.
    pub body: String,
}

/// What lies in one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letters {
    /// The queue.
    pub queue: String,
    /// How many there are, with those that another reader holds.
    pub messages: u64,
    /// The first of them.
    pub shown: Vec<Letter>,
}

impl Letters {
    /// SQS counts none, and gave none: it shows nobody what another reader holds, and its counts lag behind.
    fn is_empty(&self) -> bool {
        self.messages == 0 && self.shown.is_empty()
    }
}

/// What came of putting them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// From where.
    pub queue: String,
    /// To where.
    pub to: String,
    /// How many.
    pub moved: i64,
}

/// Looks at up to `most` messages, and leaves them as they were.
///
/// # Errors
/// SQS can't be asked.
pub async fn list(
    sqs: &Client,
    settings: &Settings,
    which: DeadLetters,
    most: usize,
) -> anyhow::Result<Letters> {
    let queue = dead_letter_queue(sqs, settings, which).await?;
    let mut messages = Vec::new();
    while messages.len() < most {
        let batch = receive(sqs, &queue).await?;
        if batch.is_empty() {
            break;
        }
        messages.extend(batch);
    }
    put_back(sqs, &queue, &messages).await?;
    messages.truncate(most);
    Ok(Letters {
        messages: queue.waiting + queue.in_flight,
        queue: queue.name,
        shown: messages.into_iter().map(read).collect(),
    })
}

async fn dead_letter_queue(
    sqs: &Client,
    settings: &Settings,
    which: DeadLetters,
) -> anyhow::Result<Queue> {
    let name = match which {
        DeadLetters::Landing => &settings.landing_dlq,
        DeadLetters::Events => &settings.events_dlq,
    };
    queues::look(sqs, name, true).await
}

async fn receive(sqs: &Client, queue: &Queue) -> anyhow::Result<Vec<Message>> {
    let answer = sqs
        .receive_message()
        .queue_url(&queue.url)
        .max_number_of_messages(A_BATCH)
        .visibility_timeout(LOOKING_SECONDS)
        .wait_time_seconds(EMPTY_AFTER_SECONDS)
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .message_attribute_names("All")
        .send()
        .await
        .with_context(|| format!("{} can't be read", queue.name))?;
    Ok(answer.messages.unwrap_or_default())
}

async fn put_back(sqs: &Client, queue: &Queue, messages: &[Message]) -> anyhow::Result<()> {
    let batches = messages.chunks(10).map(async |batch| {
        let entries = batch.iter().enumerate().map(|(number, message)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(number.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .visibility_timeout(0)
                .build()
        });
        sqs.change_message_visibility_batch()
            .queue_url(&queue.url)
            .set_entries(Some(entries.collect::<Result<_, _>>()?))
            .send()
            .await
            .with_context(|| format!("messages of {} stay hidden for a while", queue.name))
    });
    try_join_all(batches).await.map(drop)
}

fn read(message: Message) -> Letter {
    let sent = message
        .attributes
        .as_ref()
        .and_then(|told| told.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|millis| Timestamp::from_millisecond(millis.parse().ok()?).ok());
    let attributes: BTreeMap<String, String> = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.string_value?)))
        .collect();
    let body = message.body.unwrap_or_default();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    Letter {
        message_id: message.message_id.unwrap_or_default(),
        sent_at: sent,
        function: function(&json, &attributes),
        reason: reason(&json, &attributes),
        about: about(&body),
        attributes,
        body,
    }
}

/// Whom it was for, by what Lambda says around an event that failed, or EventBridge beside one that it could not hand over.
fn function(json: &Value, attributes: &BTreeMap<String, String>) -> Option<String> {
    let own = json.pointer("/requestContext/functionArn");
    let arn = own
        .and_then(Value::as_str)
        .or_else(|| attributes.get("TARGET_ARN").map(String::as_str))?;
    // The seventh part of the ARN; a version comes after it.
    arn.split(':').nth(6).map(str::to_owned)
}

/// copy-prefix, and EventBridge and the Scheduler, say it in an attribute, each in its own; Lambda in the body.
fn reason(json: &Value, attributes: &BTreeMap<String, String>) -> Option<String> {
    let names = ["reason", "ERROR_MESSAGE", "ErrorMessage"];
    if let Some(told) = names.iter().find_map(|name| attributes.get(*name)) {
        return Some(told.clone());
    }
    // An event that grew too old has a condition and no error.
    let places = ["/requestContext/condition", "/responsePayload/errorMessage"];
    let told: Vec<&str> = places
        .iter()
        .filter_map(|place| json.pointer(place)?.as_str())
        .collect();
    (!told.is_empty()).then(|| told.join(": "))
}

/// What a message is about, in a few words.
fn about(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        return body.chars().take(60).collect();
    };
    // What Lambda puts here wraps the event that the function did not take.
    let json = json.get("requestPayload").unwrap_or(&json);
    if let Some(records) = json.get("Records").and_then(Value::as_array) {
        let keys = records
            .iter()
            .filter_map(|record| record.pointer("/s3/object/key")?.as_str());
        return keys.collect::<Vec<_>>().join(", ");
    }
    let words = [
        "/detail-type",
        "/detail/jobName",
        "/detail/jobRunId",
        "/detail/state",
    ];
    let words = words
        .iter()
        .filter_map(|place| json.pointer(place)?.as_str());
    words.collect::<Vec<_>>().join(" ")
}

/// Has SQS move all of them into the landing queue, and follows that to its end.
///
/// # Errors
/// The queue of events is refused: nothing is lost with them, and SQS moves only what came from a queue.
pub async fn redrive(
    sqs: &Client,
    settings: &Settings,
    which: DeadLetters,
) -> anyhow::Result<Redriven> {
    if which == DeadLetters::Events {
        let message = format!(
            "events of {} are not put back: reconcile has made up for what they were to bring about",
            settings.events_dlq
        );
        return Err(Stop::with(Exit::Refused, message));
    }
    let from = dead_letter_queue(sqs, settings, which).await?;
    let to = queues::look(sqs, &settings.landing_queue, false).await?;
    let mut redriven = Redriven {
        queue: from.name.clone(),
        to: to.name,
        moved: 0,
    };
    if from.waiting > 0 {
        // The destination is said: what copy-prefix itself has put there has no queue to go back to.
        sqs.start_message_move_task()
            .source_arn(&from.arn)
            .destination_arn(&to.arn)
            .send()
            .await
            .with_context(|| format!("SQS does not move the messages of {}", from.name))?;
        redriven.moved = follow(sqs, &from).await?;
    }
    Ok(redriven)
}

async fn follow(sqs: &Client, from: &Queue) -> anyhow::Result<i64> {
    for _ in 0..MOVE_LOOKS {
        let task = last_task(sqs, from).await?;
        let moved = task.approximate_number_of_messages_moved;
        match task.status.as_deref() {
            Some("RUNNING" | "CANCELLING") | None => tokio::time::sleep(MOVE_PAUSE).await,
            Some("COMPLETED") => return Ok(moved),
            Some(other) => {
                let why = task.failure_reason.unwrap_or_default();
                let message = format!("SQS moved {moved} messages, and then: {other} {why}");
                return Err(Stop::with(Exit::Bad, message));
            }
        }
    }
    let message = format!("SQS is still moving the messages of {}", from.name);
    Err(Stop::with(Exit::TimedOut, message))
}

async fn last_task(sqs: &Client, from: &Queue) -> anyhow::Result<ListMessageMoveTasksResultEntry> {
    let answer = sqs
        .list_message_move_tasks()
        .source_arn(&from.arn)
        .max_results(1)
        .send()
        .await
        .with_context(|| format!("the moving of {} can't be followed", from.name))?;
    let mut tasks = answer.results.unwrap_or_default();
    tasks
        .pop()
        .with_context(|| format!("SQS knows of no moving of {}", from.name))
}

/// The answer; bad news if there are any.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer_list(letters: &Letters, now: Timestamp) -> anyhow::Result<Answer> {
    let exit = if letters.is_empty() {
        Exit::Fine
    } else {
        Exit::Bad
    };
    Answer::new(render::render(letters, now), letters, exit)
}

/// The answer.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer_redrive(redriven: &Redriven) -> anyhow::Result<Answer> {
    let text = match redriven.moved {
        0 => style::good(format!("{} is empty", redriven.queue)),
        moved => format!("{moved} messages went back to {}", redriven.to),
    };
    Answer::new(text, redriven, Exit::Fine)
}

#[cfg(test)]
mod tests;
