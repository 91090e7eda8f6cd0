//! What came of a trigger, for people.

use pipeline::triggers::{Answer as Reply, Cleaned, Ended, Found, Start};

use super::Put;
use crate::style::{self, shown};

/// Objects of a cleanup that are told; the result file has all.
const OBJECTS: usize = 20;

pub(super) fn waiting(put: &Put) -> String {
    let Put {
        trigger,
        request_id,
        ..
    } = put;
    let trigger = shown(trigger);
    style::dim(format!(
        "put {trigger}, request {request_id}; waiting for the answer"
    ))
}

/// How to hear the answer that did not come.
fn later(put: &Put) -> String {
    format!(
        "what was asked for goes on: the same command with --request-id {} hears the answer",
        put.request_id
    )
}

pub(super) fn render(put: &Put) -> String {
    let Some(reply) = &put.answer else {
        let no_answer = if put.waited {
            style::busy("no answer yet")
        } else {
            style::good("put")
        };
        let (trigger, result) = (shown(&put.trigger), shown(&put.result));
        let mut text = format!("{no_answer} {trigger}\nthe answer: {result}");
        if put.waited {
            text += &format!("\n{}", later(put));
        }
        return text;
    };
    let mut lines = vec![format!(
        "{} {} {}",
        style::bold(reply.kind),
        put.request_id,
        style::state(reply.state.as_str())
    )];
    lines.extend(reply.why.as_ref().map(shown));
    lines.extend(facts(reply));
    lines.push(style::dim(shown(&put.result)));
    if put.waited && !reply.state.is_final() {
        lines.push(later(put));
    }
    lines.join("\n")
}

fn facts(reply: &Reply) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(reply.found.iter().flat_map(found));
    lines.extend(reply.start.iter().map(start));
    if let Some(open) = &reply.open {
        let more = if open.more { " or more" } else { "" };
        lines.push(format!("open then: {}{more}", open.count));
    }
    lines.extend(reply.ended.iter().flat_map(ended));
    lines.extend(reply.cleanup.iter().flat_map(cleanup));
    lines
}

fn found(found: &Found) -> Vec<String> {
    let more = if found.more {
        ", and there are more"
    } else {
        ""
    };
    let mut lines = vec![format!(
        "versions found: {}, of which {} were known and {} are taken in{more}",
        found.versions, found.known, found.taken_in
    )];
    let relanded = found.relanded.iter();
    lines.extend(
        relanded.map(|file| format!("landed again: {} as {}", shown(&file.key), file.version_id)),
    );
    lines.extend(missing(&found.missing));
    lines
}

fn missing(keys: &[String]) -> impl Iterator<Item = String> {
    keys.iter()
        .map(|key| style::bad(format!("not there: {}", shown(key))))
}

fn start(start: &Start) -> String {
    let run = start.run_id.as_deref().unwrap_or("no run of its own");
    let mut line = format!("{}: {run}", start.job);
    if let Some(why) = &start.not_now {
        line += &format!(" ({why})");
    }
    if !start.active_runs.is_empty() {
        line += &format!(", beside {}", start.active_runs.join(", "));
    }
    line
}

fn ended(ended: &Ended) -> Vec<String> {
    let mut lines = Vec::new();
    let states = [&ended.glue_state, &ended.ledger_state];
    let states: Vec<String> = states
        .into_iter()
        .flatten()
        .map(|name| style::state(name))
        .collect();
    if !states.is_empty() {
        lines.push(format!("ended: {}", states.join(", ")));
    }
    if !ended.counts.is_empty() {
        let counts = ended
            .counts
            .iter()
            .map(|(name, number)| format!("{name} {number}"));
        lines.push(counts.collect::<Vec<_>>().join(", "));
    }
    let taken = ended.taken_by.iter();
    lines.extend(taken.map(|(run, number)| format!("{run} took {number} of what was open")));
    lines
}

fn cleanup(cleaned: &Cleaned) -> Vec<String> {
    let what = match (cleaned.dry_run, &cleaned.undoes) {
        (true, Some(undone)) => format!("undoing {undone} would concern"),
        (false, Some(undone)) => format!("undoing {undone} concerned"),
        (true, None) => "it would concern".to_owned(),
        (false, None) => "it concerned".to_owned(),
    };
    let size = style::bytes(cleaned.bytes);
    let mut lines = vec![format!("{what} {} objects, {size}", cleaned.objects)];
    lines.extend(missing(&cleaned.missing));
    let rows = cleaned.list.iter().take(OBJECTS).map(|object| {
        [
            format!("s3://{}/{}", object.bucket, shown(&object.key)),
            style::bytes(object.size),
            object
                .done
                .map_or_else(|| "-".to_owned(), |done| format!("{done:?}").to_lowercase()),
            object.note.as_ref().map(shown).unwrap_or_default(),
        ]
    });
    if !cleaned.list.is_empty() {
        lines.push(style::table(&["OBJECT", "SIZE", "DONE", "NOTE"], rows));
    }
    let left = cleaned.list.len().saturating_sub(OBJECTS);
    if left > 0 {
        lines.push(style::dim(format!("and {left} more, in the answer")));
    }
    lines
}
