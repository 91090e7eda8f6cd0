//! Runs, and the updates that the functions make to them.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{Ledger, RunItem, text, unless_refused};
use crate::protocol::{ITEM, RunState, Stage, VoidReason, iso, run_pk};

impl Ledger {
    /// A run's item.
    ///
    /// # Errors
    /// The ledger can't be read, or what it holds is no run.
    pub async fn run(&self, stage: Stage, run_id: &str) -> anyhow::Result<Option<RunItem>> {
        let pk = run_pk(stage, run_id);
        let item = self.get(&pk, ITEM).await?;
        item.map(|item| RunItem::from_attributes(stage, run_id, &item))
            .transpose()
            .with_context(|| format!("the ledger's item {pk} can't be read"))
    }

    /// Records a run that ended without ever having written its item: VOID, NEVER_STARTED. Should its
    /// process still come, it finds the item there and ends. Condition: there is none. `false`: there is.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_never_started(
        &self,
        stage: Stage,
        run_id: &str,
        job: &str,
        started_at: Option<Timestamp>,
    ) -> anyhow::Result<bool> {
        let pk = run_pk(stage, run_id);
        let mut item = HashMap::from([
            ("pk".to_owned(), text(&pk)),
            ("sk".to_owned(), text(ITEM)),
            ("stage".to_owned(), AttributeValue::N(stage.to_string())),
            ("run_id".to_owned(), text(run_id)),
            ("job".to_owned(), text(job)),
            ("state".to_owned(), text(RunState::Void.as_str())),
            ("reason".to_owned(), text(VoidReason::NeverStarted.as_str())),
        ]);
        if let Some(started_at) = started_at {
            item.insert("started_at".to_owned(), text(iso(started_at)));
        }
        self.put_if_absent(item, &pk).await
    }

    /// Gives a run up for dead: STARTED -> VOID, ENDED. Only for a run that Glue says ended.
    /// Condition: its state is STARTED. `false`: it is not (or there is no item).
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn void_run(&self, stage: Stage, run_id: &str) -> anyhow::Result<bool> {
        let values = [
            (":started", RunState::Started.as_str()),
            (":void", RunState::Void.as_str()),
            (":ended", VoidReason::Ended.as_str()),
        ];
        self.update_run(
            stage,
            run_id,
            "SET #state = :void, #reason = :ended",
            "#state = :started",
            &[("#state", "state"), ("#reason", "reason")],
            &values,
        )
        .await
    }

    /// Takes the right to tell how a run ended, for as long as `lease`. Conditions: the run has an item,
    /// nobody was told yet, and nobody else began less than a lease ago. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn try_lease_telling(
        &self,
        stage: Stage,
        run_id: &str,
        now: Timestamp,
        lease: SignedDuration,
    ) -> anyhow::Result<bool> {
        let expired = iso(now.checked_sub(lease).context("the clock is wrong")?);
        self.update_run(
            stage,
            run_id,
            "SET telling_at = :now",
            "attribute_exists(pk) AND attribute_not_exists(told_at) \
             AND (attribute_not_exists(telling_at) OR telling_at <= :expired)",
            &[],
            &[(":now", &iso(now)), (":expired", &expired)],
        )
        .await
    }

    /// Gives that right back, so that a retry needn't wait for the lease to run out. Condition: it is
    /// still the one taken at `leased_at`. `false`: it is not.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn release_telling(
        &self,
        stage: Stage,
        run_id: &str,
        leased_at: Timestamp,
    ) -> anyhow::Result<bool> {
        self.update_run(
            stage,
            run_id,
            "REMOVE telling_at",
            "telling_at = :leased_at",
            &[],
            &[(":leased_at", &iso(leased_at))],
        )
        .await
    }

    /// Records that it was told how a run ended. Conditions: the run has an item, and it was not
    /// recorded before. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_told(
        &self,
        stage: Stage,
        run_id: &str,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        self.mark(
            stage,
            run_id,
            "told_at",
            at,
            "attribute_exists(pk) AND attribute_not_exists(told_at)",
        )
        .await
    }

    /// Records that an alert went out about a run whose ticket can't be raised. Conditions: the run has
    /// an item, and it was not recorded before. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_alerted(
        &self,
        stage: Stage,
        run_id: &str,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        let condition = "attribute_exists(pk) AND attribute_not_exists(alerted_at)";
        self.mark(stage, run_id, "alerted_at", at, condition).await
    }

    /// Records that all that a stage 2 run consumed is gone from temp. Conditions: it is COMMITTED, and
    /// it was not recorded before. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_cleaned(&self, run_id: &str, at: Timestamp) -> anyhow::Result<bool> {
        self.update_run(
            Stage::Classify,
            run_id,
            "SET cleaned_at = :at",
            "#state = :committed AND attribute_not_exists(cleaned_at)",
            &[("#state", "state")],
            &[
                (":at", &iso(at)),
                (":committed", RunState::Committed.as_str()),
            ],
        )
        .await
    }

    async fn mark(
        &self,
        stage: Stage,
        run_id: &str,
        attribute: &str,
        at: Timestamp,
        condition: &str,
    ) -> anyhow::Result<bool> {
        let update = format!("SET {attribute} = :at");
        self.update_run(stage, run_id, &update, condition, &[], &[(":at", &iso(at))])
            .await
    }

    async fn update_run(
        &self,
        stage: Stage,
        run_id: &str,
        update: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: &[(&str, &str)],
    ) -> anyhow::Result<bool> {
        let pk = run_pk(stage, run_id);
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk))
            .key("sk", text(ITEM))
            .update_expression(update)
            .condition_expression(condition);
        for (name, attribute) in names {
            request = request.expression_attribute_names(*name, *attribute);
        }
        for (name, value) in values {
            request = request.expression_attribute_values(*name, text(*value));
        }
        unless_refused(request.send().await)
            .with_context(|| format!("{pk} can't be updated in the ledger"))
    }
}
