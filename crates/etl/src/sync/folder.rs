//! What a folder holds: which of it lands, and what is left out, each with its reason.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use walkdir::WalkDir;

use super::control::CONTROL_FILE;
use crate::answer::{Exit, Stop};
use crate::cli::Feed;
use crate::style::shown;

/// S3's limit.
const LONGEST_KEY: usize = 1024;
/// How programs call a file that they are still writing.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".partial", ".filepart"];

/// A file that lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder, with `/`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
}

/// Something that does not land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its path below the folder.
    pub name: String,
    /// Why not.
    pub why: &'static str,
}

/// All of it, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// What lands.
    pub files: Vec<Source>,
    /// The control file, of a feed that has one.
    pub control: Option<Source>,
    /// What does not land.
    pub left_out: Vec<LeftOut>,
}

impl Folder {
    fn leave_out(&mut self, folder: &Path, path: &Path, why: &'static str) {
        let name = path.strip_prefix(folder).unwrap_or(path);
        let name = name.to_string_lossy().into_owned();
        self.left_out.push(LeftOut { name, why });
    }
}

/// Looks through the folder. Links within it are followed; one that leads out is not, since whoever may write into
/// the folder must not have files sent that only the sender may read.
///
/// # Errors
/// It is no folder, or something in it can't be read, or can have no key.
pub fn read(folder: &Path, feed: Feed, prefix: &str) -> anyhow::Result<Folder> {
    if !folder.is_dir() {
        let message = format!("{} is no folder", folder.display());
        return Err(Stop::with(Exit::Usage, message));
    }
    let mut found = Folder::default();
    let root = folder.canonicalize()?;
    let mut walk = WalkDir::new(folder)
        .min_depth(1)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = walk.next() {
        match entry {
            Ok(entry) if leads_out(&entry, &root) => {
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
                found.leave_out(folder, entry.path(), "a link that leads out of the folder");
            }
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => take(&mut found, folder, &entry, feed, prefix)?,
            Err(error) => leave_out(&mut found, folder, &error)?,
        }
    }
    Ok(found)
}

/// Whatever can't be traced counts as outside.
fn leads_out(entry: &walkdir::DirEntry, root: &Path) -> bool {
    let target = || entry.path().canonicalize();
    entry.path_is_symlink() && !target().is_ok_and(|target| target.starts_with(root))
}

fn take(
    found: &mut Folder,
    folder: &Path,
    entry: &walkdir::DirEntry,
    feed: Feed,
    prefix: &str,
) -> anyhow::Result<()> {
    let path = entry.path();
    let refuse = |why: String| {
        let message = format!("{}: {why}", shown(path.display()));
        Stop::with(Exit::Refused, message)
    };
    let about = entry
        .metadata()
        .map_err(|error| refuse(error.to_string()))?;
    let name = relative(folder, path)
        .ok_or_else(|| refuse("its name is not UTF-8, so it can be no S3 key".to_owned()))?;
    let length = prefix.len() + name.len();
    if length > LONGEST_KEY {
        let why = format!("its key would have {length} bytes; S3 takes {LONGEST_KEY} at most");
        return Err(refuse(why));
    }
    let unfinished = UNFINISHED.iter().any(|suffix| name.ends_with(suffix));
    let source = Source {
        path: path.to_owned(),
        size: about.len(),
        modified: about.modified().ok(),
        name,
    };
    let why = match (about.is_file(), entry.depth()) {
        (false, _) => "neither file nor folder",
        (true, 1) if feed == Feed::Mainframe && source.name == CONTROL_FILE => {
            found.control = Some(source);
            return Ok(());
        }
        (true, 1) => "in no dataset folder",
        _ if unfinished => "still being written, by its name",
        _ => {
            found.files.push(source);
            return Ok(());
        }
    };
    let name = source.name;
    found.left_out.push(LeftOut { name, why });
    Ok(())
}

fn leave_out(found: &mut Folder, folder: &Path, error: &walkdir::Error) -> anyhow::Result<()> {
    let path = error.path().unwrap_or(folder);
    let why = if error.loop_ancestor().is_some() {
        "a link back to a folder that it lies in"
    } else if path.is_symlink() && !path.exists() {
        "a link to nothing"
    } else {
        return Err(Stop::with(Exit::Refused, shown(error)));
    };
    found.leave_out(folder, path, why);
    Ok(())
}

fn relative(folder: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(folder).ok()?.iter();
    let parts: Option<Vec<&str>> = parts.map(std::ffi::OsStr::to_str).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "tui/legacy/";

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(found: &Folder) -> Vec<&str> {
        found.files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn what_lies_in_dataset_folders_lands_and_the_rest_is_named() {
        let folder = folder(&[
            "b/x.json",
            "a/2026/y z.json",
            "a/z.json.part",
            "loose.json",
            "control.json",
        ]);
        let found = read(folder.path(), Feed::Informatica, PREFIX).unwrap();
        assert_eq!(names(&found), ["a/2026/y z.json", "b/x.json"]);
        assert_eq!(found.files[1].size, 8);
        assert_eq!(found.control, None);
        let left: Vec<_> = found
            .left_out
            .iter()
            .map(|one| (one.name.as_str(), one.why))
            .collect();
        assert_eq!(
            left,
            [
                ("a/z.json.part", "still being written, by its name"),
                ("control.json", "in no dataset folder"),
                ("loose.json", "in no dataset folder"),
            ]
        );
        let found = read(folder.path(), Feed::Mainframe, PREFIX).unwrap();
        assert_eq!(found.control.unwrap().name, "control.json");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles_and_not_to_nothing() {
        let folder = folder(&["a/x.json"]);
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(name)).unwrap();
        };
        link("a", "b");
        link("a", "a/circle");
        link("nothing", "a/gone");
        let found = read(folder.path(), Feed::Informatica, PREFIX).unwrap();
        assert_eq!(names(&found), ["a/x.json", "b/x.json"]);
        let whys: Vec<&str> = found.left_out.iter().map(|one| one.why).collect();
        assert!(whys.contains(&"a link to nothing"), "{whys:?}");
        assert!(
            whys.iter().any(|why| why.starts_with("a link back")),
            "{whys:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_of_the_folder_is_not_followed() {
        let secrets = folder(&["etc/shadow"]);
        let folder = folder(&["a/x.json"]);
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        };
        link(&secrets.path().join("etc"), "d");
        link(&secrets.path().join("etc/shadow"), "a/file");
        link(folder.path().parent().unwrap(), "a/up");
        link(&folder.path().join("a/file"), "a/by another link");
        // A folder that is itself reached by a link is no other.
        let elsewhere = secrets.path().join("outbox");
        std::os::unix::fs::symlink(folder.path(), &elsewhere).unwrap();
        for outbox in [folder.path(), &elsewhere] {
            let found = read(outbox, Feed::Informatica, PREFIX).unwrap();
            assert_eq!(names(&found), ["a/x.json"]);
            let left = found
                .left_out
                .iter()
                .map(|one| (one.name.as_str(), one.why));
            let why = "a link that leads out of the folder";
            let wanted = ["a/by another link", "a/file", "a/up", "d"].map(|name| (name, why));
            assert_eq!(left.collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn a_name_that_can_be_no_key_is_refused_before_anything_is_sent() {
        let long = format!(
            "a/{}/{}/{}/{}/{}",
            "x".repeat(250),
            "y".repeat(250),
            "z".repeat(250),
            "u".repeat(250),
            "v".repeat(20)
        );
        let folder = folder(&[&long]);
        let error = read(folder.path(), Feed::Informatica, PREFIX).unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Refused);
        assert!(error.to_string().contains("1024 at most"), "{error}");
        let error = read(&folder.path().join("none"), Feed::Informatica, PREFIX).unwrap_err();
        assert_eq!(Stop::exit_of(&error), Exit::Usage);
    }
}
