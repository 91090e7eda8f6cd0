//! Hearing what comes of a trigger: the answer to it, and none that lay there before.

use std::time::Duration;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use indicatif::ProgressBar;
use pipeline::triggers::{Answer as Reply, Task, Trigger};

const PAUSE: Duration = Duration::from_secs(2);

/// Where an answer will lie, and which one lies there already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub bucket: String,
    pub key: String,
    older: Option<String>,
}

impl Place {
    /// Notes what lies there, which has to be done before the trigger is put. Each event of a request writes its
    /// answer anew, so what is put twice is answered by a new version, too.
    pub async fn noted(s3: &Client, bucket: &str, key: &str) -> anyhow::Result<Self> {
        let mut place = Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            older: None,
        };
        let lies_there = place.look(s3).await?;
        place.older = lies_there.and_then(|object| object.version_id);
        Ok(place)
    }

    /// The last answer, or what there is of it when the time is over or whoever waits gives up.
    pub async fn hear(
        &self,
        s3: &Client,
        trigger: &Trigger,
        within: Duration,
        given_up: impl Future<Output = ()>,
    ) -> anyhow::Result<Option<Reply>> {
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(100));
        let mut last = None;
        let waited = {
            let waiting = self.follow(s3, trigger, within, &spinner, &mut last);
            tokio::select! {
                waited = waiting => waited,
                () = given_up => Ok(()),
            }
        };
        spinner.finish_and_clear();
        waited.map(|()| last)
    }

    async fn follow(
        &self,
        s3: &Client,
        trigger: &Trigger,
        within: Duration,
        spinner: &ProgressBar,
        last: &mut Option<Reply>,
    ) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let reply = self.read(s3).await?;
            if let Some(reply) = reply.filter(|reply| is_to(reply, trigger)) {
                spinner.set_message(reply.state.as_str());
                let is_final = reply.state.is_final();
                *last = Some(reply);
                if is_final {
                    return Ok(());
                }
            }
            if tokio::time::Instant::now() + PAUSE > deadline {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The answer that lies there, if it is none of the older ones.
    async fn read(&self, s3: &Client) -> anyhow::Result<Option<Reply>> {
        let Some(object) = self.look(s3).await? else {
            return Ok(None);
        };
        if self.older.is_some() && object.version_id == self.older {
            return Ok(None);
        }
        let cant = || self.cant();
        let bytes = object.body.collect().await.with_context(cant)?.into_bytes();
        serde_json::from_slice(&bytes).map(Some).with_context(cant)
    }

    async fn look(&self, s3: &Client) -> anyhow::Result<Option<GetObjectOutput>> {
        let asked = s3.get_object().bucket(&self.bucket).key(&self.key);
        match asked.send().await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
            Err(error) => Err(error).with_context(|| self.cant()),
        }
    }

    fn cant(&self) -> String {
        format!("the answer s3://{}/{} can't be read", self.bucket, self.key)
    }
}

/// An answer under this name is to whatever was put under it, which may be another request, or an earlier one that
/// had the same id. A refusal tells no more than the id.
fn is_to(reply: &Reply, trigger: &Trigger) -> bool {
    let same = |told: &Option<String>, asked: &str| told.as_deref().is_none_or(|it| it == asked);
    let as_dry = match (&reply.cleanup, &trigger.task) {
        (Some(told), Task::Cleanup(asked)) => told.dry_run == asked.dry_run,
        _ => true,
    };
    reply.request_id.as_deref() == Some(&trigger.request_id)
        && same(&reply.requested_by, &trigger.requested_by)
        && same(&reply.reason, &trigger.reason)
        && as_dry
}
