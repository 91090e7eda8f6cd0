//! Files, many items at once, and the listing's cursor.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::items::{moment, string};
use super::{Attributes, Cursor, FileItem, Ledger, LedgerItem, text};
use crate::protocol::{ITEM, file_pk, iso};

/// DynamoDB's limit for one BatchGetItem.
const KEYS_A_BATCH: usize = 100;
/// Batches in flight.
const BATCHES_AT_ONCE: usize = 4;
/// How often what a throttled batch left out is asked for again.
const ATTEMPTS: u32 = 6;
const CURSOR_PK: &str = "CURSOR#landing";

impl Ledger {
    /// A file's item.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn file(&self, file_id: &str) -> anyhow::Result<Option<FileItem>> {
        let item = self.get(&file_pk(file_id), ITEM).await?;
        item.as_ref().map(FileItem::from_attributes).transpose()
    }

    /// Puts a file's item. Condition: there is none with its key. `false`: there is, and it stays.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_file(&self, file: &FileItem) -> anyhow::Result<bool> {
        self.put_if_absent(file.to_attributes(), &file.pk()).await
    }

    /// The items with these partition keys (files and runs), by partition key; those that are not there
    /// are left out.
    ///
    /// # Errors
    /// The ledger can't be read, or holds something under such a key that is neither a file nor a run.
    pub async fn items(&self, pks: &[String]) -> anyhow::Result<HashMap<String, LedgerItem>> {
        let mut unique: Vec<&String> = pks.iter().collect();
        unique.sort_unstable();
        unique.dedup();
        let batches = unique
            .chunks(KEYS_A_BATCH)
            .map(|batch| self.batch_get(batch.to_vec()).boxed());
        let found: Vec<Vec<Attributes>> = stream::iter(batches.collect::<Vec<_>>())
            .buffer_unordered(BATCHES_AT_ONCE)
            .try_collect()
            .await?;
        let items = found.iter().flatten().map(|item| {
            let item = LedgerItem::from_attributes(item)?;
            Ok((item.pk(), item))
        });
        items.collect()
    }

    async fn batch_get(&self, pks: Vec<&String>) -> anyhow::Result<Vec<Attributes>> {
        let keys = pks
            .into_iter()
            .map(|pk| HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(ITEM))]));
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .build()?;
        let mut pending = Some(HashMap::from([(self.table.clone(), wanted)]));
        let mut found = Vec::new();
        for attempt in 0..ATTEMPTS {
            let Some(request) = pending.take() else {
                return Ok(found);
            };
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(request))
                .send()
                .await
                .context("items can't be read from the ledger")?;
            found.extend(output.responses.unwrap_or_default().into_values().flatten());
            pending = output.unprocessed_keys.filter(|left| !left.is_empty());
        }
        if pending.is_some() {
            bail!("the ledger left keys unread after {ATTEMPTS} attempts");
        }
        Ok(found)
    }

    /// How far the listing of the landing zone has come.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn cursor(&self) -> anyhow::Result<Cursor> {
        let item = self.get(CURSOR_PK, ITEM).await?.unwrap_or_default();
        Ok(Cursor {
            key_marker: string(&item, "key_marker"),
            version_id_marker: string(&item, "version_id_marker"),
            pass_started_at: moment(&item, "pass_started_at")?,
            full_pass_started_at: moment(&item, "full_pass_started_at")?,
        })
    }

    /// Remembers how far the listing has come. No condition: whoever writes last has been through all
    /// that lies before its place in the pass that it names, so a race only lists some pages twice.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_cursor(&self, cursor: &Cursor) -> anyhow::Result<()> {
        let attributes = [
            ("key_marker", cursor.key_marker.clone()),
            ("version_id_marker", cursor.version_id_marker.clone()),
            ("pass_started_at", cursor.pass_started_at.map(iso)),
            ("full_pass_started_at", cursor.full_pass_started_at.map(iso)),
        ];
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(CURSOR_PK))
            .item("sk", text(ITEM));
        for (name, value) in attributes {
            if let Some(value) = value {
                request = request.item(name, text(value));
            }
        }
        request
            .send()
            .await
            .context("the listing's cursor can't be put into the ledger")?;
        Ok(())
    }
}
