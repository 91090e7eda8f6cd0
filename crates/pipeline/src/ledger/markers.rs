//! Markers: hints of what may be open.

use anyhow::Context;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::{Attributes, Ledger, Marker, text, unless_refused};
use crate::protocol::{SHARDS, Stage, iso, marker, open_pk};

impl Ledger {
    /// Puts the marker of an item, before the item itself. No condition: a marker is a hint, and a
    /// second one is the same one, younger.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_marker(
        &self,
        stage: Stage,
        item_pk: &str,
        at: Timestamp,
    ) -> anyhow::Result<()> {
        let key = marker(stage, item_pk);
        self.client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(key.pk))
            .item("sk", text(key.sk))
            .item("item", text(item_pk))
            .item("at", text(iso(at)))
            .send()
            .await
            .with_context(|| format!("the marker of {item_pk} can't be put into the ledger"))?;
        Ok(())
    }

    /// The markers of a stage, at most a page (1 MB, thousands of markers) of each shard: enough to
    /// decide on, and what lies behind comes into sight when these are gone.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn markers(&self, stage: Stage) -> anyhow::Result<Vec<Marker>> {
        // Boxed: sixteen futures of the SDK side by side would take half a megabyte of stack.
        let shards = SHARDS.map(|shard| self.shard(open_pk(stage, shard)).boxed());
        let pages: Vec<Vec<Attributes>> = stream::iter(shards)
            .buffer_unordered(SHARDS.len())
            .try_collect()
            .await?;
        pages
            .iter()
            .flatten()
            .map(Marker::from_attributes)
            .collect()
    }

    async fn shard(&self, pk: String) -> anyhow::Result<Vec<Attributes>> {
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
        Ok(output.items.unwrap_or_default())
    }

    /// Drops a marker. Condition: it is still the one that was read (same time stamp), so a marker that
    /// an intake has just put again stays. `false`: it was put again, or is gone.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn drop_marker(&self, marker: &Marker) -> anyhow::Result<bool> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(&marker.key.pk))
            .key("sk", text(&marker.key.sk))
            .condition_expression("#at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", text(&marker.at))
            .send()
            .await;
        unless_refused(answer)
            .with_context(|| format!("the marker of {} can't be dropped", marker.item))
    }
}
