//! What the functions share.
//!
//! - [`protocol`]: the names of the ledger's items and the decisions about them, as pure functions.
//! - [`ledger`]: those items in DynamoDB; every write is conditional, every read consistent.
//! - [`intake`]: taking a landed file in.
//! - [`glue`]: starting a job's run, and asking what became of runs.
//! - [`json`]: objects as structs, and nothing else as one.
//! - [`manifest`]: what a run took and wrote, as the run itself says.
//! - [`state_change`]: the event that says what became of a run.
//! - [`triggers`]: what engineers ask of the support functions, and the answers.
//! - [`clients`], [`config`], [`telemetry`]: what each `main` wires together.
//!
//! Nothing in here reads the environment by itself, except the AWS SDK (its own variables) and
//! [`telemetry::init`] (`RUST_LOG`).

pub mod clients;
pub mod config;
#[cfg(feature = "test-util")]
pub mod fuzz;
pub mod glue;
pub mod intake;
pub mod json;
pub mod ledger;
pub mod manifest;
pub mod protocol;
pub mod state_change;
pub mod telemetry;
pub mod triggers;
