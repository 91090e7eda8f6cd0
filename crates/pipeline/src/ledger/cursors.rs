//! How far `reconcile` has come: with the listing of the landing zone, and with the runs of each stage.

use anyhow::Context;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::items::{moment, number, string};
use super::{Cursor, Ledger, text, unless_refused};
use crate::protocol::{ITEM, Stage, iso};

const LANDING_PK: &str = "CURSOR#landing";

fn runs_pk(stage: Stage) -> String {
    format!("CURSOR#runs#{stage}")
}

impl Ledger {
    /// How far the listing of the landing zone has come.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn cursor(&self) -> anyhow::Result<Cursor> {
        let item = self.get(LANDING_PK, ITEM).await?.unwrap_or_default();
        Ok(Cursor {
            key_marker: string(&item, "key_marker"),
            version_id_marker: string(&item, "version_id_marker"),
            pass_started_at: moment(&item, "pass_started_at")?,
            has_gaps: matches!(item.get("has_gaps"), Some(AttributeValue::Bool(true))),
            full_pass_started_at: moment(&item, "full_pass_started_at")?,
            revision: number(item.get("revision")).unwrap_or_default(),
        })
    }

    /// Remembers how far the listing has come. Condition: the cursor is still of the revision that `cursor`
    /// was read with; it becomes the next one. `false`: somebody else has moved it, and goes on from there.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_cursor(&self, cursor: &Cursor) -> anyhow::Result<bool> {
        let next = AttributeValue::N((cursor.revision + 1).to_string());
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(LANDING_PK))
            .item("sk", text(ITEM))
            .item("has_gaps", AttributeValue::Bool(cursor.has_gaps))
            .item("revision", next);
        let attributes = [
            ("key_marker", cursor.key_marker.clone()),
            ("version_id_marker", cursor.version_id_marker.clone()),
            ("pass_started_at", cursor.pass_started_at.map(iso)),
            ("full_pass_started_at", cursor.full_pass_started_at.map(iso)),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                request = request.item(name, text(value));
            }
        }
        request = match cursor.revision {
            0 => request.condition_expression("attribute_not_exists(revision)"),
            revision => request
                .condition_expression("revision = :seen")
                .expression_attribute_values(":seen", AttributeValue::N(revision.to_string())),
        };
        unless_refused(request.send().await)
            .context("the listing's cursor can't be put into the ledger")
    }

    /// The moment before which every run of a stage that was asked for has ended, is told, and (stage 2)
    /// cleaned up after. None if that was never found out.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn settled_before(&self, stage: Stage) -> anyhow::Result<Option<Timestamp>> {
        let item = self.get(&runs_pk(stage), ITEM).await?.unwrap_or_default();
        moment(&item, "settled_before")
    }

    /// Remembers that moment. Condition: it is later than the one that is there. `false`: it is not.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_settled_before(&self, stage: Stage, at: Timestamp) -> anyhow::Result<bool> {
        let pk = runs_pk(stage);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&pk))
            .key("sk", text(ITEM))
            .update_expression("SET settled_before = :at")
            .condition_expression("attribute_not_exists(settled_before) OR settled_before < :at")
            .expression_attribute_values(":at", text(iso(at)))
            .send()
            .await;
        unless_refused(answer).with_context(|| format!("{pk} can't be updated in the ledger"))
    }
}
