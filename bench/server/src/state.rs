//! What is kept: what was asked for, what was written and what was deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::lambda::Invocations;
use crate::world::World;

/// The server.
#[derive(Default)]
pub struct Server {
    state: Mutex<State>,
    /// Calls of the function under test.
    pub invocations: Invocations,
}

/// What changes.
#[derive(Default)]
pub struct State {
    /// How large everything is.
    pub world: World,
    /// Requests by operation.
    pub requests: BTreeMap<String, u64>,
    /// Which objects below temp are gone, a bit each.
    pub gone: Vec<u64>,
    /// How many those are.
    pub deleted: u64,
    /// Items that were written, by partition and sort key.
    pub table: HashMap<(String, String), Value>,
    /// Starts of Glue jobs.
    pub starts: u64,
    /// Versions of the landing bucket that were listed.
    pub listed: u64,
}

impl State {
    /// A new beginning in `world`.
    pub fn new(world: World) -> Self {
        let words = world.keys().div_ceil(64) as usize;
        Self {
            world,
            gone: vec![0; words],
            ..Self::default()
        }
    }

    /// Whether an object below temp is gone.
    pub fn is_gone(&self, index: u64) -> bool {
        let word = self.gone.get((index / 64) as usize).copied();
        word.unwrap_or_default() >> (index % 64) & 1 == 1
    }

    /// Deletes an object below temp; doing it twice changes nothing.
    pub fn delete(&mut self, index: u64) {
        if !self.is_gone(index)
            && let Some(word) = self.gone.get_mut((index / 64) as usize)
        {
            *word |= 1 << (index % 64);
            self.deleted += 1;
        }
    }
}

impl Server {
    /// The state, for the length of a request.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub fn count(&self, operation: &str) {
        let mut state = self.state();
        match state.requests.get_mut(operation) {
            Some(count) => *count += 1,
            None => {
                state.requests.insert(operation.to_owned(), 1);
            }
        }
    }

    /// How much longer each AWS request takes.
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.state().world.latency_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_deleted_once() {
        let mut state = State::new(World {
            runs: 1,
            keys_per_run: 100,
            ..World::default()
        });
        for index in [0, 63, 64, 99, 99] {
            state.delete(index);
        }
        assert_eq!(state.deleted, 4);
        assert!(state.is_gone(64) && !state.is_gone(65));
    }
}
