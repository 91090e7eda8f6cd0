//! Starting a job's run, and asking what became of runs.

use anyhow::Context;
use aws_sdk_glue::Client;
use aws_sdk_glue::config::retry::RetryConfig;
use aws_sdk_glue::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_glue::operation::start_job_run::StartJobRunError;
use aws_sdk_glue::types::JobRun;
use jiff::Timestamp;

use crate::protocol::Phase;
use crate::state_change::GlueState;

/// What came of asking for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// Glue gave it this job run id.
    Started(String),
    /// Glue won't now, or its answer was lost, and this is why. No failure: whichever run comes next
    /// takes the work, and `reconcile` sees to it that one comes.
    Refused(String),
}

/// The argument that says on whose behalf a run was started.
const STARTED_BY: &str = "--started_by";
/// The most that Glue lists at a time.
const RUNS_A_PAGE: i32 = 200;

/// Errors that no later attempt makes better, because the deployment is at fault: somebody must look.
const FAULTS: [&str; 7] = [
    "AccessDeniedException",
    "AccessDenied",
    "EntityNotFoundException",
    "InvalidInputException",
    "ValidationException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
];

/// Starts one run of `job`; `started_by` says on whose behalf in the run's report.
///
/// The SDK's retries are off: StartJobRun has no client token, so a retry after a lost answer starts a
/// second run.
///
/// # Errors
/// Only what no later attempt can make better: there is no such job, the caller may not start it, or
/// the request itself is wrong. Whatever else goes wrong is [`StartOutcome::Refused`].
pub async fn start_job_run(
    client: &Client,
    job: &str,
    started_by: &str,
) -> anyhow::Result<StartOutcome> {
    let once = aws_sdk_glue::config::Builder::new().retry_config(RetryConfig::disabled());
    let answer = client
        .start_job_run()
        .job_name(job)
        .arguments(STARTED_BY, started_by)
        .customize()
        .config_override(once)
        .send()
        .await;
    match answer {
        Ok(output) => Ok(match output.job_run_id {
            Some(run_id) => StartOutcome::Started(run_id),
            None => StartOutcome::Refused("Glue answered without a job run id".to_owned()),
        }),
        Err(error) if is_fault(error.code()) => {
            Err(error).with_context(|| format!("the job {job} can't be started"))
        }
        Err(error) => Ok(StartOutcome::Refused(reason_of(&error))),
    }
}

fn is_fault(code: Option<&str>) -> bool {
    code.is_some_and(|code| FAULTS.contains(&code))
}

fn reason_of(error: &aws_sdk_glue::error::SdkError<StartJobRunError>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => DisplayErrorContext(error).to_string(),
    }
}

/// A job run as Glue tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlueRun {
    /// Name of the job.
    pub job: String,
    /// Job run id.
    pub run_id: String,
    /// Its state.
    pub state: GlueState,
    /// When it was asked for.
    pub started_at: Option<Timestamp>,
    /// When it ended, or, for a run that ended without saying when, when Glue last touched it.
    pub ended_at: Option<Timestamp>,
    /// Why it failed; empty if it did not or Glue doesn't say.
    pub message: String,
    /// Who or what asked for it; none if it doesn't say.
    pub started_by: Option<String>,
}

impl GlueRun {
    /// Whether it is over.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.state.has_ended() {
            Phase::Ended
        } else {
            Phase::Alive
        }
    }

    fn of(run: &JobRun) -> Option<Self> {
        let state = GlueState::of(run.job_run_state.as_ref()?.as_str());
        let started_at = run.started_on.as_ref().and_then(timestamp);
        let last_known = run.completed_on.as_ref().or(run.last_modified_on.as_ref());
        Some(Self {
            job: run.job_name.clone()?,
            run_id: run.id.clone()?,
            ended_at: if state.has_ended() {
                last_known.and_then(timestamp).or(started_at)
            } else {
                None
            },
            state,
            started_at,
            message: run.error_message.clone().unwrap_or_default(),
            started_by: run
                .arguments()
                .and_then(|arguments| arguments.get(STARTED_BY).cloned()),
        })
    }
}

fn timestamp(moment: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(moment.to_millis().ok()?).ok()
}

/// The runs of `job` that were asked for since `since`, and any older ones that are alive and come
/// before the first older one that is not. Glue lists the newest first.
///
/// # Errors
/// Glue can't be asked.
pub async fn recent_runs(
    client: &Client,
    job: &str,
    since: Timestamp,
) -> anyhow::Result<Vec<GlueRun>> {
    let mut runs = Vec::new();
    let mut pages = client
        .get_job_runs()
        .job_name(job)
        .into_paginator()
        .page_size(RUNS_A_PAGE)
        .send();
    while let Some(page) = pages.next().await {
        let page = page.with_context(|| format!("the runs of {job} can't be listed"))?;
        for run in page.job_runs().iter().filter_map(GlueRun::of) {
            let is_old = run.started_at.is_some_and(|started_at| started_at < since);
            if is_old && run.phase() == Phase::Ended {
                return Ok(runs);
            }
            runs.push(run);
        }
    }
    Ok(runs)
}

/// The last `most` runs of `job`, the newest first.
///
/// # Errors
/// Glue can't be asked.
pub async fn last_runs(client: &Client, job: &str, most: usize) -> anyhow::Result<Vec<GlueRun>> {
    let mut runs = Vec::new();
    let page = i32::try_from(most).map_or(RUNS_A_PAGE, |most| most.clamp(1, RUNS_A_PAGE));
    let mut pages = client
        .get_job_runs()
        .job_name(job)
        .into_paginator()
        .page_size(page)
        .send();
    while runs.len() < most
        && let Some(page) = pages.next().await
    {
        let page = page.with_context(|| format!("the runs of {job} can't be listed"))?;
        runs.extend(page.job_runs().iter().filter_map(GlueRun::of));
    }
    runs.truncate(most);
    Ok(runs)
}

/// One run of `job`; none if Glue knows no such run.
///
/// # Errors
/// Glue can't be asked.
pub async fn run_of(client: &Client, job: &str, run_id: &str) -> anyhow::Result<Option<GlueRun>> {
    let answer = client
        .get_job_run()
        .job_name(job)
        .run_id(run_id)
        .send()
        .await;
    match answer {
        Ok(output) => Ok(output.job_run().and_then(GlueRun::of)),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_entity_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => {
            Err(error).with_context(|| format!("the run {run_id} of {job} can't be looked at"))
        }
    }
}
