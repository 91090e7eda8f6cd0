//! One batch of keys, deleted for certain or accounted for.
//!
//! `DeleteObjects` answers 200 although single keys failed; their errors are read, those that pass
//! are tried again, and what is left in the end is reported.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::delete_objects::DeleteObjectsError;
use aws_sdk_s3::types::{Delete, Error as KeyError, ObjectIdentifier};

/// `DeleteObjects` takes no more.
pub const KEYS_A_CALL: usize = 1_000;

/// How often, and how patiently, keys are tried again. The SDK has its own retries below this,
/// but they see only whole calls.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Calls for a batch, the first one included.
    pub attempts: u32,
    /// Pause after the first call; it doubles from call to call, and a random part is left off so
    /// that batches that were throttled together do not come back together.
    pub pause: Duration,
}

impl Default for Patience {
    /// About 12 seconds in all: S3 scales a prefix up within minutes, but throttles it in bursts.
    fn default() -> Self {
        Self {
            attempts: 7,
            pause: Duration::from_millis(200),
        }
    }
}

impl Patience {
    fn pause_after(&self, attempt: u32) -> Duration {
        let whole = self.pause.saturating_mul(1 << attempt.min(16));
        let random = RandomState::new().hash_one(attempt) % 1_000;
        whole.mul_f64(1.0 - 0.0005 * random as f64)
    }
}

/// A key that is still there, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The key.
    pub key: String,
    /// S3's error code.
    pub code: String,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys that are gone (those that were gone before included).
    pub deleted: u64,
    /// Keys that are not.
    pub failed: Vec<Failed>,
}

/// Deletes `keys` (at most [`KEYS_A_CALL`]) from `bucket`.
pub async fn delete(
    s3: aws_sdk_s3::Client,
    bucket: String,
    keys: Vec<String>,
    patience: Patience,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut open = keys;
    for attempt in 0.. {
        let sorted = match call(&s3, &bucket, &open).await {
            Ok(errors) => sort(open, errors),
            Err(error) => all_failed(open, &error),
        };
        outcome.deleted += sorted.gone;
        outcome.failed.extend(sorted.never);
        if sorted.again.is_empty() {
            break;
        }
        if attempt + 1 >= patience.attempts {
            outcome.failed.extend(sorted.again);
            break;
        }
        tracing::info!(
            keys = sorted.again.len(),
            code = sorted.again[0].code,
            "S3 put off deleting some keys, trying them again"
        );
        tokio::time::sleep(patience.pause_after(attempt)).await;
        open = sorted.again.into_iter().map(|failed| failed.key).collect();
    }
    outcome
}

async fn call(
    s3: &aws_sdk_s3::Client,
    bucket: &str,
    keys: &[String],
) -> Result<Vec<KeyError>, SdkError<DeleteObjectsError>> {
    let objects = keys
        .iter()
        .map(|key| ObjectIdentifier::builder().key(key).build())
        .collect::<Result<_, _>>()
        .map_err(SdkError::construction_failure)?;
    let delete = Delete::builder()
        .set_objects(Some(objects))
        // Only errors are worth an answer.
        .quiet(true)
        .build()
        .map_err(SdkError::construction_failure)?;
    let answer = s3
        .delete_objects()
        .bucket(bucket)
        .delete(delete)
        .send()
        .await?;
    Ok(answer.errors.unwrap_or_default())
}

/// The keys of a call by what is to become of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    gone: u64,
    again: Vec<Failed>,
    never: Vec<Failed>,
}

/// What an error code means for a key.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Gone,
    Again,
    Never,
}

fn judge(code: &str) -> Verdict {
    match code {
        "NoSuchKey" | "NoSuchVersion" => Verdict::Gone,
        "SlowDown"
        | "InternalError"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "OperationAborted"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded" => Verdict::Again,
        _ => Verdict::Never,
    }
}

/// Sorts the keys of a call that S3 answered with `errors`.
fn sort(keys: Vec<String>, errors: Vec<KeyError>) -> Sorted {
    let mut sorted = Sorted::default();
    let sent = keys.len();
    if errors.iter().any(|error| error.key.is_none()) {
        // Nobody knows which key that was. Deleting is idempotent: all of them again.
        let code = "an error without a key";
        sorted.again = keys.into_iter().map(|key| failed(key, code)).collect();
        return sorted;
    }
    for error in errors {
        let code = error
            .code
            .unwrap_or_else(|| "an error without a code".to_owned());
        let entry = failed(error.key.unwrap_or_default(), &code);
        match judge(&code) {
            Verdict::Gone => {}
            Verdict::Again => sorted.again.push(entry),
            Verdict::Never => sorted.never.push(entry),
        }
    }
    sorted.gone = sent.saturating_sub(sorted.again.len() + sorted.never.len()) as u64;
    sorted
}

/// Sorts the keys of a call that failed as a whole.
fn all_failed(keys: Vec<String>, error: &SdkError<DeleteObjectsError>) -> Sorted {
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    let code = match (error.code(), status) {
        (Some(code), _) => code.to_owned(),
        (None, Some(status)) => format!("HTTP {status}"),
        (None, None) => "no answer".to_owned(),
    };
    let passes = match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            judge(&code) == Verdict::Again
                || status.is_some_and(|status| status >= 500 || status == 429)
        }
        _ => true,
    };
    let entries = keys.into_iter().map(|key| failed(key, &code)).collect();
    let mut sorted = Sorted::default();
    if passes {
        sorted.again = entries;
    } else {
        sorted.never = entries;
    }
    sorted
}

fn failed(key: String, code: &str) -> Failed {
    Failed {
        key,
        code: code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(key: &str, code: &str) -> KeyError {
        KeyError::builder().key(key).code(code).build()
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn codes_that_pass_are_tried_again_and_others_are_not() {
        for (code, verdict) in [
            ("SlowDown", Verdict::Again),
            ("InternalError", Verdict::Again),
            ("ServiceUnavailable", Verdict::Again),
            ("AccessDenied", Verdict::Never),
            ("NoSuchBucket", Verdict::Never),
            ("SomethingNew", Verdict::Never),
            ("NoSuchKey", Verdict::Gone),
        ] {
            assert_eq!(judge(code), verdict, "{code}");
        }
    }

    #[test]
    fn every_key_of_a_call_is_accounted_for() {
        let errors = vec![
            error("b", "SlowDown"),
            error("c", "AccessDenied"),
            error("d", "NoSuchKey"),
        ];
        let sorted = sort(keys(&["a", "b", "c", "d"]), errors);
        assert_eq!(sorted.gone, 2);
        assert_eq!(sorted.again, [failed("b".to_owned(), "SlowDown")]);
        assert_eq!(sorted.never, [failed("c".to_owned(), "AccessDenied")]);
    }

    #[test]
    fn an_error_that_names_no_key_leaves_all_keys_open() {
        let nameless = KeyError::builder().code("InternalError").build();
        let sorted = sort(keys(&["a", "b"]), vec![nameless]);
        assert_eq!(
            (sorted.gone, sorted.again.len(), sorted.never.len()),
            (0, 2, 0)
        );
    }

    #[test]
    fn an_error_without_a_code_is_a_failure() {
        let sorted = sort(keys(&["a"]), vec![KeyError::builder().key("a").build()]);
        assert_eq!((sorted.gone, sorted.never.len()), (0, 1));
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        let patience = Patience {
            attempts: 9,
            pause: Duration::from_secs(1),
        };
        for attempt in 0..5 {
            let pause = patience.pause_after(attempt);
            let longest = Duration::from_secs(1 << attempt);
            assert!(
                pause <= longest && pause > longest / 2,
                "{attempt}: {pause:?}"
            );
        }
    }
}
