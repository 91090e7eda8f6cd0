//! Lambda's Runtime API, for one function at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use hyper::Response;
use hyper::body::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::reply::{Body, full};
use crate::state::Server;

/// How long an invocation may take, as far as the function is told.
const DEADLINE: Duration = Duration::from_secs(900);
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";

/// What a function answered.
pub struct Answer {
    /// Its payload, or its error.
    pub payload: Bytes,
    /// Whether it is an error.
    pub is_error: bool,
    /// From handing the event out to getting the answer; none if it never asked for the event.
    pub took: Option<Duration>,
}

struct Invocation {
    id: u64,
    payload: Bytes,
}

#[derive(Default)]
struct Queue {
    last_id: u64,
    waiting: VecDeque<Invocation>,
    open: HashMap<u64, (Option<Instant>, oneshot::Sender<Answer>)>,
}

/// Invocations that wait or are under way.
#[derive(Default)]
pub struct Invocations {
    queue: Mutex<Queue>,
    came: Notify,
}

impl Invocations {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the function that asks next, and waits for its answer.
    pub async fn invoke(&self, payload: Bytes) -> anyhow::Result<Answer> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut queue = self.queue();
            queue.last_id += 1;
            let id = queue.last_id;
            queue.waiting.push_back(Invocation { id, payload });
            queue.open.insert(id, (None, sender));
        }
        self.came.notify_one();
        receiver.await.context("the invocation was given up")
    }

    /// Gives up what waits: the function that it was meant for is gone.
    pub fn clear(&self) {
        let mut queue = self.queue();
        queue.waiting.clear();
        queue.open.clear();
    }

    async fn next(&self) -> Invocation {
        loop {
            let came = self.came.notified();
            if let Some(invocation) = self.queue().waiting.pop_front() {
                return invocation;
            }
            came.await;
        }
    }

    fn answer(&self, id: u64, payload: Bytes, is_error: bool) {
        if let Some((since, sender)) = self.queue().open.remove(&id) {
            // Nobody waits any more if the driver gave up.
            let _ = sender.send(Answer {
                payload,
                is_error,
                took: since.map(|since| since.elapsed()),
            });
        }
    }
}

/// One request of the function's runtime.
pub async fn handle(server: &Server, path: &str, body: Bytes) -> anyhow::Result<Response<Body>> {
    let invocations = &server.invocations;
    if path == "invocation/next" {
        let Invocation { id, payload } = invocations.next().await;
        if let Some((since, _)) = invocations.queue().open.get_mut(&id) {
            *since = Some(Instant::now());
        }
        let deadline = (SystemTime::now() + DEADLINE).duration_since(UNIX_EPOCH)?;
        return Ok(Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis() as u64)
            .header("lambda-runtime-invoked-function-arn", ARN)
            .header(
                "lambda-runtime-trace-id",
                "Root=1-00000000-000000000000000000000000",
            )
            .body(full(payload))?);
    }
    if path == "init/error" {
        let open: Vec<u64> = invocations.queue().open.keys().copied().collect();
        for id in open {
            invocations.answer(id, body.clone(), true);
        }
    } else {
        let (id, kind) = path
            .strip_prefix("invocation/")
            .and_then(|rest| rest.split_once('/'))
            .with_context(|| format!("the Runtime API has no {path}"))?;
        match kind {
            "response" => invocations.answer(id.parse()?, body, false),
            "error" => invocations.answer(id.parse()?, body, true),
            _ => bail!("the Runtime API has no {path}"),
        }
    }
    Ok(Response::builder().status(202).body(full("{}"))?)
}
