//! Whether a classify run is still to be conformed. No I/O, no clock.

use pipeline::ledger::RunItem;
use pipeline::protocol::RunState;

/// What to do about a classify run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Start a conform run, which looks for what is open.
    Start,
}

/// Decides about the classify run that an event named, and `holder`, the conform run that it is
/// assigned to. Starting once too often does no harm, as the run would find nothing; so only what is
/// sure to be in hand is left alone.
#[must_use]
pub fn plan(run: Option<&RunItem>, holder: Option<&RunItem>) -> Plan {
    let Some(run) = run else {
        return Plan::Nothing("the ledger does not know the run");
    };
    if run.state != RunState::Committed {
        return Plan::Nothing("the run is not committed");
    }
    match (&run.assigned_to, holder.map(|holder| holder.state)) {
        (Some(_), Some(RunState::Started)) => Plan::Nothing("a conform run has it in hand"),
        (Some(_), Some(RunState::Committed)) => Plan::Nothing("it was conformed before"),
        // A void holder did nothing. A holder without an item can't be, as a run writes its item
        // first; should it be all the same, the run that looks will see.
        (None, _) | (Some(_), Some(RunState::Void) | None) => Plan::Start,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pipeline::protocol::Stage;

    use super::*;

    fn run(stage: Stage, state: RunState, assigned_to: Option<&str>) -> RunItem {
        RunItem {
            stage,
            run_id: "jr".to_owned(),
            job: "glue".to_owned(),
            state,
            reason: None,
            started_by: None,
            started_at: None,
            committed_at: None,
            manifest: None,
            report: None,
            counts: BTreeMap::new(),
            assigned_to: assigned_to.map(str::to_owned),
            cleaned_at: None,
            telling_at: None,
            cleaning_error: None,
            cleaning_alerted_at: None,
            cleaning_told_at: None,
            alerted_at: None,
            told_at: None,
        }
    }

    #[test]
    fn a_conform_run_is_started_for_committed_work_that_nobody_has() {
        use RunState::{Committed, Started, Void};
        let cases = [
            ("open", Some(Committed), None, None, true),
            (
                "taken by a run that was void",
                Some(Committed),
                Some("jr_3"),
                Some(Void),
                true,
            ),
            (
                "taken by a run that nobody knows",
                Some(Committed),
                Some("jr_3"),
                None,
                true,
            ),
            (
                "in hand",
                Some(Committed),
                Some("jr_3"),
                Some(Started),
                false,
            ),
            (
                "done",
                Some(Committed),
                Some("jr_3"),
                Some(Committed),
                false,
            ),
            ("not committed", Some(Started), None, None, false),
            ("void", Some(Void), None, None, false),
            ("unknown", None, None, None, false),
        ];
        for (what, state, assigned_to, holder, starts) in cases {
            let classified = state.map(|state| run(Stage::Classify, state, assigned_to));
            let holder = holder.map(|state| run(Stage::Conform, state, None));
            let plan = plan(classified.as_ref(), holder.as_ref());
            assert_eq!(plan == Plan::Start, starts, "{what}: {plan:?}");
        }
    }
}
