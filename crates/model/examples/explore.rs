//! Larger configurations than the tests have time for, explored whole, and then the whole chain with
//! everything taking part, walked at random.
//!
//!     MODEL_SEED=7 MODEL_STATES=1000000 cargo run -p model --example explore
//!
//! `MODEL_SEED` repeats a walk, and only that (otherwise a seed is drawn from the clock, and printed);
//! `MODEL_STATES` says how many states are walked through. The exit status is 0 if nothing was found broken.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use model::world::Faults;
use model::{Parts, Protocol, explore};
use stateright::{Checker, Model, UniformChooser};

const STATES: usize = 3_000_000;

fn main() -> ExitCode {
    let (seed, states) = match (number("MODEL_SEED"), number("MODEL_STATES")) {
        (Ok(seed), Ok(states)) => (seed, states),
        (Err(error), _) | (_, Err(error)) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut is_safe = true;
    let explored_whole = match seed {
        Some(_) => Vec::new(),
        None => configurations(),
    };
    for (name, protocol) in explored_whole {
        let began = Instant::now();
        let explored = explore(protocol, 2);
        println!("{name}: {} states, {:?}", explored.states, began.elapsed());
        for (property, path) in explored.broken {
            println!("  not so: {property}, after {path}");
            is_safe = false;
        }
    }
    is_safe &= walk(seed.unwrap_or_else(clock), states);
    println!(
        "model: {}",
        if is_safe {
            "nothing is broken"
        } else {
            "BROKEN"
        }
    );
    if is_safe {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn configurations() -> Vec<(&'static str, Protocol)> {
    let faults = Faults {
        crashes: 1,
        zombies: 1,
        ..Faults::default()
    };
    let parts = |reconcile, cleaners, tellers| Parts {
        reconcile,
        cleaners,
        tellers,
    };
    let of = |runs, parts| Protocol {
        runs,
        faults,
        parts,
        ..Protocol::default()
    };
    vec![
        (
            "three runs for two files",
            Protocol {
                files: 2,
                ..of(&[1, 1, 1], parts(false, 0, 0))
            },
        ),
        (
            "two runs of each of two stages, with cleaning",
            of(&[1, 1, 2, 2], parts(false, 1, 0)),
        ),
        (
            "two runs of the first stage and one of the next, with cleaning and reconcile",
            of(&[1, 1, 2], parts(true, 1, 0)),
        ),
        (
            "two runs of one stage, with telling and reconcile",
            of(&[1, 1], parts(true, 0, 2)),
        ),
        (
            "two runs of the last stage, with reconcile",
            of(&[1, 2, 3, 3], parts(true, 0, 0)),
        ),
    ]
}

/// Walks at random through the chain with all parts and more of all faults; says whether nothing was found.
fn walk(seed: u64, states: Option<u64>) -> bool {
    let most = states.and_then(|states| usize::try_from(states).ok());
    let protocol = Protocol {
        files: 3,
        deliveries: 2,
        runs: &[1, 1, 1, 2, 2, 2, 3, 3, 3],
        faults: Faults {
            crashes: 3,
            zombies: 3,
            lost_answers: 2,
            deletions: 1,
        },
        parts: Parts {
            reconcile: true,
            cleaners: 2,
            tellers: 2,
        },
        ..Protocol::default()
    };
    println!("walk: MODEL_SEED={seed}");
    let began = Instant::now();
    let mut checker = protocol.checker();
    if let Some(states) = NonZeroUsize::new(most.unwrap_or(STATES)) {
        checker = checker.target_state_count(states.get());
    }
    let checker = checker.spawn_simulation(seed, UniformChooser).join();
    println!(
        "walk: {} states, at most {} steps, {:?}",
        checker.state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    let broken = checker.discoveries();
    for (property, path) in &broken {
        println!(
            "  not so: {property}, after {:#?}",
            path.clone().into_actions()
        );
    }
    broken.is_empty()
}

fn number(name: &str) -> Result<Option<u64>, String> {
    let Ok(text) = std::env::var(name) else {
        return Ok(None);
    };
    let number = text.parse::<u64>().ok().filter(|number| *number > 0);
    number
        .map(Some)
        .ok_or_else(|| format!("{name} is {text:?} and must be a whole number from 1"))
}

fn clock() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs())
}
