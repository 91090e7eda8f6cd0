//! A file's way, for people.

use super::Seen;
use super::follow::Step;
use crate::style;

/// Each version with its way below it.
pub(super) fn render(files: &[Seen]) -> String {
    let told: Vec<String> = files.iter().map(render_one).collect();
    told.join("\n\n")
}

fn render_one(seen: &Seen) -> String {
    let mut lines = vec![style::bold(style::shown(&seen.file_id))];
    let mut facts = vec![format!("landed {}", style::moment_or_dash(seen.landed_at))];
    facts.extend(seen.size.map(style::bytes));
    facts.extend(
        seen.dataset
            .iter()
            .map(|name| format!("dataset {}", style::shown(name))),
    );
    if seen.is_latest == Some(false) {
        facts.push("an older version of its key".to_owned());
    }
    lines.push(facts.join(", "));
    lines.push(format!("now: {}", style::busy(&seen.is_now)));
    lines.extend(
        seen.rows_now
            .map(|rows| format!("rows in tables now: {rows}")),
    );
    if !seen.steps.is_empty() {
        let rows = seen.steps.iter().chain(&seen.later).map(step_row);
        let headings = ["GLUE", "RUN", "STATE", "COMMITTED", "RECORDS", "TABLES"];
        lines.push(style::table(&headings, rows));
    }
    let problems = seen.problems.iter();
    lines.extend(
        problems.map(|what| format!("{} {}", style::bad("does not add up:"), style::shown(what))),
    );
    lines.join("\n")
}

fn step_row(step: &Step) -> [String; 6] {
    let or_dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let numbers = step.numbers.iter().filter(|(_, number)| **number > 0);
    let numbers: Vec<String> = numbers
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    [
        step.stage.to_string(),
        step.run_id.clone(),
        style::state(&step.state),
        style::moment_or_dash(step.committed_at),
        or_dash(numbers.join(", ")),
        or_dash(step.tables.join(", ")),
    ]
}
