//! Bytes in, entries out: the grammar of a manifest, without any I/O.

use serde::Deserialize;

use super::{Entry, ManifestError, Output};
use crate::json::Object;
use crate::protocol::Stage;

/// The only version of the format so far.
const VERSION: u32 = 1;

/// An S3 key holds 1,024 bytes at most, and JSON escapes one byte with six characters at most: a
/// longer line is not ours, and reading on would only fill the memory.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// Any line; which fields are there says which one it is. Unknown fields are let through, so that
/// a job may say more about an output than its readers care for.
#[derive(Deserialize)]
struct Line {
    manifest: Option<u32>,
    stage: Option<u64>,
    run_id: Option<String>,
    item: Option<String>,
    output: Option<Object<Output>>,
    end: Option<bool>,
    items: Option<u64>,
    outputs: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Header,
    Body,
    End,
}

/// Where the reader is in a manifest that is meant to be of `run_id`.
pub(super) struct Parser {
    stage: Stage,
    pub(super) run_id: String,
    buffer: Vec<u8>,
    start: usize,
    at: At,
    lines: u64,
    items: u64,
    outputs: u64,
}

impl Parser {
    pub(super) fn new(stage: Stage, run_id: &str) -> Self {
        Self {
            stage,
            run_id: run_id.to_owned(),
            buffer: Vec::new(),
            start: 0,
            at: At::Header,
            lines: 0,
            items: 0,
            outputs: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next entry among the lines that are complete.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, ManifestError> {
        while let Some(length) = self.buffer[self.start..].iter().position(|b| *b == b'\n') {
            if length > LONGEST_LINE {
                return Err(self.too_long());
            }
            let line = self.start..self.start + length;
            self.start += length + 1;
            if let Some(entry) = self.read_line(line)? {
                return Ok(Some(entry));
            }
        }
        if self.buffer.len() - self.start > LONGEST_LINE {
            return Err(self.too_long());
        }
        Ok(None)
    }

    /// The line that begins here: whether its end is in the same piece of the body must not matter.
    fn too_long(&self) -> ManifestError {
        ManifestError::Unexpected {
            line: self.lines + 1,
            what: "it is longer than 65536 bytes, which no line of a manifest is",
        }
    }

    /// There are no more bytes: the last line may lack its line feed, the end line may not lack.
    pub(super) fn finish(&mut self) -> Result<(), ManifestError> {
        if self.start < self.buffer.len() {
            let rest = self.start..self.buffer.len();
            self.start = self.buffer.len();
            // A line without its line feed may itself be cut off: whatever is wrong with it, what
            // is known is that the manifest has no end.
            if !matches!(self.read_line(rest), Ok(None)) {
                return Err(ManifestError::Truncated { lines: self.lines });
            }
        }
        if self.at == At::End {
            Ok(())
        } else {
            Err(ManifestError::Truncated { lines: self.lines })
        }
    }

    fn read_line(&mut self, range: std::ops::Range<usize>) -> Result<Option<Entry>, ManifestError> {
        self.lines += 1;
        let line = std::str::from_utf8(&self.buffer[range])
            .map_err(|_| self.unexpected("it is not UTF-8"))?;
        let line = serde_json::from_str(line);
        let Object::<Line>(line) = line.map_err(|source| ManifestError::Syntax {
            line: self.lines,
            source,
        })?;
        match self.at {
            At::Header => self.read_header(&line).map(|()| None),
            At::Body => self.read_body(line),
            At::End => Err(self.unexpected("it follows the end line")),
        }
    }

    fn read_header(&mut self, line: &Line) -> Result<(), ManifestError> {
        let (Some(version), Some(stage), Some(run_id)) =
            (line.manifest, line.stage, line.run_id.as_deref())
        else {
            return Err(self.unexpected("it is no header"));
        };
        let own = u64::from(self.stage.number());
        if version != VERSION || stage != own || run_id != self.run_id {
            return Err(ManifestError::Stranger {
                found: format!("version {version}, stage {stage}, run {run_id:?}"),
                expected: format!("version {VERSION}, stage {own}, run {:?}", self.run_id),
            });
        }
        self.at = At::Body;
        Ok(())
    }

    fn read_body(&mut self, line: Line) -> Result<Option<Entry>, ManifestError> {
        match (line.item, line.output, line.end) {
            (Some(item), None, None) => {
                self.items += 1;
                Ok(Some(Entry::Item(item)))
            }
            (None, Some(Object(output)), None) => {
                self.outputs += 1;
                Ok(Some(Entry::Output(output)))
            }
            (None, None, Some(true)) => self.read_end(line.items, line.outputs).map(|()| None),
            _ => Err(self.unexpected("it is neither an item, nor an output, nor the end")),
        }
    }

    fn read_end(&mut self, items: Option<u64>, outputs: Option<u64>) -> Result<(), ManifestError> {
        let (Some(items), Some(outputs)) = (items, outputs) else {
            return Err(self.unexpected("an end line counts items and outputs"));
        };
        if (items, outputs) != (self.items, self.outputs) {
            return Err(ManifestError::Counts {
                said: format!("{items} items and {outputs} outputs"),
                found: format!("{} and {}", self.items, self.outputs),
            });
        }
        self.at = At::End;
        Ok(())
    }

    fn unexpected(&self, what: &'static str) -> ManifestError {
        ManifestError::Unexpected {
            line: self.lines,
            what,
        }
    }
}
