//! The control file of a mainframe delivery: what belongs to it, as the mainframe itself says.
//!
//! A delivery counts as a whole. So it is checked before any of it is sent, and the control file goes last: where
//! it lies in the bucket, all that it names does. It is no work for Glue 1, and lies below a prefix of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::folder::{LeftOut, Source};
use crate::answer::{Exit, Stop};
use crate::style::shown;

/// Its name, in the folder itself.
pub const CONTROL_FILE: &str = "control.json";
const LONGEST_NAME: usize = 100;
/// Problems that are told; there can be one a file.
const TOLD: usize = 10;

/// What belongs to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its name, by which the mainframe knows it too.
    pub delivery: String,
    /// Its files.
    pub files: Vec<Entry>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path below the folder, with `/`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
}

impl Control {
    /// Reads it.
    ///
    /// # Errors
    /// It is not of that shape, or its name can be no part of a key.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let refuse = |why: String| Stop::with(Exit::Refused, format!("{CONTROL_FILE}: {why}"));
        let control: Self =
            serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        let name = &control.delivery;
        let fits = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
        if ["", ".", ".."].contains(&name.as_str())
            || name.len() > LONGEST_NAME
            || !name.chars().all(fits)
        {
            return Err(refuse(format!(
                "the delivery is called {name:?}; a name has 1 to {LONGEST_NAME} letters, digits, dots, hyphens and underscores, and is not . or .."
            )));
        }
        Ok(control)
    }

    /// Holds the folder to it; `sha256` gives the hash of a file in hex. What would be left out is there as well: it
    /// may be what has not yet arrived as a whole.
    ///
    /// # Errors
    /// The folder is not what it says, or a file can't be read.
    pub fn check(
        &self,
        files: &[Source],
        left_out: &[LeftOut],
        sha256: impl Fn(&Source) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        let here: BTreeMap<&str, &Source> = files
            .iter()
            .map(|file| (file.name.as_str(), file))
            .collect();
        let mut named = BTreeSet::new();
        for entry in &self.files {
            if !named.insert(entry.path.as_str()) {
                problems.push(format!("{} is named twice", shown(&entry.path)));
                continue;
            }
            match here.get(entry.path.as_str()) {
                None if left_out.iter().any(|left| left.name == entry.path) => {}
                None => problems.push(format!("{} is missing", shown(&entry.path))),
                Some(file) if file.size != entry.bytes => problems.push(format!(
                    "{} has {} bytes and should have {}",
                    shown(&entry.path),
                    file.size,
                    entry.bytes
                )),
                Some(file) if !sha256(file)?.eq_ignore_ascii_case(&entry.sha256) => {
                    problems.push(format!("{} has another content", shown(&entry.path)));
                }
                Some(_) => {}
            }
        }
        let unnamed = here.keys().filter(|name| !named.contains(*name));
        problems.extend(unnamed.map(|name| format!("{} is not named", shown(name))));
        let left = left_out.iter();
        problems
            .extend(left.map(|left| format!("{} can't be sent: {}", shown(&left.name), left.why)));
        if problems.is_empty() {
            return Ok(());
        }
        let more = problems.len().saturating_sub(TOLD);
        problems.truncate(TOLD);
        let mut message = format!(
            "the folder is not what its {CONTROL_FILE} says, and nothing was sent: {}",
            problems.join("; ")
        );
        if more > 0 {
            message += &format!("; and {more} more");
        }
        Err(Stop::with(Exit::Refused, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> Source {
        Source {
            path: name.into(),
            name: name.to_owned(),
            size,
            modified: None,
        }
    }

    fn control(files: &[(&str, u64, &str)]) -> Control {
        let files = files.iter().map(|(path, bytes, sha256)| {
            serde_json::json!({"path": path, "bytes": bytes, "sha256": sha256})
        });
        let json =
            serde_json::json!({"delivery": "2026-05-08", "files": files.collect::<Vec<_>>()});
        Control::parse(json.to_string().as_bytes()).unwrap()
    }

    fn checked(control: &Control, files: &[Source]) -> Result<(), String> {
        let hash = |file: &Source| Ok(format!("of {}", file.name));
        control.check(files, &[], hash).map_err(|error| {
            assert_eq!(Stop::exit_of(&error), Exit::Refused);
            error.to_string()
        })
    }

    #[test]
    fn a_folder_that_is_what_its_control_file_says_passes() {
        let control = control(&[("a/x", 1, "OF A/X"), ("b/y", 2, "of b/y")]);
        assert_eq!(checked(&control, &[file("a/x", 1), file("b/y", 2)]), Ok(()));
    }

    #[test]
    fn each_way_in_which_it_is_not_is_named() {
        let control = control(&[
            ("a/gone", 1, ""),
            ("a/short", 9, ""),
            ("a/other", 1, "x"),
            ("a/twice", 1, "of a/twice"),
            ("a/twice", 1, "of a/twice"),
        ]);
        let files = ["a/short", "a/other", "a/twice", "a/extra"].map(|name| file(name, 1));
        let told = checked(&control, &files).unwrap_err();
        for problem in [
            "a/gone is missing",
            "a/short has 1 bytes and should have 9",
            "a/other has another content",
            "a/twice is named twice",
            "a/extra is not named",
        ] {
            assert!(told.contains(problem), "{told}");
        }
    }

    #[test]
    fn what_would_be_left_out_is_there_as_well() {
        let control = control(&[("a/x", 1, "of a/x"), ("a/y.part", 1, "")]);
        let left = ["a/y.part", "a/z.tmp"].map(|name| LeftOut {
            name: name.to_owned(),
            why: "still being written, by its name",
        });
        let hash = |file: &Source| Ok(format!("of {}", file.name));
        let error = control.check(&[file("a/x", 1)], &left, hash).unwrap_err();
        let wanted = "nothing was sent: a/y.part can't be sent: still being written, by its name; \
                      a/z.tmp can't be sent: still being written, by its name";
        assert!(error.to_string().ends_with(wanted), "{error}");
    }

    #[test]
    fn a_long_list_of_problems_is_cut() {
        let files: Vec<Source> = (0..30).map(|n| file(&format!("a/{n}"), 1)).collect();
        let told = checked(&control(&[]), &files).unwrap_err();
        assert!(told.ends_with("; and 20 more"), "{told}");
    }

    #[test]
    fn what_is_no_control_file_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"delivery": "a"}"#,
            r#"{"delivery": "a/b", "files": []}"#,
            r#"{"delivery": "", "files": []}"#,
            r#"{"delivery": ".", "files": []}"#,
            r#"{"delivery": "..", "files": []}"#,
            r#"{"delivery": "a", "files": [], "more": 1}"#,
            r#"{"delivery": "a", "files": [{"path": "x", "bytes": -1, "sha256": ""}]}"#,
        ] {
            let error = Control::parse(text.as_bytes()).unwrap_err();
            assert_eq!(Stop::exit_of(&error), Exit::Refused, "{text}");
            assert!(error.to_string().starts_with("control.json: "), "{error}");
        }
    }
}
