//! From a trigger file's bytes to a trigger, or to the field and the rule that it breaks.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    Cleanup, Copyglue, DEFAULT_LIMIT, HIGHEST_LIMIT, Kind, LARGEST_FILE, LONGEST_REASON,
    LONGEST_REQUEST_ID, LONGEST_REQUESTED_BY, MOST_KEYS, Mode, Target, Task, Trigger, TriggerError,
};
use crate::json::Object;
use crate::protocol::Stage;
use crate::state_change::is_run_id;

/// Longest key of S3, in bytes.
const LONGEST_KEY: usize = 1024;

// A strict reader can't share fields by flattening, so each kind spells out the common three.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyglueFile {
    request_id: String,
    requested_by: String,
    reason: String,
    keys: Option<Vec<String>>,
    reland: Option<bool>,
    prefix: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartFile {
    request_id: String,
    requested_by: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CleanupFile {
    request_id: String,
    requested_by: String,
    reason: String,
    stage: Option<u8>,
    run_id: Option<String>,
    keys: Option<Vec<String>>,
    undo: Option<String>,
    dry_run: Option<bool>,
    mode: Option<Mode>,
    limit: Option<u32>,
}

pub(super) fn parse(kind: Kind, content: &[u8], prefix: &str) -> Result<Trigger, TriggerError> {
    if content.len() > LARGEST_FILE {
        let size = content.len();
        return broken(
            "file",
            format!("must be at most {LARGEST_FILE} bytes, not {size}"),
        );
    }
    match kind {
        Kind::Copyglue => {
            let file: CopyglueFile = read(content)?;
            let task = Task::Copyglue(copyglue(
                file.keys,
                file.reland,
                (file.prefix, file.from, file.to),
                prefix,
            )?);
            trigger(file.request_id, file.requested_by, file.reason, task)
        }
        Kind::Glue2 | Kind::Optimization => {
            let file: StartFile = read(content)?;
            let task = if kind == Kind::Glue2 {
                Task::Glue2 {}
            } else {
                Task::Optimization {}
            };
            trigger(file.request_id, file.requested_by, file.reason, task)
        }
        Kind::Cleanup => {
            let mut file: CleanupFile = read(content)?;
            let common = [
                &mut file.request_id,
                &mut file.requested_by,
                &mut file.reason,
            ];
            let [request_id, requested_by, reason] = common.map(std::mem::take);
            trigger(
                request_id,
                requested_by,
                reason,
                Task::Cleanup(cleanup(file, prefix)?),
            )
        }
    }
}

fn broken<T>(
    field: impl Into<Cow<'static, str>>,
    rule: impl Into<String>,
) -> Result<T, TriggerError> {
    Err(TriggerError {
        field: field.into(),
        rule: rule.into(),
    })
}

/// A file without the byte order mark that some editors put before it.
pub(super) fn text(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

/// serde names a field that is missing or doubled, and not one whose value is of another type: the path does.
fn read<T: DeserializeOwned>(content: &[u8]) -> Result<T, TriggerError> {
    let mut json = serde_json::Deserializer::from_slice(text(content));
    let read = serde_path_to_error::deserialize::<_, Object<T>>(&mut json);
    let field = match &read {
        Err(error) if error.path().iter().next().is_some() => error.path().to_string(),
        _ => "file".to_owned(),
    };
    let read = read.map_err(serde_path_to_error::Error::into_inner);
    match read.and_then(|Object(file)| json.end().map(|()| file)) {
        Ok(file) => Ok(file),
        Err(error) if error.is_data() => broken(field, error.to_string()),
        Err(error) => broken("file", format!("is not JSON: {error}")),
    }
}

fn trigger(
    request_id: String,
    requested_by: String,
    reason: String,
    task: Task,
) -> Result<Trigger, TriggerError> {
    check_request_id("request_id", &request_id)?;
    check_text("requested_by", &requested_by, LONGEST_REQUESTED_BY)?;
    check_text("reason", &reason, LONGEST_REASON)?;
    Ok(Trigger {
        request_id,
        requested_by,
        reason,
        task,
    })
}

pub(super) fn check_request_id(field: &'static str, text: &str) -> Result<(), TriggerError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    // A key's part that is one of the two means another place to who takes the key for a path.
    let is_dots = [".", ".."].contains(&text);
    let is_short = !text.is_empty() && text.len() <= LONGEST_REQUEST_ID;
    if is_short && !is_dots && text.bytes().all(fits) {
        return Ok(());
    }
    let shown: String = text.chars().take(LONGEST_REQUEST_ID).collect();
    broken(
        field,
        format!(
            "must be 1 to {LONGEST_REQUEST_ID} of A-Z a-z 0-9 . _ -, and neither . nor .., not {shown:?}"
        ),
    )
}

fn check_text(field: &'static str, text: &str, longest: usize) -> Result<(), TriggerError> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > longest {
        return broken(
            field,
            format!("must say something in at most {longest} characters, not in {length}"),
        );
    }
    Ok(())
}

fn check_keys(keys: &[String], prefix: &str) -> Result<(), TriggerError> {
    if keys.is_empty() || keys.len() > MOST_KEYS {
        let count = keys.len();
        return broken(
            "keys",
            format!("must be 1 to {MOST_KEYS} keys, not {count}"),
        );
    }
    for key in keys {
        if !key.starts_with(prefix) || key.len() == prefix.len() || key.len() > LONGEST_KEY {
            return broken(
                "keys",
                format!(
                    "each must lie below {prefix:?} in at most {LONGEST_KEY} bytes, and {key:?} does not"
                ),
            );
        }
    }
    let mut sorted: Vec<&String> = keys.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => broken(
            "keys",
            format!("each must be there once, and {:?} is not", pair[0]),
        ),
        None => Ok(()),
    }
}

fn moment(field: &'static str, text: Option<String>) -> Result<Option<Timestamp>, TriggerError> {
    text.map(|text| match text.parse() {
        Ok(moment) => Ok(moment),
        Err(_) => broken(
            field,
            format!("must be a time such as 2026-05-08T12:00:00Z, not {text:?}"),
        ),
    })
    .transpose()
}

fn copyglue(
    keys: Option<Vec<String>>,
    reland: Option<bool>,
    (prefix, from, to): (Option<String>, Option<String>, Option<String>),
    landing_prefix: &str,
) -> Result<Copyglue, TriggerError> {
    let (from, to) = (moment("from", from)?, moment("to", to)?);
    if reland == Some(true) && keys.is_none() {
        return broken("reland", "needs keys: it never means all of a prefix");
    }
    if prefix.is_none() && (from.is_some() || to.is_some()) {
        return broken(if from.is_some() { "from" } else { "to" }, "needs a prefix");
    }
    match (keys, prefix) {
        (Some(_), Some(_)) => broken("prefix", "can't be there together with keys"),
        (Some(keys), None) => {
            check_keys(&keys, landing_prefix)?;
            let reland = reland.unwrap_or(false);
            Ok(Copyglue::Keys { keys, reland })
        }
        (None, Some(prefix)) => {
            if !prefix.starts_with(landing_prefix) || prefix.len() > LONGEST_KEY {
                return broken(
                    "prefix",
                    format!("must begin with {landing_prefix:?}, and {prefix:?} does not"),
                );
            }
            if from.zip(to).is_some_and(|(from, to)| from >= to) {
                return broken("to", "must be later than from");
            }
            Ok(Copyglue::Prefix { prefix, from, to })
        }
        (None, None) => Ok(Copyglue::Open {}),
    }
}

fn cleanup(file: CleanupFile, prefix: &str) -> Result<Cleanup, TriggerError> {
    let target = match (file.stage, file.run_id, file.keys, file.undo) {
        (Some(stage), Some(run_id), None, None) => Target::Run {
            stage: Stage::try_from(stage).map_err(|error| TriggerError {
                field: "stage".into(),
                rule: error.to_string(),
            })?,
            run_id: checked_run_id(run_id)?,
        },
        (None, None, Some(keys), None) => {
            check_keys(&keys, prefix)?;
            Target::Files { keys }
        }
        (None, None, None, Some(undo)) => {
            check_request_id("undo", &undo)?;
            Target::Undo { undo }
        }
        _ => {
            return broken(
                "file",
                "must have either stage and run_id, or keys, or undo",
            );
        }
    };
    let dry_run = file.dry_run.unwrap_or(true);
    let is_undo = matches!(target, Target::Undo { .. });
    match (is_undo, dry_run, file.mode) {
        (true, _, Some(_)) => return broken("mode", "can't be there together with undo"),
        (false, false, None) => {
            return broken("mode", "must be quarantine or delete when dry_run is false");
        }
        _ => {}
    }
    let limit = file.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=HIGHEST_LIMIT).contains(&limit) {
        return broken(
            "limit",
            format!("must be 1 to {HIGHEST_LIMIT}, not {limit}"),
        );
    }
    Ok(Cleanup {
        target,
        dry_run,
        mode: file.mode,
        limit,
    })
}

fn checked_run_id(run_id: String) -> Result<String, TriggerError> {
    if is_run_id(&run_id) {
        return Ok(run_id);
    }
    broken(
        "run_id",
        format!("must be a Glue job run id, not {run_id:?}"),
    )
}
