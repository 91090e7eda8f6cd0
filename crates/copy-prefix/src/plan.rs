//! What to do about a batch, decided from its messages and what the ledger has.

use std::collections::{HashMap, HashSet};

use pipeline::ledger::{FileItem, LedgerItem};

use crate::decode::Message;

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The files to take in, each once: those that the ledger doesn't have, and those that it has but
    /// that no run holds yet (their markers are put again, and they too are a reason for a run).
    pub intake: Vec<&'a FileItem>,
    /// Files that a run has, or has had.
    pub known: usize,
    /// Records that are none of ours.
    pub ignored: usize,
    /// Messages for the dead-letter queue.
    pub poison: Vec<&'a Message>,
}

/// Plans a batch. `known` are the ledger's items of its files, by partition key.
#[must_use]
pub fn plan<'a>(messages: &'a [Message], known: &HashMap<String, LedgerItem>) -> Plan<'a> {
    let mut plan = Plan::default();
    let mut seen = HashSet::new();
    for message in messages {
        plan.ignored += message.contents.ignored;
        if message.contents.poison.is_some() {
            plan.poison.push(message);
        }
        for file in &message.contents.files {
            let pk = file.pk();
            let item = known.get(&pk);
            let is_held = item.is_some_and(|item| item.as_work().assigned_to().is_some());
            match (seen.insert(pk), is_held) {
                (false, _) => {}
                (true, true) => plan.known += 1,
                (true, false) => plan.intake.push(file),
            }
        }
    }
    plan
}
