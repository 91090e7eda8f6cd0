//! Dead letters, for people.

use jiff::Timestamp;

use super::{Letter, Letters};
use crate::style::{self, shown};

/// A row a message.
pub(super) fn render(letters: &Letters, now: Timestamp) -> String {
    let Letters {
        queue, messages, ..
    } = letters;
    if letters.is_empty() {
        return style::good(format!("{queue} is empty"));
    }
    if letters.shown.is_empty() {
        return style::bad(format!(
            "{queue} gives none of its {messages} messages now: another reader holds them, for half a minute if it is etl"
        ));
    }
    let rows = letters.shown.iter().map(|letter| {
        [
            letter.message_id.clone(),
            letter
                .sent_at
                .map_or_else(|| "-".to_owned(), |at| style::span(now.duration_since(at))),
            shown(&letter.about),
            reason(letter),
        ]
    });
    let table = style::table(&["MESSAGE", "AGE", "ABOUT", "REASON"], rows);
    let left = letters.messages.saturating_sub(letters.shown.len() as u64);
    if left == 0 {
        return table;
    }
    format!("{table}\n\n{}", style::dim(format!("and {left} more")))
}

fn reason(letter: &Letter) -> String {
    let why = letter.reason.as_deref().unwrap_or("taken up too often");
    match &letter.function {
        Some(function) => one_line(&format!("{function}: {why}")),
        None => one_line(why),
    }
}

fn one_line(text: &str) -> String {
    shown(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
