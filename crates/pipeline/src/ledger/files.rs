//! Files, and many items at once.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Attributes, FileItem, Ledger, LedgerItem, TakenIn, text};
use crate::protocol::{ITEM, file_pk};

/// DynamoDB's limit for one BatchGetItem.
const KEYS_A_BATCH: usize = 100;
/// Batches in flight.
const BATCHES_AT_ONCE: usize = 10;
/// How often what a throttled batch left out is asked for again.
const ATTEMPTS: u32 = 6;

impl Ledger {
    /// A file's item.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn file(&self, file_id: &str) -> anyhow::Result<Option<FileItem>> {
        let item = self.get(&file_pk(file_id), ITEM).await?;
        item.as_ref().map(FileItem::from_attributes).transpose()
    }

    /// Puts a file's item, with who took it in. Condition: there is none with its key. `false`: there is,
    /// and it stays.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub async fn put_file(&self, file: &FileItem, taken_in: &TakenIn) -> anyhow::Result<bool> {
        self.put_if_absent(file.to_attributes(taken_in), &file.pk())
            .await
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
}
