//! `etl trigger` and `etl reland`: have a step done by hand, and hear what came of it.
//!
//! This program starts nothing itself. It puts a trigger file, a support function does what it says, and the answer
//! lies under the same name; docs/triggers.md has both. A file that the function would refuse is not put at all.

mod hear;
mod render;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use pipeline::triggers::{
    Answer as Reply, Cleanup, Copyglue, DEFAULT_LIMIT, Kind, Mode, State, Target, Task, Trigger,
    TriggerPlace,
};
use serde::Serialize;

use crate::answer::{Answer, Exit, Stop};
use crate::cli::{Asking, CleanupArgs, CopyglueArgs, RelandArgs, Removal, TriggerCommand};
use crate::file::full_key;
use crate::settings::Settings;

/// S3's limit, in bytes.
const LONGEST_KEY: usize = 1024;
/// Whose name stands in a trigger if none is said: who runs the CI job, or who is logged in.
const NAMES: [&str; 3] = ["GITLAB_USER_LOGIN", "USER", "LOGNAME"];

/// A trigger that was put, and its answer as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Put {
    /// Names the request.
    pub request_id: String,
    /// Where the trigger lies.
    pub trigger: String,
    /// Where the answer lies, or will.
    pub result: String,
    /// The answer; none if nobody waited for it, or none came.
    pub answer: Option<Reply>,
    #[serde(skip)]
    waited: bool,
    #[serde(skip)]
    place: hear::Place,
}

/// What the command line asks for, as a trigger that keeps the rules.
///
/// # Errors
/// It breaks one of the rules, which is named; or nobody says who asks.
pub fn trigger_of(
    command: &TriggerCommand,
    settings: &Settings,
    lookup: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> anyhow::Result<Trigger> {
    let task = match command {
        TriggerCommand::Copyglue(args) => Task::Copyglue(copyglue(args, settings)),
        TriggerCommand::Glue2(_) => Task::Glue2 {},
        TriggerCommand::Optimization(_) => Task::Optimization {},
        TriggerCommand::Cleanup(args) => Task::Cleanup(cleanup(args, settings)),
    };
    checked(task, command.asking(), settings, lookup, now)
}

/// The same for `etl reland`.
///
/// # Errors
/// As [`trigger_of`].
pub fn reland(
    args: &RelandArgs,
    settings: &Settings,
    lookup: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> anyhow::Result<Trigger> {
    let keys = full_keys(&args.keys, settings);
    let task = Task::Copyglue(Copyglue::Keys { keys, reland: true });
    checked(task, &args.asking, settings, lookup, now)
}

fn checked(
    task: Task,
    asking: &Asking,
    settings: &Settings,
    lookup: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> anyhow::Result<Trigger> {
    let named = || {
        NAMES
            .iter()
            .find_map(|name| lookup(name).filter(|name| !name.is_empty()))
    };
    let requested_by = asking.by.clone().or_else(named).ok_or_else(|| {
        Stop::with(
            Exit::Usage,
            "nobody is logged in by name: say who asks, with --by",
        )
    })?;
    let mut trigger = Trigger {
        request_id: String::new(),
        requested_by,
        reason: asking.reason.clone(),
        task,
    };
    trigger.request_id = match &asking.request_id {
        Some(id) => id.clone(),
        None => new_id(trigger.kind(), now),
    };
    let refuse = |rule: String| Stop::with(Exit::Refused, format!("no trigger was put: {rule}"));
    let json = trigger.to_json()?;
    Trigger::parse(trigger.kind(), json.as_bytes(), &settings.landing_prefix)
        .map_err(|error| refuse(error.to_string()))
}

/// One that sorts by time, and that nobody else makes at the same moment.
fn new_id(kind: Kind, now: Timestamp) -> String {
    let random = RandomState::new().hash_one(std::process::id());
    let at = now.strftime("%Y%m%dT%H%M%SZ");
    format!("{at}-{kind}-{random:016x}")
}

fn full_keys(keys: &[String], settings: &Settings) -> Vec<String> {
    keys.iter().map(|key| full_key(key, settings)).collect()
}

fn copyglue(args: &CopyglueArgs, settings: &Settings) -> Copyglue {
    let keys = full_keys(&args.keys, settings);
    match &args.prefix {
        Some(prefix) => Copyglue::Prefix {
            prefix: full_key(prefix, settings),
            from: args.from,
            to: args.to,
        },
        None if keys.is_empty() => Copyglue::Open {},
        None => Copyglue::Keys {
            keys,
            reland: args.reland,
        },
    }
}

fn cleanup(args: &CleanupArgs, settings: &Settings) -> Cleanup {
    let target = match (args.stage, &args.run_id, &args.undo) {
        (Some(stage), Some(run_id), None) => Target::Run {
            stage,
            run_id: run_id.clone(),
        },
        (None, None, Some(undo)) => Target::Undo { undo: undo.clone() },
        _ => Target::Files {
            keys: full_keys(&args.keys, settings),
        },
    };
    Cleanup {
        target,
        dry_run: !args.execute,
        mode: args.mode.map(|mode| match mode {
            Removal::Quarantine => Mode::Quarantine,
            Removal::Delete => Mode::Delete,
        }),
        limit: args.limit.unwrap_or(DEFAULT_LIMIT),
    }
}

/// Puts the trigger.
///
/// # Errors
/// Its name can be no trigger's, or it can't be put.
pub async fn put(
    s3: &Client,
    settings: &Settings,
    trigger: &Trigger,
    asking: &Asking,
) -> anyhow::Result<Put> {
    let place = place_of(trigger, asking)?;
    let bucket = &settings.state_bucket;
    let (key, result) = (place.trigger_key(), place.result_key());
    let answer_place = hear::Place::noted(s3, bucket, &result).await?;
    s3.put_object()
        .bucket(bucket)
        .key(&key)
        .content_type("application/json")
        .body(ByteStream::from(trigger.to_json()?.into_bytes()))
        .send()
        .await
        .with_context(|| format!("the trigger s3://{bucket}/{key} can't be put"))?;
    Ok(Put {
        request_id: trigger.request_id.clone(),
        trigger: format!("s3://{bucket}/{key}"),
        result: format!("s3://{bucket}/{result}"),
        answer: None,
        waited: false,
        place: answer_place,
    })
}

/// Where the trigger goes: a place in which its function looks.
fn place_of(trigger: &Trigger, asking: &Asking) -> anyhow::Result<TriggerPlace> {
    let place = TriggerPlace {
        kind: trigger.kind(),
        name: asking.name.as_ref().unwrap_or(&trigger.request_id).clone(),
    };
    let key = place.trigger_key();
    let rule = if TriggerPlace::parse(&key).as_ref() != Some(&place) {
        "has to have a character at least"
    } else if key.len() > LONGEST_KEY {
        "is too long: a key has 1024 bytes at most, with folder and .json"
    } else {
        return Ok(place);
    };
    let name = &place.name;
    let message = format!("no trigger was put: the name {name:?} {rule}");
    Err(Stop::with(Exit::Refused, message))
}

/// Waits for the last answer to what was put, for as long as is wanted, or until `given_up`.
///
/// # Errors
/// The answer can't be read.
pub async fn hear(
    s3: &Client,
    put: &mut Put,
    trigger: &Trigger,
    within: Duration,
    given_up: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    put.waited = true;
    put.answer = put.place.hear(s3, trigger, within, given_up).await?;
    Ok(())
}

/// What is said before it is waited for: all that somebody needs who won't wait to the end.
#[must_use]
pub fn waiting(put: &Put) -> String {
    render::waiting(put)
}

/// The answer; its exit code is that of the request, or says that a key is not there which it named.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(put: &Put) -> anyhow::Result<Answer> {
    let exit = match put.answer.as_ref().map(|reply| reply.state) {
        _ if !put.waited => Exit::Fine,
        None | Some(State::Accepted) => Exit::TimedOut,
        Some(State::Succeeded | State::NothingToDo) if is_missing(put) => Exit::NotFound,
        Some(State::Succeeded | State::NothingToDo) => Exit::Fine,
        Some(State::Failed) => Exit::Bad,
        Some(State::Refused) => Exit::Refused,
    };
    Answer::new(render::render(put), put, exit)
}

fn is_missing(put: &Put) -> bool {
    let Some(reply) = &put.answer else {
        return false;
    };
    let of_found = reply.found.iter().flat_map(|found| &found.missing);
    let of_cleanup = reply.cleanup.iter().flat_map(|cleaned| &cleaned.missing);
    of_found.chain(of_cleanup).next().is_some()
}

#[cfg(test)]
mod tests;
