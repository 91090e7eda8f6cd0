//! `etl sync`: a folder goes to the landing bucket as an agent on premises sends it.
//!
//! Only what the bucket does not have yet, so that it can be called again at any time: after a success it sends
//! nothing, after a crash the rest. Several files at a time. The control file of a feed that has one goes last, and
//! only if all else is there.

pub mod control;
pub mod digest;
pub mod folder;
pub mod upload;

use anyhow::Context;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::answer::{Answer, Exit, Stop, told};
use crate::cli::{Feed, SyncArgs};
use crate::explain::credentials_error;
use crate::settings::Settings;
use crate::style::{self, shown};
use control::{CONTROL_FILE, Control};
use folder::{Folder, LeftOut, Source};
use upload::Destination;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was not there, or another, and is there now.
    Uploaded,
    /// It would be, were this no dry run.
    WouldUpload,
    /// It was there.
    Unchanged,
    /// It is not there.
    Failed,
}

/// A file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Path below the folder.
    pub name: String,
    /// Key in the bucket.
    pub key: String,
    /// Bytes.
    pub bytes: u64,
    /// What became of it.
    pub what: What,
    /// The version that was made.
    pub version_id: Option<String>,
    /// Why it is not there.
    pub error: Option<String>,
}

/// What became of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// Whose files they are.
    pub feed: Feed,
    /// Nothing was to be sent.
    pub dry_run: bool,
    /// Where they went.
    pub bucket: String,
    /// How many were uploaded (or would be).
    pub uploaded: usize,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// How many were there.
    pub unchanged: usize,
    /// How many are not there.
    pub failed: usize,
    /// Each of them.
    pub files: Vec<Sent>,
    /// The control file; none if the feed has none, or something else is not there.
    pub control: Option<Sent>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
}

/// Sends what is to be sent.
///
/// # Errors
/// The folder is refused, or nobody is known who could send. A file that fails is part of the answer.
pub async fn sync(
    s3: &aws_sdk_s3::Client,
    settings: &Settings,
    args: &SyncArgs,
    is_quiet: bool,
) -> anyhow::Result<Synced> {
    let folder = folder::read(&args.folder, args.feed, &settings.landing_prefix)?;
    let control = check_delivery(&folder, args.feed)?;
    let to = Destination {
        s3: s3.clone(),
        bucket: settings.landing_bucket.clone(),
    };
    let control = control.map(|control| {
        let prefix = &settings.control_prefix;
        format!("{prefix}mainframe/{}.json", control.delivery)
    });
    if let (Some(source), Some(key)) = (&folder.control, &control) {
        check_new(&to, source, key).await?;
    }
    let bar = progress(&folder, is_quiet);
    let sending = folder.files.iter().map(|source| {
        let key = format!("{}{}", settings.landing_prefix, source.name);
        send(&to, source, key, args.dry_run, &bar).boxed()
    });
    let files: Vec<Sent> = stream::iter(sending.collect::<Vec<_>>())
        .buffered(args.jobs)
        .try_collect()
        .await?;
    let complete = files.iter().all(|file| file.what != What::Failed);
    let control = match (&folder.control, control) {
        (Some(source), Some(key)) if complete => {
            Some(send(&to, source, key, args.dry_run, &bar).await?)
        }
        _ => None,
    };
    bar.finish_and_clear();
    Ok(summed(args, to.bucket, files, control, folder.left_out))
}

/// A delivery is what its control file says, or nothing of it is sent.
fn check_delivery(folder: &Folder, feed: Feed) -> anyhow::Result<Option<Control>> {
    if feed != Feed::Mainframe {
        return Ok(None);
    }
    let Some(source) = &folder.control else {
        let message =
            format!("a mainframe delivery has a {CONTROL_FILE}, and this folder has none");
        return Err(Stop::with(Exit::Refused, message));
    };
    let cant = |source: &Source| format!("{} can't be read", source.path.display());
    let bytes = std::fs::read(&source.path).with_context(|| cant(source))?;
    let control = Control::parse(&bytes)?;
    control.check(&folder.files, &folder.left_out, |file| {
        digest::hex_sha256(&file.path).with_context(|| cant(file))
    })?;
    Ok(Some(control))
}

/// A delivery that is complete stays what it is: whoever works by its control file has perhaps done so already.
async fn check_new(to: &Destination, source: &Source, key: &str) -> anyhow::Result<()> {
    if is_there(to, source, key).await? != Some(false) {
        return Ok(());
    }
    let message = format!(
        "a delivery of this name, with another {CONTROL_FILE}, is complete in s3://{}/{key}, and nothing was sent",
        to.bucket
    );
    Err(Stop::with(Exit::Refused, message))
}

/// Whether what lies under the key is this file; none if nothing does.
async fn is_there(to: &Destination, source: &Source, key: &str) -> anyhow::Result<Option<bool>> {
    let Some(stored) = to.stored(key).await? else {
        return Ok(None);
    };
    let (path, size) = (source.path.clone(), source.size);
    let same = tokio::task::spawn_blocking(move || stored.is(&path, size)).await?;
    same.map(Some)
        .with_context(|| format!("{} can't be read", shown(source.path.display())))
}

async fn send(
    to: &Destination,
    source: &Source,
    key: String,
    dry_run: bool,
    bar: &ProgressBar,
) -> anyhow::Result<Sent> {
    let (what, version_id, error) = match try_send(to, source, &key, dry_run, bar).await {
        Ok((what, version_id)) => (what, version_id, None),
        Err(error) if credentials_error(&error).is_some() => return Err(error),
        Err(error) => (What::Failed, None, Some(told(&error))),
    };
    Ok(Sent {
        name: source.name.clone(),
        key,
        bytes: source.size,
        what,
        version_id,
        error,
    })
}

async fn try_send(
    to: &Destination,
    source: &Source,
    key: &str,
    dry_run: bool,
    bar: &ProgressBar,
) -> anyhow::Result<(What, Option<String>)> {
    if is_there(to, source, key).await? == Some(true) {
        bar.inc(source.size);
        return Ok((What::Unchanged, None));
    }
    if dry_run {
        return Ok((What::WouldUpload, None));
    }
    let version_id = to.send(source, key, bar).await?;
    Ok((What::Uploaded, version_id))
}

/// On a terminal only: indicatif draws nowhere else.
fn progress(folder: &Folder, is_quiet: bool) -> ProgressBar {
    if is_quiet {
        return ProgressBar::hidden();
    }
    let bytes = folder.files.iter().map(|file| file.size).sum();
    let look = "{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta}";
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template(look) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn summed(
    args: &SyncArgs,
    bucket: String,
    files: Vec<Sent>,
    control: Option<Sent>,
    left_out: Vec<LeftOut>,
) -> Synced {
    let all = || files.iter().chain(&control);
    let number = |what| all().filter(|file| file.what == what).count();
    let sent = |file: &&Sent| matches!(file.what, What::Uploaded | What::WouldUpload);
    Synced {
        uploaded: number(What::Uploaded) + number(What::WouldUpload),
        uploaded_bytes: all().filter(sent).map(|file| file.bytes).sum(),
        unchanged: number(What::Unchanged),
        failed: number(What::Failed),
        feed: args.feed,
        dry_run: args.dry_run,
        bucket,
        files,
        control,
        left_out,
    }
}

/// What was sent, what was not, and the sums.
#[must_use]
pub fn render(synced: &Synced) -> String {
    let mut lines = Vec::new();
    for file in synced.files.iter().chain(&synced.control) {
        let error = shown(file.error.as_deref().unwrap_or_default());
        let key = shown(&file.key);
        match file.what {
            What::Unchanged => {}
            What::Uploaded => lines.push(format!("{} {key}", style::good("uploaded"))),
            What::WouldUpload => {
                lines.push(format!("{} {key}", style::busy("would upload")));
            }
            What::Failed => lines.push(format!("{} {key}: {error}", style::bad("failed"))),
        }
    }
    for left in &synced.left_out {
        let line = format!("left out {}: {}", shown(&left.name), left.why);
        lines.push(style::dim(line));
    }
    let mut sums = format!(
        "{} {} ({}), {} unchanged",
        synced.uploaded,
        if synced.dry_run {
            "would be uploaded"
        } else {
            "uploaded"
        },
        style::bytes(synced.uploaded_bytes),
        synced.unchanged
    );
    if synced.failed > 0 {
        sums += &format!(", {}", style::bad(format!("{} failed", synced.failed)));
    }
    lines.push(format!("s3://{}: {sums}", synced.bucket));
    lines.join("\n")
}

/// The answer; bad news if something is not there.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(synced: &Synced) -> anyhow::Result<Answer> {
    let exit = if synced.failed > 0 {
        Exit::Bad
    } else {
        Exit::Fine
    };
    Answer::new(render(synced), synced, exit)
}

#[cfg(test)]
mod tests;
