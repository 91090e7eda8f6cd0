//! What is planned, done. Each part by itself: one that fails does not stop the others.

use anyhow::{Context, anyhow};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use futures::stream::{self, StreamExt};

use pipeline::glue::{StartOutcome, start_job_run};
use pipeline::protocol::{Settle, Stage};
use pipeline::state_change::{DETAIL_TYPE, RECONCILE_SOURCE, StateChange};

use crate::{Clients, Config, FUNCTION, Plan, Settlement, Start, Summary};

/// EventBridge's limit for one call.
const EVENTS_A_CALL: usize = 10;
/// Markers in flight.
const DROPS_AT_ONCE: usize = 16;

/// Does what is planned; counts it in `summary` and keeps what fails in `errors`.
pub async fn apply(
    config: &Config,
    clients: &Clients,
    plan: &Plan,
    summary: &mut Summary,
    errors: &mut Vec<anyhow::Error>,
) {
    for settlement in &plan.settle {
        match settle(config, clients, settlement).await {
            Ok(true) => summary.settled += 1,
            Ok(false) => {}
            Err(error) => errors.push(error),
        }
    }
    for changes in plan.resend.chunks(EVENTS_A_CALL) {
        match resend(config, clients, changes).await {
            Ok(()) => summary.resent += changes.len(),
            Err(error) => errors.push(error),
        }
    }
    let mut drops = stream::iter(&plan.drop)
        .map(|marker| clients.ledger.drop_marker(marker))
        .buffer_unordered(DROPS_AT_ONCE);
    while let Some(dropped) = drops.next().await {
        match dropped {
            Ok(true) => summary.markers_dropped += 1,
            Ok(false) => {}
            Err(error) => errors.push(error),
        }
    }
    for (stage, moment) in &plan.settled_before {
        if let Err(error) = clients.ledger.put_settled_before(*stage, *moment).await {
            errors.push(error);
        }
    }
    for stage in &plan.start {
        match start(config, clients, *stage).await {
            Ok(start) => summary.started.push(start),
            Err(error) => errors.push(error),
        }
    }
}

async fn settle(
    config: &Config,
    clients: &Clients,
    settlement: &Settlement,
) -> anyhow::Result<bool> {
    let Settlement {
        stage,
        run_id,
        started_at,
        settle,
    } = settlement;
    let settled = match settle {
        Settle::Void => clients.ledger.void_run(*stage, run_id).await?,
        Settle::NeverStarted => {
            let job = config.job(*stage);
            clients
                .ledger
                .put_never_started(*stage, run_id, job, *started_at)
                .await?
        }
    };
    let stage = stage.number();
    tracing::warn!(stage, run_id, settled, how = ?settle, "the run ended without saying so");
    Ok(settled)
}

async fn resend(config: &Config, clients: &Clients, changes: &[StateChange]) -> anyhow::Result<()> {
    let entries = changes.iter().map(|change| {
        let (run_id, state) = (&change.run_id, change.state.to_string());
        tracing::info!(
            job = change.job,
            run_id,
            state,
            "the event of a run's end is sent again"
        );
        PutEventsRequestEntry::builder()
            .source(RECONCILE_SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(change.detail().to_string())
            .event_bus_name(&config.event_bus_name)
            .build()
    });
    let answer = clients
        .events
        .put_events()
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .context("events can't be sent")?;
    let refused = answer
        .entries()
        .iter()
        .find(|entry| entry.error_code.is_some());
    match (answer.failed_entry_count, refused) {
        (0, None) => Ok(()),
        (count, refused) => {
            let entry = refused.cloned();
            let code = entry
                .as_ref()
                .and_then(|entry| entry.error_code())
                .unwrap_or("no reason");
            Err(anyhow!(
                "{count} of {} events were not taken: {code}",
                changes.len()
            ))
        }
    }
}

/// Asks for a run of a stage.
///
/// # Errors
/// There is no such job, or it may not be started.
pub async fn start(config: &Config, clients: &Clients, stage: Stage) -> anyhow::Result<Start> {
    let outcome = start_job_run(&clients.glue, config.job(stage), FUNCTION).await?;
    let (run_id, refused) = match outcome {
        StartOutcome::Started(run_id) => (Some(run_id), None),
        StartOutcome::Refused(reason) => (None, Some(reason)),
    };
    Ok(Start {
        stage: stage.number(),
        run_id,
        refused,
    })
}
