//! Markers: hints of what may be open.

use std::collections::HashMap;

use anyhow::Context;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::items::string;
use super::{Attributes, Ledger, Marker, MarkerPlace, text, unless_refused};
use crate::protocol::{SHARDS, Stage, iso, marker, open_pk};

/// Markers that are read of a shard at a time.
const MARKERS_A_PAGE: i32 = 250;

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

    /// Where the reading of a stage's markers begins: every shard, at its beginning.
    #[must_use]
    pub fn marker_places(stage: Stage) -> Vec<MarkerPlace> {
        let place = |shard| MarkerPlace {
            pk: open_pk(stage, shard),
            after: None,
        };
        SHARDS.map(place).to_vec()
    }

    /// The next markers of each place, some thousands in all. `places` moves on, and a shard that is
    /// through is no longer in it: none left, no markers left.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn next_markers(&self, places: &mut Vec<MarkerPlace>) -> anyhow::Result<Vec<Marker>> {
        // Boxed: sixteen futures of the SDK side by side would take half a megabyte of stack.
        let shards: Vec<_> = std::mem::take(places)
            .into_iter()
            .map(|place| self.marker_page(place).boxed())
            .collect();
        let pages: Vec<(Vec<Attributes>, Option<MarkerPlace>)> = stream::iter(shards)
            .buffer_unordered(SHARDS.len())
            .try_collect()
            .await?;
        let mut markers = Vec::new();
        for (page, next) in pages {
            places.extend(next);
            for item in &page {
                markers.push(Marker::from_attributes(item)?);
            }
        }
        Ok(markers)
    }

    async fn marker_page(
        &self,
        place: MarkerPlace,
    ) -> anyhow::Result<(Vec<Attributes>, Option<MarkerPlace>)> {
        let MarkerPlace { pk, after } = place;
        let start =
            after.map(|sk| [("pk", &pk), ("sk", &sk)].map(|(k, v)| (k.to_owned(), text(v))));
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(&pk))
            .set_exclusive_start_key(start.map(HashMap::from))
            .limit(MARKERS_A_PAGE)
            .consistent_read(true)
            .send()
            .await
            .with_context(|| format!("{pk} can't be read from the ledger"))?;
        let last = output.last_evaluated_key.unwrap_or_default();
        let next = string(&last, "sk").map(|sk| MarkerPlace {
            pk,
            after: Some(sk),
        });
        Ok((output.items.unwrap_or_default(), next))
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
