//! `etl`, the operator's command line: what the pipeline is doing, and its steps started by hand.
//!
//! Each command is a module that *gathers* facts from AWS and *renders* them; rendering is pure, and the facts
//! themselves are what `--json` prints. Everything is asked through AWS's public APIs with the caller's own
//! credentials, so it works alike on AWS and on the AWS of one machine, and can do no more than the caller may.
//! What changes something goes through a trigger file or a queue: no command writes to the ledger.
//!
//! docs/etl.md describes the commands and their exit codes.

pub mod answer;
pub mod aws;
pub mod cli;
pub mod credentials;
pub mod dlq;
pub mod explain;
pub mod file;
pub mod open;
pub mod query;
pub mod queues;
pub mod runs;
pub mod schedule;
pub mod settings;
pub mod status;
pub mod style;
pub mod sync;
pub mod trigger;
pub mod usage;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use clap::CommandFactory;
use jiff::Timestamp;
use pipeline::config::environment;
use pipeline::protocol::Stage;
use pipeline::triggers::Trigger;

use answer::{Answer, Exit, Stop, told};
use aws::Aws;
use cli::{Asking, Cli, Command, DlqCommand, Global};
use settings::Settings;

/// Does what the command line says.
///
/// # Errors
/// It can't be done; [`Stop::exit_of`] has the exit code.
pub async fn run(cli: Cli) -> anyhow::Result<Answer> {
    if let Command::Completions { shell } = cli.command {
        return Ok(completions(shell));
    }
    let settings = load_settings(&cli.global)?;
    let mut identity = cli.global.identity();
    if let Command::Sync(args) = &cli.command {
        identity.profile = args.data_profile.clone().or(identity.profile);
    }
    let (aws, environment) = (Aws::connect(&identity).await, cli.global.env);
    aws.asked().check()?;
    let done = answer(cli, &aws, &settings).await;
    done.map_err(|error| aws.asked().explain(error, environment))
}

async fn answer(cli: Cli, aws: &Aws, settings: &Settings) -> anyhow::Result<Answer> {
    let now = Timestamp::now();
    match cli.command {
        Command::Status => {
            let status = status::gather(aws, settings, cli.global.env, now).await?;
            status::answer(&status)
        }
        Command::File(args) => {
            let files = file::gather(&aws.ledger(settings), &aws.s3(), settings, &args).await?;
            file::answer(&files)
        }
        Command::Runs(args) => {
            let stages = args.stage.map_or(Stage::ALL.to_vec(), |stage| vec![stage]);
            let (glue, ledger) = (aws.glue(), aws.ledger(settings));
            let runs = runs::gather(&glue, &ledger, settings, &stages, args.last).await?;
            runs::answer(&runs, now)
        }
        Command::Trigger(command) => {
            let trigger = trigger::trigger_of(&command, settings, environment, now)?;
            ask(aws, settings, &trigger, command.asking()).await
        }
        Command::Reland(args) => {
            let trigger = trigger::reland(&args, settings, environment, now)?;
            ask(aws, settings, &trigger, &args.asking).await
        }
        Command::Dlq(DlqCommand::List(args)) => {
            let letters = dlq::list(&aws.sqs(), settings, args.which.queue, args.last).await?;
            dlq::answer_list(&letters, now)
        }
        Command::Dlq(DlqCommand::Redrive(args)) => {
            dlq::answer_redrive(&dlq::redrive(&aws.sqs(), settings, args.queue).await?)
        }
        Command::Query(args) => query::answer(&query::ask(&aws.athena(), settings, &args).await?),
        Command::Sync(args) => {
            sync::answer(&sync::sync(&aws.s3(), settings, &args, cli.global.json).await?)
        }
        Command::Completions { shell } => Ok(completions(shell)),
    }
}

/// Puts a trigger and, if that is wanted, waits for the answer to it.
async fn ask(
    aws: &Aws,
    settings: &Settings,
    trigger: &Trigger,
    asking: &Asking,
) -> anyhow::Result<Answer> {
    let s3 = aws.s3();
    if !asking.wait {
        return trigger::answer(&trigger::put(&s3, settings, trigger, asking).await?);
    }
    let mut interrupted = pin!(interruption());
    // It is listened for from here on, so that no interruption ends this without a word about what was put.
    let _ = futures::poll!(&mut interrupted);
    let mut put = trigger::put(&s3, settings, trigger, asking).await?;
    anstream::eprintln!("{}", trigger::waiting(&put));
    let within = Duration::from_secs(asking.timeout);
    trigger::hear(&s3, &mut put, trigger, within, interrupted).await?;
    trigger::answer(&put)
}

async fn interruption() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the handler, the process is ended by the signal itself.
        std::future::pending::<()>().await;
    }
}

fn completions(shell: clap_complete::Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "etl", &mut script);
    let text = String::from_utf8_lossy(&script).trim_end().to_owned();
    Answer {
        json: serde_json::json!({ "script": text }),
        text,
        exit: Exit::Fine,
    }
}

fn load_settings(global: &Global) -> anyhow::Result<Settings> {
    let file = match &global.config {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            let message = format!(
                "the settings file {} can't be read: {error}",
                path.display()
            );
            Stop::with(Exit::Usage, message)
        })?),
        None => default_file(global).and_then(|path| std::fs::read_to_string(path).ok()),
    };
    Settings::load(global.env, file.as_deref(), environment, &global.set)
        .map_err(|error| Stop::with(Exit::Usage, error.to_string()))
}

fn default_file(global: &Global) -> Option<PathBuf> {
    let folder = environment("XDG_CONFIG_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(environment("HOME")?).join(".config")))?;
    Some(folder.join("tui-etl").join(format!("{}.json", global.env)))
}

/// The answer, or the error, where it belongs; returns the exit code.
///
/// # Errors
/// Standard output can't be written.
pub fn print(result: anyhow::Result<Answer>, as_json: bool) -> anyhow::Result<Exit> {
    use std::io::Write;

    let mut out = anstream::stdout().lock();
    let (exit, wrote) = match result {
        Ok(answer) if as_json => (answer.exit, writeln!(out, "{:#}", answer.json)),
        Ok(answer) => (
            answer.exit,
            writeln!(out, "{}", style::for_terminals(&answer.text)),
        ),
        Err(error) => {
            let exit = Stop::exit_of(&error);
            let message = told(&error);
            let shown = style::shown_lines(&message);
            anstream::eprintln!("{} {shown}", style::bad("etl:"));
            let json = serde_json::json!({ "error": message, "exit_code": exit as u8 });
            let wrote = if as_json {
                writeln!(out, "{json:#}")
            } else {
                Ok(())
            };
            (exit, wrote)
        }
    };
    match wrote {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(exit),
        other => other.map(|()| exit).context("the answer can't be printed"),
    }
}
