//! "Glue Job State Change": the event that tells that a job run ended.
//!
//! Glue sends it (source `aws.glue`), best effort; `reconcile` sends the same shape under its own
//! source for a run whose event never came. It is a hint in both cases: what happened is in the
//! ledger. Only what a handler needs to find the run is kept.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::json::Object;
use crate::protocol::Stage;

/// `source` of the events that Glue sends.
pub const GLUE_SOURCE: &str = "aws.glue";
/// `source` of the events that `reconcile` sends in their place.
pub const RECONCILE_SOURCE: &str = "tui-etl.reconcile";
/// `detail-type` of both.
pub const DETAIL_TYPE: &str = "Glue Job State Change";

/// A Glue run id is `jr_` and 64 hex digits; it becomes part of keys and queries, so nothing that
/// could mean something there gets through.
const LONGEST_RUN_ID: usize = 255;

/// Why an event is not a state change that can be acted on.
#[derive(Debug, Error)]
pub enum StateChangeError {
    /// It lacks a field, or a field has another type.
    #[error("the event is no Glue job state change")]
    Shape(#[source] serde_json::Error),
    /// It is some other event: a rule matches more than it should.
    #[error("unexpected event {detail_type:?} from {source_name:?}")]
    Foreign {
        /// Its `source`.
        source_name: String,
        /// Its `detail-type`.
        detail_type: String,
    },
    /// The run id has characters that no run id has.
    #[error("{0:?} is no Glue job run id")]
    RunId(String),
}

/// State of a job run as Glue names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlueState {
    /// Ended well, says Glue; whether it committed is in the ledger.
    Succeeded,
    /// Ended otherwise: FAILED, TIMEOUT, STOPPED, ERROR or EXPIRED.
    Failed(String),
    /// Still on its way, or a state that Glue didn't have when this was written: it is left to the
    /// next event, and to `reconcile`, rather than to a guess.
    Unfinished(String),
}

impl GlueState {
    /// Reads Glue's name of a state.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" | "TIMEOUT" | "STOPPED" | "ERROR" | "EXPIRED" => Self::Failed(name.to_owned()),
            _ => Self::Unfinished(name.to_owned()),
        }
    }

    /// Whether nothing more is to be expected of the run.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !matches!(self, Self::Unfinished(_))
    }
}

impl fmt::Display for GlueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed(name) | Self::Unfinished(name) => name,
        })
    }
}

/// A job run changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Name of the Glue job.
    pub job: String,
    /// Job run id.
    pub run_id: String,
    /// The state that it is in now.
    pub state: GlueState,
    /// Glue's explanation, often the job's error message; empty if there is none.
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    job_name: String,
    job_run_id: String,
    state: String,
    message: Option<String>,
}

impl StateChange {
    /// Decodes an EventBridge event.
    ///
    /// # Errors
    /// [`StateChangeError`]: no retry makes such an event better.
    pub fn decode(event: &Value) -> Result<Self, StateChangeError> {
        let Object(envelope) =
            Object::<Envelope>::deserialize(event).map_err(StateChangeError::Shape)?;
        let known_source = [GLUE_SOURCE, RECONCILE_SOURCE].contains(&envelope.source.as_str());
        if !known_source || envelope.detail_type != DETAIL_TYPE {
            return Err(StateChangeError::Foreign {
                source_name: envelope.source,
                detail_type: envelope.detail_type,
            });
        }
        let Object(detail) =
            Object::<Detail>::deserialize(&envelope.detail).map_err(StateChangeError::Shape)?;
        if !is_run_id(&detail.job_run_id) {
            return Err(StateChangeError::RunId(detail.job_run_id));
        }
        Ok(Self {
            job: detail.job_name,
            run_id: detail.job_run_id,
            state: GlueState::of(&detail.state),
            message: detail.message.unwrap_or_default(),
        })
    }

    /// The `detail` of an event that [`StateChange::decode`] reads back as `self`.
    #[must_use]
    pub fn detail(&self) -> Value {
        let severity = if self.state == GlueState::Succeeded {
            "INFO"
        } else {
            "ERROR"
        };
        json!({
            "jobName": self.job,
            "jobRunId": self.run_id,
            "state": self.state.to_string(),
            "severity": severity,
            "message": self.message,
        })
    }

    /// Which of `jobs` it is about; `None` if it is none of them.
    #[must_use]
    pub fn stage<'a>(&self, jobs: impl IntoIterator<Item = (&'a str, Stage)>) -> Option<Stage> {
        jobs.into_iter()
            .find(|(job, _)| *job == self.job)
            .map(|(_, stage)| stage)
    }
}

pub(crate) fn is_run_id(text: &str) -> bool {
    (1..=LONGEST_RUN_ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As printed in Glue's documentation, with a job of ours.
    fn event() -> Value {
        json!({
            "version": "0",
            "id": "abcdef00-1234-5678-9abc-def012345678",
            "detail-type": "Glue Job State Change",
            "source": "aws.glue",
            "account": "222222222222",
            "time": "2017-09-07T18:57:21Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {
                "jobName": "glue-2-dev",
                "severity": "INFO",
                "state": "SUCCEEDED",
                "jobRunId": "jr_abc",
                "message": "Job run succeeded",
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut event = event();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    }

    #[test]
    fn glues_event_is_understood() {
        let change = StateChange::decode(&event()).unwrap();
        assert_eq!(change.job, "glue-2-dev");
        assert_eq!(change.run_id, "jr_abc");
        assert_eq!(change.state, GlueState::Succeeded);
        assert_eq!(change.message, "Job run succeeded");
    }

    #[test]
    fn reconciles_event_reads_the_same() {
        let from_glue = StateChange::decode(&with("/detail/state", json!("TIMEOUT"))).unwrap();
        let mut sent = with("/source", json!("tui-etl.reconcile"));
        sent["detail"] = from_glue.detail();
        assert_eq!(StateChange::decode(&sent).unwrap(), from_glue);
    }

    #[test]
    fn a_message_may_be_missing() {
        let mut event = event();
        event["detail"].as_object_mut().unwrap().remove("message");
        assert_eq!(StateChange::decode(&event).unwrap().message, "");
    }

    #[test]
    fn states_are_success_failure_or_not_over_yet() {
        assert_eq!(GlueState::of("SUCCEEDED"), GlueState::Succeeded);
        for name in ["FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"] {
            assert_eq!(GlueState::of(name), GlueState::Failed(name.to_owned()));
            assert_eq!(GlueState::of(name).to_string(), name);
        }
        for name in [
            "STARTING",
            "RUNNING",
            "STOPPING",
            "WAITING",
            "",
            "succeeded",
            "PAUSED",
        ] {
            assert!(!GlueState::of(name).has_ended(), "{name}");
        }
    }

    #[test]
    fn other_events_are_refused() {
        for (pointer, value) in [
            ("/source", json!("aws.s3")),
            ("/detail-type", json!("Glue Job Run Status")),
            ("/detail", json!("text")),
            (
                "/detail",
                json!(["glue-2-dev", "jr_abc", "SUCCEEDED", null]),
            ),
            ("/detail/jobName", json!(null)),
            ("/detail/jobRunId", json!("")),
            ("/detail/jobRunId", json!("jr_1^ORactive=true")),
            ("/detail/jobRunId", json!("x".repeat(256))),
            ("/detail/state", json!(7)),
        ] {
            let event = with(pointer, value);
            assert!(StateChange::decode(&event).is_err(), "{event}");
        }
    }

    #[test]
    fn a_job_name_tells_the_stage() {
        let jobs = [
            ("glue-1-dev", Stage::Ingest),
            ("glue-2-dev", Stage::Classify),
        ];
        let change = StateChange::decode(&event()).unwrap();
        assert_eq!(change.stage(jobs), Some(Stage::Classify));
        let other = StateChange::decode(&with("/detail/jobName", json!("theirs"))).unwrap();
        assert_eq!(other.stage(jobs), None);
    }

    proptest! {
        #[test]
        fn an_odd_event_is_refused_or_says_what_the_plain_one_would(
            mutations in crate::fuzz::mutations(), damage in crate::fuzz::damage(),
        ) {
            let odd = mutations.iter().fold(event(), |event, mutation| mutation.applied_to(event));
            let bytes = damage.applied_to(odd.to_string().as_bytes());
            // As the runtime reads it.
            let Ok(odd) = serde_json::from_slice::<Value>(&bytes) else {
                return Ok(());
            };
            if let Ok(change) = StateChange::decode(&odd) {
                prop_assert!(is_run_id(&change.run_id));
                prop_assert!(["aws.glue", "tui-etl.reconcile"].map(Value::from).contains(&odd["source"]));
                prop_assert_eq!(&odd["detail-type"], DETAIL_TYPE);
                prop_assert_eq!(StateChange::decode(&with("/detail", change.detail())).unwrap(), change);
            }
        }

        #[test]
        fn no_field_makes_it_panic(
            field in prop::sample::select(vec!["/source", "/detail-type", "/detail", "/detail/jobName", "/detail/jobRunId", "/detail/state", "/detail/message"]),
            text in "\\PC{0,40}",
            kind in 0..5,
        ) {
            let value = match kind {
                0 => json!(text),
                1 => json!([text]),
                2 => json!({ "jobName": text }),
                3 => json!(text.len()),
                _ => Value::Null,
            };
            if let Ok(change) = StateChange::decode(&with(field, value)) {
                prop_assert!(is_run_id(&change.run_id));
            }
        }
    }
}
