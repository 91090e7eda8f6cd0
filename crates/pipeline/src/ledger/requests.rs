//! Requests of engineers: which are known, how far they have come, and which are not answered for good.
//!
//! What a request does and answers can be larger than an item may be. It lies in the state bucket, and
//! the item names the version that counts: whoever was second to write one finds that the first is it.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};

use super::items::{moment, required, string};
use super::{Attributes, Ledger, text, unless_refused};
use crate::protocol::{ITEM, iso};
use crate::triggers::Kind;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestItem {
    /// Its id.
    pub request_id: String,
    /// Its kind.
    pub kind: Kind,
    /// Hash of kind and content.
    pub hash: String,
    /// When it was asked first.
    pub requested_at: Timestamp,
    /// Keys of the answers to write: one for each name that it came under.
    pub results: Vec<String>,
    /// Version of what it has set itself to do.
    pub plan: Option<String>,
    /// How far it has come, if it is answered.
    pub state: Option<String>,
    /// Version of the answer.
    pub answer: Option<String>,
    /// Of a cleanup: the last request that set out to undo it.
    pub undone_by: Option<String>,
}

/// Which of a request's two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Its plan, if it has none.
    Plan,
    /// Its first answer, with this state, if it has none.
    Answer(&'a str),
    /// Its next answer, with this state, if the one that it has is `ACCEPTED`.
    NextAnswer(&'a str),
}

/// Partition key of a request's item.
#[must_use]
pub fn request_pk(request_id: &str) -> String {
    format!("REQUEST#{request_id}")
}

/// Partition key of the requests of a kind that are not answered for good.
#[must_use]
pub fn requests_pk(kind: Kind) -> String {
    format!("REQUESTS#{kind}")
}

impl RequestItem {
    fn from_attributes(item: &Attributes) -> anyhow::Result<Self> {
        let kind = required(item, "kind")?;
        let results = match item.get("results") {
            Some(AttributeValue::Ss(keys)) => keys.clone(),
            _ => Vec::new(),
        };
        Ok(Self {
            request_id: required(item, "request_id")?,
            kind: Kind::of(&kind).with_context(|| format!("{kind:?} is no kind of request"))?,
            hash: required(item, "hash")?,
            requested_at: moment(item, "requested_at")?.context("requested_at is missing")?,
            results,
            plan: string(item, "plan"),
            state: string(item, "state"),
            answer: string(item, "answer"),
            undone_by: string(item, "undone_by"),
        })
    }
}

impl Ledger {
    /// A request's item.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn request(&self, request_id: &str) -> anyhow::Result<Option<RequestItem>> {
        let pk = request_pk(request_id);
        let item = self.get(&pk, ITEM).await?;
        item.map(|item| RequestItem::from_attributes(&item))
            .transpose()
            .with_context(|| format!("the ledger's item {pk} can't be read"))
    }

    /// Registers a request. Condition: its id is new. `false`: there is one of that id.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_request(
        &self,
        request_id: &str,
        kind: Kind,
        hash: &str,
        result_key: &str,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        let pk = request_pk(request_id);
        let item = HashMap::from([
            ("pk".to_owned(), text(&pk)),
            ("sk".to_owned(), text(ITEM)),
            ("request_id".to_owned(), text(request_id)),
            ("kind".to_owned(), text(kind.as_str())),
            ("hash".to_owned(), text(hash)),
            ("requested_at".to_owned(), text(iso(at))),
            (
                "results".to_owned(),
                AttributeValue::Ss(vec![result_key.to_owned()]),
            ),
        ]);
        self.put_if_absent(item, &pk).await
    }

    /// Adds a name that a request came under, and gives the item as it is then. Condition: the item is
    /// this very request. `None`: it is another one of the same id.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn add_result(
        &self,
        request_id: &str,
        hash: &str,
        result_key: &str,
    ) -> anyhow::Result<Option<RequestItem>> {
        let pk = request_pk(request_id);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk))
            .key("sk", text(ITEM))
            .update_expression("ADD results :key")
            .condition_expression("#hash = :hash")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":key", AttributeValue::Ss(vec![result_key.to_owned()]))
            .expression_attribute_values(":hash", text(hash))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match answer {
            Ok(output) => {
                let item = output.attributes.context("DynamoDB gave no item back")?;
                RequestItem::from_attributes(&item).map(Some)
            }
            Err(error) => {
                unless_refused::<(), _, _>(Err(error))
                    .with_context(|| format!("{pk} can't be updated in the ledger"))?;
                Ok(None)
            }
        }
    }

    /// Takes the right to work on a request, for as long as `lease`. Conditions: it is not answered, and
    /// nobody else but `owner` began less than a lease ago. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn lease_request(
        &self,
        request_id: &str,
        owner: &str,
        now: Timestamp,
        lease: SignedDuration,
    ) -> anyhow::Result<bool> {
        let expired = iso(now.checked_sub(lease).context("the clock is wrong")?);
        let values = [
            (":owner", owner),
            (":now", &iso(now)),
            (":expired", &expired),
        ];
        self.update_request(
            request_id,
            "SET leased_by = :owner, leased_at = :now",
            "attribute_exists(pk) AND attribute_not_exists(answer) \
             AND (attribute_not_exists(leased_by) OR leased_by = :owner OR leased_at <= :expired)",
            &values,
        )
        .await
    }

    /// Makes `version` the request's plan or answer. Conditions: see [`Step`]. `false`: it does not hold.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn set_step(
        &self,
        request_id: &str,
        step: Step<'_>,
        version: &str,
    ) -> anyhow::Result<bool> {
        let (update, condition, state) = match step {
            Step::Plan => (
                "SET #plan = :version",
                "attribute_exists(pk) AND attribute_not_exists(#plan) AND attribute_not_exists(answer)",
                None,
            ),
            Step::Answer(state) => (
                "SET answer = :version, #state = :state",
                "attribute_exists(pk) AND attribute_not_exists(answer)",
                Some(state),
            ),
            Step::NextAnswer(state) => (
                "SET answer = :version, #state = :state",
                "#state = :accepted",
                Some(state),
            ),
        };
        let mut values = vec![(":version", version)];
        values.extend(state.map(|state| (":state", state)));
        if matches!(step, Step::NextAnswer(_)) {
            values.push((":accepted", "ACCEPTED"));
        }
        self.update_request(request_id, update, condition, &values)
            .await
    }

    /// Has the request `by` undo a cleanup. Conditions: the last that set out to is `before`, or none if that is
    /// none; or `by` itself, when it is tried again. `false`: it is another one.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn set_undone_by(
        &self,
        request_id: &str,
        before: Option<&str>,
        by: &str,
    ) -> anyhow::Result<bool> {
        let mut values = vec![(":by", by)];
        let is_next = match before {
            Some(before) => {
                values.push((":before", before));
                "undone_by = :before"
            }
            None => "attribute_not_exists(undone_by)",
        };
        self.update_request(
            request_id,
            "SET undone_by = :by",
            &format!("attribute_exists(pk) AND ({is_next} OR undone_by = :by)"),
            &values,
        )
        .await
    }

    /// Puts the hint that a request may not be answered for good, before its item.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_open_request(
        &self,
        kind: Kind,
        request_id: &str,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        self.client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(requests_pk(kind)))
            .item("sk", text(request_id))
            .item("at", text(iso(at)))
            .send()
            .await
            .with_context(|| format!("the hint of {request_id} can't be put into the ledger"))?;
        Ok(())
    }

    /// Ids of requests of a kind that may not be answered for good: a page of them.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn open_requests(&self, kind: Kind) -> anyhow::Result<Vec<String>> {
        let pk = requests_pk(kind);
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(&pk))
            .consistent_read(true)
            .send()
            .await
            .with_context(|| format!("{pk} can't be read from the ledger"))?;
        let items = output.items.unwrap_or_default();
        Ok(items.iter().filter_map(|item| string(item, "sk")).collect())
    }

    /// Drops that hint: the request is answered for good.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn drop_open_request(&self, kind: Kind, request_id: &str) -> anyhow::Result<()> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(requests_pk(kind)))
            .key("sk", text(request_id))
            .send()
            .await
            .with_context(|| format!("the hint of {request_id} can't be dropped"))?;
        Ok(())
    }

    async fn update_request(
        &self,
        request_id: &str,
        update: &str,
        condition: &str,
        values: &[(&str, &str)],
    ) -> anyhow::Result<bool> {
        let pk = request_pk(request_id);
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk))
            .key("sk", text(ITEM))
            .update_expression(update)
            .condition_expression(condition);
        for (name, attribute) in [("#plan", "plan"), ("#state", "state")] {
            if update.contains(name) || condition.contains(name) {
                request = request.expression_attribute_names(name, attribute);
            }
        }
        for (name, value) in values {
            request = request.expression_attribute_values(*name, text(*value));
        }
        unless_refused(request.send().await)
            .with_context(|| format!("{pk} can't be updated in the ledger"))
    }
}
