//! Runs, and the updates that the functions make to them.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{Ledger, RunItem, text, unless_refused};
use crate::protocol::{ITEM, RunState, Stage, VoidReason, iso, run_pk};

/// What people are told about a run: each once, and each with a lease and a record of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// How it ended.
    End,
    /// That what it consumed can't be cleaned up (stage 2).
    Cleaning,
}

impl Matter {
    const fn telling_at(self) -> &'static str {
        match self {
            Self::End => "telling_at",
            Self::Cleaning => "cleaning_telling_at",
        }
    }

    const fn alerted_at(self) -> &'static str {
        match self {
            Self::End => "alerted_at",
            Self::Cleaning => "cleaning_alerted_at",
        }
    }

    const fn told_at(self) -> &'static str {
        match self {
            Self::End => "told_at",
            Self::Cleaning => "cleaning_told_at",
        }
    }
}

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

    /// Takes the right to tell of a run, for as long as `lease`. Conditions: the run has an item,
    /// nobody was told yet, and nobody else began less than a lease ago. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn try_lease_telling(
        &self,
        (stage, run_id): (Stage, &str),
        matter: Matter,
        now: Timestamp,
        lease: SignedDuration,
    ) -> anyhow::Result<bool> {
        let expired = iso(now.checked_sub(lease).context("the clock is wrong")?);
        let (telling_at, told_at) = (matter.telling_at(), matter.told_at());
        self.update_run(
            stage,
            run_id,
            &format!("SET {telling_at} = :now"),
            &format!(
                "attribute_exists(pk) AND attribute_not_exists({told_at}) \
                 AND (attribute_not_exists({telling_at}) OR {telling_at} <= :expired)"
            ),
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
        (stage, run_id): (Stage, &str),
        matter: Matter,
        leased_at: Timestamp,
    ) -> anyhow::Result<bool> {
        let telling_at = matter.telling_at();
        self.update_run(
            stage,
            run_id,
            &format!("REMOVE {telling_at}"),
            &format!("{telling_at} = :leased_at"),
            &[],
            &[(":leased_at", &iso(leased_at))],
        )
        .await
    }

    /// Records that it was told. Conditions: the run has an item, and it was not
    /// recorded before. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_told(
        &self,
        run: (Stage, &str),
        matter: Matter,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        self.mark_once(run, matter.told_at(), at).await
    }

    /// Records that an alert went out about a run whose ticket can't be raised. Conditions: the run has
    /// an item, and it was not recorded before. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_alerted(
        &self,
        run: (Stage, &str),
        matter: Matter,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        self.mark_once(run, matter.alerted_at(), at).await
    }

    /// Records why all that a stage 2 run consumed is not gone from temp. Conditions: the run has an
    /// item, and it was not cleaned up after meanwhile. `false`: one of them fails.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn mark_cleaning_failed(&self, run_id: &str, why: &str) -> anyhow::Result<bool> {
        self.update_run(
            Stage::Classify,
            run_id,
            "SET cleaning_error = :why",
            "attribute_exists(pk) AND attribute_not_exists(cleaned_at)",
            &[],
            &[(":why", why)],
        )
        .await
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

    async fn mark_once(
        &self,
        (stage, run_id): (Stage, &str),
        attribute: &str,
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        let update = format!("SET {attribute} = :at");
        let condition = format!("attribute_exists(pk) AND attribute_not_exists({attribute})");
        self.update_run(
            stage,
            run_id,
            &update,
            &condition,
            &[],
            &[(":at", &iso(at))],
        )
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
