//! How tables, times and sizes look. All of it is pure; colours are taken out where the output is no terminal.

use std::fmt::Display;

use clap::builder::styling::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row, Table};
use jiff::{SignedDuration, Timestamp};

fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Somebody else's words, such as a file's name, so that they stay words on a terminal: what would move the cursor
/// or begin a line is written out.
pub fn shown(text: impl Display) -> String {
    escaped(&text.to_string(), |_| false)
}

/// Words of more than one line, which are nobody's in particular.
#[must_use]
pub fn shown_lines(text: &str) -> String {
    escaped(text, |char| char == '\n')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && !stays(char) {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

/// A whole answer: lines, tabulators and colours are all that a terminal is told.
#[must_use]
pub fn for_terminals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, piece) in text.split('\x1b').enumerate() {
        if number > 0 {
            let codes = piece
                .strip_prefix('[')
                .and_then(|rest| rest.split_once('m'));
            let is_colour = codes.is_some_and(|(codes, _)| {
                codes
                    .chars()
                    .all(|char| char.is_ascii_digit() || char == ';')
            });
            out.push_str(if is_colour { "\x1b" } else { "\\u{1b}" });
        }
        out += &escaped(piece, |char| char == '\n' || char == '\t');
    }
    out
}

/// A heading.
pub fn bold(text: impl Display) -> String {
    styled(Style::new().bold(), text)
}

/// What matters less.
pub fn dim(text: impl Display) -> String {
    styled(Style::new().dimmed(), text)
}

/// Good news.
pub fn good(text: impl Display) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// Something on its way.
pub fn busy(text: impl Display) -> String {
    styled(AnsiColor::Yellow.on_default(), text)
}

/// Bad news.
pub fn bad(text: impl Display) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// Columns under bold headings, without lines, so that `cut` and `awk` can be put to it.
pub fn table<R: Into<Row>>(headings: &[&str], rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().map(bold))
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A time in UTC, to the second.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A time, or that there is none.
#[must_use]
pub fn moment_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), moment)
}

/// How long, in its two largest units.
#[must_use]
pub fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let units = [
        ("d", seconds / 86_400),
        ("h", seconds / 3_600 % 24),
        ("min", seconds / 60 % 60),
        ("s", seconds % 60),
    ];
    let first = units.iter().position(|(_, number)| *number > 0);
    let Some(first) = first else {
        return "0 s".to_owned();
    };
    units
        .iter()
        .skip(first)
        .take(2)
        .filter(|(_, number)| *number > 0)
        .map(|(unit, number)| format!("{number} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A number of bytes in the largest unit that leaves one before the point.
#[must_use]
#[allow(clippy::cast_precision_loss)] // it is rounded to a tenth in any case
pub fn bytes(number: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = number as f64;
    let mut unit = "B";
    for next in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    if unit == "B" {
        format!("{number} B")
    } else {
        format!("{size:.1} {unit}")
    }
}

/// A state in the colour of what it means.
#[must_use]
pub fn state(name: &str) -> String {
    match name {
        "COMMITTED" | "SUCCEEDED" | "NOTHING_TO_DO" => good(name),
        "FAILED" | "TIMEOUT" | "STOPPED" | "ERROR" | "EXPIRED" | "REFUSED" => bad(name),
        "VOID" => dim(name),
        _ => busy(name),
    }
}

/// Without any colour.
#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_two_units_at_most_and_none_that_is_zero() {
        for (seconds, said) in [
            (0, "0 s"),
            (-5, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h"),
            (90_061, "1 d 1 h"),
            (86_401, "1 d"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), said);
        }
    }

    #[test]
    fn bytes_are_told_in_a_fitting_unit() {
        for (number, said) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(bytes(number), said);
        }
    }

    #[test]
    fn what_somebody_else_wrote_tells_a_terminal_nothing() {
        let hostile = "a\nb\u{1b}[2J\u{1b}[31mc\u{7}\r\u{9b}ü \u{7f}";
        assert_eq!(
            shown(hostile),
            r"a\nb\u{1b}[2J\u{1b}[31mc\u{7}\r\u{9b}ü \u{7f}"
        );
        assert_eq!(shown_lines("a\nb\r"), "a\nb\\r");
        let answer = format!("{}\n\t{}", bold("x"), bad("y"));
        assert_eq!(for_terminals(&answer), answer);
        assert_eq!(
            for_terminals("\u{1b}[2J\u{1b}]0;m\u{7}"),
            r"\u{1b}[2J\u{1b}]0;m\u{7}"
        );
    }

    #[test]
    fn columns_are_as_wide_as_what_is_seen_in_them() {
        let told = table(
            &["A", "B"],
            [[good("x"), "1".into()], ["yyy".into(), "2".into()]],
        );
        assert_eq!(plain(&told), "A    B\nx    1\nyyy  2");
    }
}
