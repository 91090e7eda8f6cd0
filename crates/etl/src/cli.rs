//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use pipeline::protocol::Stage;

use crate::aws::Identity;
use crate::settings::{Environment, parse_set};

/// Look at the pipeline, and start its steps by hand.
#[derive(Debug, Parser)]
#[command(name = "etl", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 fine; 1 failed, late, or something is wrong; 2 the command line can't be meant; \
3 refused; 4 there is no such thing; 5 not over in time; 6 AWS can't be asked. See docs/etl.md."
)]
pub struct Cli {
    /// What counts for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What counts for every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Deployment
    #[arg(long, global = true, env = "ETL_ENV", value_enum, default_value_t = Environment::Dev)]
    pub env: Environment,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// AWS profile of who asks; without it, AWS_PROFILE and the usual variables
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// AWS region; without it, AWS_REGION or the profile's
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Settings file (JSON) [default: tui-etl/<env>.json in the user's configuration folder, if it is there]
    #[arg(long, global = true, env = "ETL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A name that differs from the default, as state_bucket=my-bucket; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = parse_set)]
    pub set: Vec<(String, String)>,
}

impl Global {
    /// Who asks.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            profile: self.profile.clone(),
            region: self.region.clone(),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What waits, what runs, what comes next, and what is late
    Status,
    /// Where a landed file is and was, and how many rows of it each stage had
    File(FileArgs),
    /// The last runs of the jobs
    Runs(RunsArgs),
    /// Have a step of the pipeline done by hand: put a trigger file, and hear what came of it
    #[command(subcommand)]
    Trigger(TriggerCommand),
    /// Put files once more as new versions, so that they are new work
    Reland(RelandArgs),
    /// What lies in the dead-letter queues, and putting it back
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Ask Athena
    Query(QueryArgs),
    /// Upload a folder to the landing bucket, as an agent on premises does: only what changed
    Sync(SyncArgs),
    /// Print a script that completes commands in a shell
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Of `file`.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// A key (bookings/a.json, tui/legacy/bookings/a.json), an s3:// address, or a file id (<bucket>/<key>#<version>)
    pub file: String,
    /// Of a key with more versions, so many of the newest
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub versions: usize,
}

/// Of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Only Glue 1, 2 or 3
    #[arg(long, value_parser = parse_stage)]
    pub stage: Option<Stage>,
    /// So many of each job
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub last: usize,
}

/// Of `trigger`.
#[derive(Debug, Subcommand)]
pub enum TriggerCommand {
    /// Glue 1, perhaps after looking for landed files that the ledger lacks
    Copyglue(CopyglueArgs),
    /// Glue 2
    Glue2(StartArgs),
    /// Glue 3
    Optimization(StartArgs),
    /// Remove what a run that did not commit wrote, or landing files that no run has done
    Cleanup(CleanupArgs),
}

impl TriggerCommand {
    /// Who asks, and why.
    #[must_use]
    pub fn asking(&self) -> &Asking {
        match self {
            Self::Copyglue(args) => &args.asking,
            Self::Glue2(args) | Self::Optimization(args) => &args.asking,
            Self::Cleanup(args) => &args.asking,
        }
    }
}

/// Who asks and why, and how long to wait.
#[derive(Debug, Clone, Args)]
pub struct Asking {
    /// Why; it stands in the trigger file
    #[arg(long, env = "ETL_REASON")]
    pub reason: String,
    /// Who asks [default: GITLAB_USER_LOGIN, or who is logged in]
    #[arg(long, env = "ETL_BY", value_name = "NAME")]
    pub by: Option<String>,
    /// Id of the request: the same one twice does one thing [default: a new one]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Name of the trigger file [default: the request's id]
    #[arg(long)]
    pub name: Option<String>,
    /// Wait for its end
    #[arg(long)]
    pub wait: bool,
    /// Wait for so many seconds at most
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    pub timeout: u64,
}

/// Of `trigger glue2` and `trigger optimization`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Who and why.
    #[command(flatten)]
    pub asking: Asking,
}

/// Of `trigger copyglue`.
#[derive(Debug, Args)]
pub struct CopyglueArgs {
    /// Who and why.
    #[command(flatten)]
    pub asking: Asking,
    /// Look for the versions of this key first; may be repeated
    #[arg(long = "key", value_name = "KEY", conflicts_with = "prefix")]
    pub keys: Vec<String>,
    /// Put these keys once more, as new versions
    #[arg(long, requires = "keys", conflicts_with = "prefix")]
    pub reland: bool,
    /// Look for the versions below this prefix first
    #[arg(long)]
    pub prefix: Option<String>,
    /// Of these, those that landed then or later, as 2026-05-08T12:00:00Z
    #[arg(
        long,
        value_name = "TIME",
        requires = "prefix",
        conflicts_with = "keys"
    )]
    pub from: Option<Timestamp>,
    /// Of these, those that landed before
    #[arg(
        long,
        value_name = "TIME",
        requires = "prefix",
        conflicts_with = "keys"
    )]
    pub to: Option<Timestamp>,
}

/// Of `trigger cleanup`. Without --execute, it is only said what would be done.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["run_id", "keys", "undo"])))]
pub struct CleanupArgs {
    /// Who and why.
    #[command(flatten)]
    pub asking: Asking,
    /// What this run wrote; --stage says of which job
    #[arg(long, value_name = "ID", requires = "stage")]
    pub run_id: Option<String>,
    /// 1, 2 or 3, of --run-id
    #[arg(long, value_parser = parse_stage, requires = "run_id", conflicts_with_all = ["keys", "undo"])]
    pub stage: Option<Stage>,
    /// This landing file; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Put back what the cleanup of this request id removed
    #[arg(long, value_name = "ID", conflicts_with = "mode")]
    pub undo: Option<String>,
    /// Do it
    #[arg(long)]
    pub execute: bool,
    /// How to remove
    #[arg(long, value_enum)]
    pub mode: Option<Removal>,
    /// Refuse to touch more objects than this
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// How a cleanup removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Removal {
    /// A copy stays below quarantine
    Quarantine,
    /// S3's noncurrent version stays, as long as the bucket keeps those
    Delete,
}

/// Of `reland`.
#[derive(Debug, Args)]
pub struct RelandArgs {
    /// Keys of landed files
    #[arg(required = true)]
    pub keys: Vec<String>,
    /// Who and why.
    #[command(flatten)]
    pub asking: Asking,
}

/// Of `dlq`.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// What lies there, and why
    List(DlqListArgs),
    /// Put what lies there back into the landing queue
    Redrive(DlqArgs),
}

/// Which dead-letter queue.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// Messages of the landing queue, or events that no function took
    #[arg(value_enum, default_value_t = DeadLetters::Landing)]
    pub queue: DeadLetters,
}

/// Of `dlq list`.
#[derive(Debug, Args)]
pub struct DlqListArgs {
    /// Which queue.
    #[command(flatten)]
    pub which: DlqArgs,
    /// List so many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub last: usize,
}

/// The dead-letter queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeadLetters {
    /// Of the landing queue.
    Landing,
    /// Of the functions' events.
    Events,
}

/// Of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The statement
    pub sql: String,
    /// Database that names without one belong to
    #[arg(long)]
    pub database: Option<String>,
    /// Workgroup, if another than the settings' [for legacy tables only: tui-etl-legacy-<env>]
    #[arg(long, value_name = "NAME")]
    pub workgroup: Option<String>,
    /// Print so many rows at most
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub rows: usize,
}

/// Of `sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Folder with a folder for each dataset
    pub folder: PathBuf,
    /// Whose files these are; docs/etl.md says how their deliveries differ
    #[arg(long, value_enum)]
    pub feed: Feed,
    /// AWS profile of who may write to the landing bucket, in the data account; without it, --profile
    #[arg(long, env = "ETL_DATA_PROFILE", value_name = "PROFILE")]
    pub data_profile: Option<String>,
    /// Upload so many files at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub jobs: usize,
    /// Say what would be uploaded, and upload nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Where files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Whole deliveries, each with a control file.
    Mainframe,
    /// Files as they come.
    Informatica,
}

fn parse_stage(text: &str) -> Result<Stage, String> {
    let number: u8 = text
        .parse()
        .map_err(|_| format!("{text:?} is no stage: there are 1, 2 and 3"))?;
    Stage::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_counts_for_all_commands_may_stand_after_any() {
        let cli = Cli::try_parse_from([
            "etl",
            "runs",
            "--stage",
            "2",
            "--env",
            "prod",
            "--json",
            "--set",
            "state_bucket=b",
        ])
        .unwrap();
        assert_eq!(cli.global.env, Environment::Prod);
        assert!(cli.global.json);
        assert_eq!(
            cli.global.set,
            [("state_bucket".to_owned(), "b".to_owned())]
        );
        let Command::Runs(args) = cli.command else {
            panic!("not runs")
        };
        assert_eq!((args.stage, args.last), (Some(Stage::Classify), 10));
    }

    #[test]
    fn what_can_not_be_meant_is_named() {
        for (line, named) in [
            (vec!["etl", "runs", "--stage", "4"], "there are 1, 2 and 3"),
            (vec!["etl", "runs", "--last", "0"], "0 is not in 1..=1000"),
            (vec!["etl", "status", "--set", "a"], "<name>=<value>"),
            (vec!["etl", "trigger", "cleanup", "--reason", "r"], "--undo"),
            (vec!["etl", "trigger", "glue2"], "--reason"),
            (vec!["etl", "dlq", "redrive", "--last", "5"], "--last"),
            (vec!["etl", "dlq", "list", "--last", "0"], "0 is not in 1.."),
            (
                vec![
                    "etl", "trigger", "copyglue", "--reason", "r", "--from", "soon",
                ],
                "soon",
            ),
            (vec!["etl", "sync", "x", "--feed", "tape"], "mainframe"),
        ] {
            let error = Cli::try_parse_from(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn an_option_that_would_mean_nothing_is_refused() {
        for line in [
            "cleanup --key a --stage 1",
            "cleanup --undo a --stage 1",
            "cleanup --stage 1",
            "copyglue --prefix a --reland",
            "copyglue --key a --from 2026-05-08T12:00:00Z",
            "copyglue --key a --to 2026-05-08T12:00:00Z",
        ] {
            let words = ["etl", "trigger", "--reason", "r"];
            let line = words[..2]
                .iter()
                .copied()
                .chain(line.split(' '))
                .chain(words[2..].iter().copied());
            let error = Cli::try_parse_from(line.clone()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{:?}", line.collect::<Vec<_>>());
        }
    }
}
