//! Where triggers are taken in and answers given out: each request once, whatever it is called and
//! however often its event comes.
//!
//! The order of the writes is what holds it together. Hint, item, (the work,) answer, its copies beside
//! the names, hint away: whatever is cut off in between, the same event, coming again, goes on.

use anyhow::Context;
use aws_sdk_s3::primitives::ByteStream;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Answer, Kind, LARGEST_FILE, State, Trigger, TriggerError, TriggerObject, TriggerPlace,
    answer_key, plan_key, request_id_of,
};
use crate::ledger::{Ledger, RequestItem, Step};
use crate::protocol::iso;

/// The state bucket and the ledger, as far as requests go.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The ledger.
    pub ledger: Ledger,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// The state bucket.
    pub bucket: String,
    /// Keys that triggers name lie below it.
    pub landing_prefix: String,
}

/// Who works on a request: an invocation, which keeps its id when Lambda tries it again.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Lambda's request id.
    pub id: String,
    /// When.
    pub now: Timestamp,
    /// For how long nobody else takes over: longer than the function's time-out.
    pub lease: SignedDuration,
}

/// What became of a trigger at the desk.
#[derive(Debug)]
pub enum Admission {
    /// It is answered, with this state.
    Answered(State),
    /// Another invocation has it in hand and will answer under this name, too.
    InHand,
    /// It is to be done.
    ToDo(Box<Admitted>),
}

/// A request that is to be done.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What it asks.
    pub trigger: Trigger,
    /// What is known of it.
    pub item: RequestItem,
}

impl Admitted {
    /// An answer to it.
    #[must_use]
    pub fn answer(&self, state: State, why: Option<String>, now: Timestamp) -> Answer {
        Answer {
            request_id: Some(self.trigger.request_id.clone()),
            kind: self.trigger.kind(),
            requested_by: Some(self.trigger.requested_by.clone()),
            reason: Some(self.trigger.reason.clone()),
            state,
            why,
            answered_at: iso(now),
            updated_at: iso(now),
            found: None,
            start: None,
            open: None,
            ended: None,
            cleanup: None,
        }
    }
}

impl Desk {
    /// Takes a trigger in. One that breaks a rule is answered, which is no failure.
    ///
    /// # Errors
    /// S3 or the ledger can't be used; the same event goes on where this one stopped.
    pub async fn admit(&self, object: &TriggerObject, owner: &Owner) -> anyhow::Result<Admission> {
        let place = &object.place;
        let content = self.read(&place.trigger_key(), &object.version_id).await?;
        let trigger = match Trigger::parse(place.kind, &content, &self.landing_prefix) {
            Ok(trigger) => trigger,
            Err(error) => {
                let request_id = request_id_of(&content);
                return self
                    .refuse(place, request_id, error.to_string(), owner)
                    .await;
            }
        };
        let (hash, result_key) = (trigger.hash()?, place.result_key());
        let id = trigger.request_id.as_str();
        if place.kind != Kind::Cleanup {
            self.ledger
                .put_open_request(place.kind, id, owner.now)
                .await?;
        }
        self.ledger
            .put_request(id, place.kind, &hash, &result_key, owner.now)
            .await?;
        // After its first put, too: whoever answers reads the names after that.
        let Some(item) = self.ledger.add_result(id, &hash, &result_key).await? else {
            let rule = format!("{id:?} names another request already: take a new one");
            let error = TriggerError {
                field: "request_id".into(),
                rule,
            };
            return self
                .refuse(place, Some(id.to_owned()), error.to_string(), owner)
                .await;
        };
        if item.answer.is_some() {
            let answer = self.tell(&item).await?;
            return Ok(Admission::Answered(answer.state));
        }
        let (now, lease) = (owner.now, owner.lease);
        if !self.ledger.lease_request(id, &owner.id, now, lease).await? {
            tracing::info!(
                request_id = id,
                "another invocation has the request in hand"
            );
            return Ok(Admission::InHand);
        }
        Ok(Admission::ToDo(Box::new(Admitted { trigger, item })))
    }

    /// Gives a request its answer: the first one, or after an `ACCEPTED` the next. The answer that
    /// counts in the end may be another's, who was first; it is the one that is told.
    ///
    /// # Errors
    /// S3 or the ledger can't be used.
    pub async fn answer(&self, answer: &Answer) -> anyhow::Result<Answer> {
        let id = answer
            .request_id
            .as_deref()
            .context("the answer is to no request")?;
        let version = self.put(&answer_key(id), answer).await?;
        let state = answer.state.as_str();
        let is_first = self
            .ledger
            .set_step(id, Step::Answer(state), &version)
            .await?;
        if !is_first {
            let step = Step::NextAnswer(state);
            self.ledger.set_step(id, step, &version).await?;
        }
        let item = self
            .ledger
            .request(id)
            .await?
            .context("the request is gone")?;
        self.tell(&item).await
    }

    /// The answer that counts.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn answer_of(&self, item: &RequestItem) -> anyhow::Result<Option<Answer>> {
        match &item.answer {
            Some(version) => self
                .get(&answer_key(&item.request_id), version)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Writes the answer beside every name that the request came under.
    ///
    /// # Errors
    /// S3 or the ledger can't be used.
    pub async fn tell(&self, item: &RequestItem) -> anyhow::Result<Answer> {
        let answer = self
            .answer_of(item)
            .await?
            .context("there is no answer yet")?;
        for key in &item.results {
            self.put(key, &answer).await?;
        }
        if answer.state.is_final() && item.kind != Kind::Cleanup {
            self.ledger
                .drop_open_request(item.kind, &item.request_id)
                .await?;
        }
        let state = answer.state.as_str();
        tracing::info!(
            request_id = item.request_id,
            state,
            why = answer.why,
            "answered"
        );
        Ok(answer)
    }

    /// What the request has set itself to do, if it has.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn plan<T: DeserializeOwned>(&self, item: &RequestItem) -> anyhow::Result<Option<T>> {
        match &item.plan {
            Some(version) => self
                .get(&plan_key(&item.request_id), version)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Keeps what the request has set itself to do, before it does it. Gives the plan that counts: this
    /// one, or one that was there first.
    ///
    /// # Errors
    /// S3 or the ledger can't be used.
    pub async fn keep_plan<T: Serialize + DeserializeOwned>(
        &self,
        request_id: &str,
        plan: T,
    ) -> anyhow::Result<T> {
        let version = self.put(&plan_key(request_id), &plan).await?;
        if self
            .ledger
            .set_step(request_id, Step::Plan, &version)
            .await?
        {
            return Ok(plan);
        }
        let item = self
            .ledger
            .request(request_id)
            .await?
            .context("the request is gone")?;
        self.plan(&item)
            .await?
            .context("the request has no plan and takes none")
    }

    async fn refuse(
        &self,
        place: &TriggerPlace,
        request_id: Option<String>,
        why: String,
        owner: &Owner,
    ) -> anyhow::Result<Admission> {
        tracing::warn!(name = place.name, why, "trigger refused");
        let answer = Answer {
            request_id,
            kind: place.kind,
            requested_by: None,
            reason: None,
            state: State::Refused,
            why: Some(why),
            answered_at: iso(owner.now),
            updated_at: iso(owner.now),
            found: None,
            start: None,
            open: None,
            ended: None,
            cleanup: None,
        };
        self.put(&place.result_key(), &answer).await?;
        Ok(Admission::Answered(State::Refused))
    }

    /// The first bytes of an object, one more at most than a trigger may have.
    async fn read(&self, key: &str, version_id: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.s3.get_object().bucket(&self.bucket).key(key);
        let output = request
            .version_id(version_id)
            .send()
            .await
            .with_context(|| format!("{key} (version {version_id}) can't be read"))?;
        let mut body = output.body;
        let mut content = Vec::new();
        while let Some(bytes) = body.try_next().await? {
            content.extend_from_slice(&bytes);
            if content.len() > LARGEST_FILE {
                break;
            }
        }
        Ok(content)
    }

    async fn get<T: DeserializeOwned>(&self, key: &str, version_id: &str) -> anyhow::Result<T> {
        let request = self.s3.get_object().bucket(&self.bucket).key(key);
        let read = async {
            let output = request.version_id(version_id).send().await?;
            let content = output.body.collect().await?.into_bytes();
            anyhow::Ok(serde_json::from_slice(&content)?)
        };
        read.await
            .with_context(|| format!("{key} (version {version_id}) can't be read"))
    }

    /// Puts a document and gives its version.
    async fn put<T: Serialize>(&self, key: &str, document: &T) -> anyhow::Result<String> {
        let content = serde_json::to_vec_pretty(document)?;
        let output = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(content))
            .send()
            .await
            .with_context(|| format!("{key} can't be written"))?;
        output
            .version_id
            .with_context(|| format!("{key} got no version: the state bucket must be versioned"))
    }
}
