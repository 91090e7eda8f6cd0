//! The last answer: when the run that was started has ended, or others have done the work.

use std::collections::BTreeMap;

use pipeline::glue::{GlueRun, run_of};
use pipeline::ledger::RunItem;
use pipeline::protocol::{Phase, RunState, VoidReason, has_ended, iso};
use pipeline::triggers::{Answer, Ended, Kind, Start, State};

use crate::start::{StartError, holders, is_done, start_if_idle};
use crate::{Clients, Config, Invocation};

/// One of the items that were open when it was asked, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// The run that holds it.
    pub run_id: Option<String>,
    /// That run has committed.
    pub done: bool,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its state.
    pub state: State,
    /// What to know about it.
    pub why: Option<String>,
}

impl Settled {
    fn new(state: State, why: impl Into<Option<String>>) -> Self {
        Self {
            state,
            why: why.into(),
        }
    }
}

/// Whether a request has ended, and how. `run` is the run that was started for it, once it is over (by
/// the ledger, which has the last word, and by Glue); `None` if there is none. Not called while it is alive.
#[must_use]
pub fn settled(
    run: Option<(Option<&RunItem>, Option<&GlueRun>)>,
    open: &[WorkItem],
) -> Option<Settled> {
    if let Some((item, glue)) = run {
        match item.map(|item| (item.state, item.reason)) {
            Some((RunState::Committed, _)) => return Some(Settled::new(State::Succeeded, None)),
            // It came too late or too early for the work: whoever has that decides.
            Some((RunState::Void, Some(VoidReason::Empty))) => {}
            _ => return Some(Settled::new(State::Failed, why(glue))),
        }
    }
    if open.iter().any(|item| !item.done) {
        return None;
    }
    if open.is_empty() {
        let why = "the run found nothing to do".to_owned();
        return Some(Settled::new(State::NothingToDo, why));
    }
    let why = "another run has taken the work".to_owned();
    Some(Settled::new(State::Succeeded, why))
}

fn why(glue: Option<&GlueRun>) -> String {
    let ended = match glue {
        Some(run) if run.message.is_empty() => format!("the run ended as {}", run.state),
        Some(run) => format!("the run ended as {}: {}", run.state, run.message),
        None => "Glue no longer knows the run".to_owned(),
    };
    format!("{ended}; its work is open again")
}

/// Gives all waiting requests of the kind their last answer that can have it. Says how many.
///
/// # Errors
/// Something can't be read or written; the next event tries again.
pub async fn settle_all(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
) -> anyhow::Result<usize> {
    let mut count = 0;
    for request_id in clients.desk.ledger.open_requests(config.kind).await? {
        count += usize::from(settle(config, clients, invocation, config.kind, &request_id).await?);
    }
    Ok(count)
}

async fn settle(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    kind: Kind,
    request_id: &str,
) -> anyhow::Result<bool> {
    let desk = &clients.desk;
    // The hint comes before the item, and the item before the answer.
    let Some(item) = desk.ledger.request(request_id).await? else {
        return Ok(false);
    };
    if item.kind != kind {
        // Put for a trigger that was refused, as a request of another kind had its id.
        desk.ledger.drop_open_request(kind, request_id).await?;
        return Ok(false);
    }
    let Some(mut answer) = desk.answer_of(&item).await? else {
        return Ok(false);
    };
    if answer.state.is_final() {
        desk.tell(&item).await?;
        return Ok(false);
    }
    match end_of(config, clients, invocation, &mut answer).await? {
        Some(ended) => {
            answer.state = ended.state;
            answer.why = ended.why;
        }
        None if is_run_owed(&answer) => match start_if_idle(config, clients, &item).await {
            Ok(Some(start)) => {
                answer.start = Some(start);
                answer.ended = None;
            }
            Ok(None) => return Ok(false),
            Err(StartError::Impossible(error)) => {
                answer.state = State::Failed;
                answer.why = Some(format!("{error:#}"));
            }
            Err(StartError::Unknown(error)) => return Err(error),
        },
        None => return Ok(false),
    }
    answer.updated_at = iso(invocation.now);
    let answer = desk.answer(&answer).await?;
    Ok(answer.state.is_final())
}

/// Glue started none when it was asked. Whoever had the work may have come to nothing.
fn is_run_owed(answer: &Answer) -> bool {
    let start = answer.start.as_ref();
    start.is_some_and(|start| start.run_id.is_none())
}

/// How the request has ended, with what there is to tell of it in the answer; none if it has not.
async fn end_of(
    config: &Config,
    clients: &Clients,
    invocation: &Invocation,
    answer: &mut Answer,
) -> anyhow::Result<Option<Settled>> {
    let (open, mut ended) = taken(config, clients, answer).await?;
    let Some(run_id) = answer
        .start
        .as_ref()
        .and_then(|start: &Start| start.run_id.clone())
    else {
        answer.ended = Some(ended);
        return Ok(settled(None, &open));
    };
    let ledger = &clients.desk.ledger;
    // Glue before the ledger: a run that commits in between has its commit seen.
    let glue = run_of(&clients.glue, &config.job, &run_id).await?;
    let phase = glue.as_ref().map_or(Phase::Unknown, GlueRun::phase);
    let mut item = ledger.run(config.stage, &run_id).await?;
    let is_started = |item: &Option<RunItem>| {
        item.as_ref()
            .is_some_and(|item| item.state == RunState::Started)
    };
    let started_at = item.as_ref().and_then(|item| item.started_at);
    if has_ended(phase, started_at, invocation.now) != Some(true) {
        return Ok(None);
    }
    if is_started(&item) {
        // As all who find this do, so that what is told here can't become untrue.
        ledger.void_run(config.stage, &run_id).await?;
        item = ledger.run(config.stage, &run_id).await?;
    }
    ended.glue_state = glue.as_ref().map(|run| run.state.to_string());
    ended.ledger_state = item.as_ref().map(|item| item.state.to_string());
    ended.counts = item
        .as_ref()
        .map(|item| item.counts.clone())
        .unwrap_or_default();
    answer.ended = Some(ended);
    Ok(settled(Some((item.as_ref(), glue.as_ref())), &open))
}

/// Who has the items that were open.
async fn taken(
    config: &Config,
    clients: &Clients,
    answer: &Answer,
) -> anyhow::Result<(Vec<WorkItem>, Ended)> {
    let (ledger, stage) = (&clients.desk.ledger, config.stage);
    let listed = answer.open.as_ref().map_or(&[][..], |open| &open.items);
    let items = ledger.items(listed).await?;
    let holders = holders(ledger, stage, items.values()).await?;
    let mut taken_by: BTreeMap<String, usize> = BTreeMap::new();
    let mut open = Vec::new();
    for item in items.values() {
        let run_id = item.as_work().assigned_to().map(str::to_owned);
        let done = is_done(item, stage, &holders);
        if let Some(run_id) = run_id.clone().filter(|_| done) {
            *taken_by.entry(run_id).or_default() += 1;
        }
        open.push(WorkItem { run_id, done });
    }
    Ok((
        open,
        Ended {
            taken_by,
            ..Ended::default()
        },
    ))
}

#[cfg(test)]
mod tests {
    use pipeline::protocol::Stage;
    use pipeline::state_change::GlueState;

    use super::*;

    fn run(state: RunState, reason: Option<VoidReason>) -> RunItem {
        RunItem {
            stage: Stage::Classify,
            run_id: "jr".to_owned(),
            job: "glue".to_owned(),
            state,
            reason,
            started_by: None,
            started_at: None,
            committed_at: None,
            manifest: None,
            report: None,
            counts: BTreeMap::new(),
            assigned_to: None,
            cleaned_at: None,
            telling_at: None,
            cleaning_error: None,
            cleaning_alerted_at: None,
            cleaning_told_at: None,
            alerted_at: None,
            told_at: None,
        }
    }

    fn item(run_id: &str, done: bool) -> WorkItem {
        WorkItem {
            run_id: Some(run_id.to_owned()),
            done,
        }
    }

    fn state(run: Option<Option<&RunItem>>, open: &[WorkItem]) -> Option<State> {
        settled(run.map(|item| (item, None)), open).map(|settled| settled.state)
    }

    #[test]
    fn a_started_run_decides_by_the_ledger_whatever_became_of_the_items() {
        use RunState::{Committed, Void};
        let open = [item("other", false)];
        for open in [&open[..], &[]] {
            let committed = run(Committed, None);
            assert_eq!(state(Some(Some(&committed)), open), Some(State::Succeeded));
            let ended = run(Void, Some(VoidReason::Ended));
            assert_eq!(state(Some(Some(&ended)), open), Some(State::Failed));
            let never = run(Void, Some(VoidReason::NeverStarted));
            assert_eq!(state(Some(Some(&never)), open), Some(State::Failed));
            assert_eq!(state(Some(None), open), Some(State::Failed));
        }
    }

    #[test]
    fn an_empty_handed_run_waits_for_whoever_has_the_work() {
        let empty = run(RunState::Void, Some(VoidReason::Empty));
        for run in [Some(Some(&empty)), None] {
            assert_eq!(state(run, &[]), Some(State::NothingToDo));
            assert_eq!(state(run, &[item("a", true), item("b", false)]), None);
            assert_eq!(
                state(run, &[item("a", true), item("b", true)]),
                Some(State::Succeeded)
            );
        }
    }

    #[test]
    fn a_failure_is_told_with_glues_own_words() {
        let glue = GlueRun {
            job: "glue".to_owned(),
            run_id: "jr".to_owned(),
            state: GlueState::of("FAILED"),
            started_at: None,
            ended_at: None,
            message: "out of memory".to_owned(),
            started_by: None,
        };
        let failed = settled(Some((None, Some(&glue))), &[]).unwrap();
        let why = failed.why.unwrap();
        assert!(why.contains("FAILED: out of memory"), "{why}");
    }
}
