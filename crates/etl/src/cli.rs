//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// AWS profile of the application account; without it, AWS_PROFILE and the usual variables
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// AWS profile of who reads or writes the landing bucket, in the data account; without it, as for everything else
    #[arg(long, global = true, env = "ETL_DATA_PROFILE")]
    pub data_profile: Option<String>,
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
            data_profile: self.data_profile.clone(),
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

/// Of `dlq`.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// What lies there, and why
    List(DlqArgs),
    /// Put what lies there back into the landing queue
    Redrive(DlqArgs),
}

/// Which dead-letter queue.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// Messages of the landing queue, or events that no function took
    #[arg(value_enum, default_value_t = DeadLetters::Landing)]
    pub queue: DeadLetters,
    /// List so many at most
    #[arg(long, default_value_t = 20, value_name = "N")]
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
            (vec!["etl", "sync", "x", "--feed", "tape"], "mainframe"),
        ] {
            let error = Cli::try_parse_from(line).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
