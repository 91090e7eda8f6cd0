//! `etl status`: what there is to do, who does it, what comes next, and what is late.

use std::fmt::Write;

use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::Ledger;
use pipeline::protocol::Stage;
use serde::Serialize;

use crate::answer::{Answer, Exit};
use crate::aws::Aws;
use crate::open::{self, OpenWork};
use crate::queues::{self, Queue};
use crate::runs::{self, Run, first_line, last_ended};
use crate::schedule::{self, Schedule};
use crate::settings::{Environment, Settings};
use crate::style;

/// Enough to have all that run, and one that has ended.
const RUNS_A_STAGE: usize = 25;

/// All of it, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Which deployment.
    pub environment: String,
    /// When.
    pub at: Timestamp,
    /// The landing queue and the dead-letter queues.
    pub queues: Vec<Queue>,
    /// Glue 1, 2 and 3.
    pub stages: Vec<StageStatus>,
    /// When Glue 2 starts by itself.
    pub schedule: Schedule,
    /// What somebody should look at. None: all is well.
    pub problems: Vec<Problem>,
}

/// One job, and its work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageStatus {
    /// 1, 2 or 3.
    pub stage: Stage,
    /// The job's name.
    pub job: String,
    /// What it has to do.
    pub open: OpenWork,
    /// Its runs that have not ended.
    pub running: Vec<Run>,
    /// Its last run that has.
    pub last: Option<Run>,
}

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Of which kind: `late`, `failed` or `dead_letters`.
    pub kind: &'static str,
    /// In words.
    pub what: String,
}

/// Asks all services.
///
/// # Errors
/// One of them can't be asked: a status of a part would look better than it is.
pub async fn gather(
    aws: &Aws,
    settings: &Settings,
    environment: Environment,
    now: Timestamp,
) -> anyhow::Result<Status> {
    let (sqs, ledger, glue) = (aws.sqs(), aws.ledger(settings), aws.glue());
    let queues = [
        (&settings.landing_queue, false),
        (&settings.landing_dlq, true),
        (&settings.events_dlq, true),
    ];
    let queues = try_join_all(queues.map(|(name, dead)| queues::look(&sqs, name, dead)));
    let stages = gather_stages(&glue, &ledger, settings);
    let scheduler = aws.scheduler();
    let schedule = schedule::look(&scheduler, settings, now);
    let (queues, stages, schedule) = futures::try_join!(queues, stages, schedule)?;
    let problems = problems(&queues, &stages, &schedule, settings, now);
    Ok(Status {
        environment: environment.to_string(),
        at: now,
        queues,
        stages,
        schedule,
        problems,
    })
}

async fn gather_stages(
    glue: &aws_sdk_glue::Client,
    ledger: &Ledger,
    settings: &Settings,
) -> anyhow::Result<Vec<StageStatus>> {
    let open = open::gather_all(ledger).await?;
    let runs = runs::gather(glue, ledger, settings, &Stage::ALL, RUNS_A_STAGE).await?;
    let stages = Stage::ALL.into_iter().zip(open).map(|(stage, open)| {
        let alive = |run: &&Run| run.stage == stage && !run.ended;
        StageStatus {
            stage,
            job: settings.job(stage).to_owned(),
            open,
            running: runs.iter().filter(alive).cloned().collect(),
            last: last_ended(&runs, stage).cloned(),
        }
    });
    Ok(stages.collect())
}

fn problems(
    queues: &[Queue],
    stages: &[StageStatus],
    schedule: &Schedule,
    settings: &Settings,
    now: Timestamp,
) -> Vec<Problem> {
    let dead = queues
        .iter()
        .filter(|queue| queue.dead && queue.waiting + queue.in_flight > 0)
        .map(|queue| Problem {
            kind: "dead_letters",
            what: format!(
                "{} holds {} messages",
                queue.name,
                queue.waiting + queue.in_flight
            ),
        });
    let of_stages = stages.iter().flat_map(|stage| {
        [late(stage, settings, now), failed(stage)]
            .into_iter()
            .flatten()
    });
    dead.chain(of_stages)
        .chain(overdue(stages, schedule))
        .collect()
}

fn late(stage: &StageStatus, settings: &Settings, now: Timestamp) -> Option<Problem> {
    let waits = now.duration_since(stage.open.oldest_at?);
    let patience = SignedDuration::from_secs(settings.late_after(stage.stage));
    (waits > patience).then(|| Problem {
        kind: "late",
        what: format!(
            "work of Glue {} has waited for {}, and {} is the most that it should",
            stage.stage,
            style::span(waits),
            style::span(patience)
        ),
    })
}

fn failed(stage: &StageStatus) -> Option<Problem> {
    let last = stage.last.as_ref().filter(|run| !run.is_well())?;
    let mut what = format!(
        "the last run of Glue {}, {}, ended {}",
        stage.stage,
        last.run_id,
        style_free(&last.outcome())
    );
    if !last.message.is_empty() {
        let _ = write!(what, ": {}", first_line(&last.message));
    }
    Some(Problem {
        kind: "failed",
        what,
    })
}

fn style_free(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// The moment has passed, there is work, and no run has come since.
fn overdue(stages: &[StageStatus], schedule: &Schedule) -> Option<Problem> {
    let due = schedule.due_at?;
    let stage = stages.iter().find(|stage| stage.stage == Stage::Classify)?;
    // What was committed after the moment is for the next one.
    let waited = stage.open.oldest_at.is_some_and(|since| since < due);
    let mut runs = stage.running.iter().chain(&stage.last);
    let came = runs.any(|run| run.started_at.is_some_and(|start| start >= due));
    (waited && !came).then(|| Problem {
        kind: "late",
        what: format!(
            "Glue 2 was due at {}, and no run of it has begun since",
            style::moment(due)
        ),
    })
}

/// For people.
#[must_use]
pub fn render(status: &Status) -> String {
    let mut text = format!(
        "{} {}\n\n",
        style::bold(format!("tui-etl {}", status.environment)),
        style::dim(style::moment(status.at))
    );
    text += &render_queues(&status.queues);
    text += "\n\n";
    text += &render_stages(status);
    text += "\n\n";
    text += &render_schedule(&status.schedule, status.at);
    text += "\n\n";
    if status.problems.is_empty() {
        text += &style::good("nothing is late, and nothing has failed");
    } else {
        let lines = status.problems.iter();
        let lines = lines.map(|problem| {
            format!(
                "{} {}",
                style::bad(problem.kind),
                style::shown(&problem.what)
            )
        });
        text += &lines.collect::<Vec<_>>().join("\n");
    }
    text
}

fn render_queues(queues: &[Queue]) -> String {
    let rows = queues.iter().map(|queue| {
        let waiting = if queue.dead && queue.waiting > 0 {
            style::bad(queue.waiting)
        } else {
            queue.waiting.to_string()
        };
        [queue.name.clone(), waiting, queue.in_flight.to_string()]
    });
    style::table(&["QUEUE", "WAITING", "IN FLIGHT"], rows)
}

fn render_stages(status: &Status) -> String {
    let rows = status.stages.iter().map(|stage| {
        let open = &stage.open;
        let or_more = if open.more { "+" } else { "" };
        let running: Vec<String> = stage
            .running
            .iter()
            .map(|run| format!("{} ({})", run.run_id, run.length(status.at)))
            .collect();
        let last = stage.last.as_ref().map_or_else(
            || "-".to_owned(),
            |run| format!("{} {}", run.outcome(), style::moment_or_dash(run.ended_at)),
        );
        [
            format!("{} {}", stage.stage, stage.job),
            format!("{}{or_more}", open.waiting),
            open.held.to_string(),
            open.files
                .map_or_else(|| "-".to_owned(), |files| format!("{files}{or_more}")),
            open.oldest_at.map_or_else(
                || "-".to_owned(),
                |at| style::span(status.at.duration_since(at)),
            ),
            if running.is_empty() {
                "-".to_owned()
            } else {
                style::busy(running.join(", "))
            },
            last,
        ]
    });
    let headings = [
        "GLUE", "WAITING", "HELD", "FILES", "OLDEST", "RUNNING", "LAST",
    ];
    style::table(&headings, rows)
}

fn render_schedule(schedule: &Schedule, now: Timestamp) -> String {
    let when = match (schedule.enabled, schedule.next_at) {
        (false, _) => style::busy("switched off"),
        (true, None) => format!("{} {}", schedule.expression, schedule.timezone),
        (true, Some(next)) => format!(
            "next at {} (in {}; {} {})",
            style::moment(next),
            style::span(next.duration_since(now)),
            schedule.expression,
            schedule.timezone
        ),
    };
    format!(
        "{} {when}",
        style::bold(format!("Glue 2, {}:", schedule.name))
    )
}

/// The answer; bad news if there are problems.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(status: &Status) -> anyhow::Result<Answer> {
    let exit = if status.problems.is_empty() {
        Exit::Fine
    } else {
        Exit::Bad
    };
    Answer::new(render(status), status, exit)
}

#[cfg(test)]
mod tests;
