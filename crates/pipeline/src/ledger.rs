//! The ledger: one DynamoDB table that says what there is to do, who has it and what was done.
//!
//! Reads are strongly consistent. Writes are single-item, and whatever could contradict another writer
//! is conditional; a refused condition is an answer (`false`), not an error. After its creation an item
//! is only ever updated, attribute by attribute, so nobody's `assigned_to` is lost.

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;

mod cursors;
mod files;
#[cfg(test)]
mod fuzz;
mod items;
mod markers;
mod requests;
mod runs;

pub use items::{Cursor, FileItem, LedgerItem, Marker, MarkerPlace, RunItem, TakenIn};
pub use requests::{RequestItem, Step, request_pk, requests_pk};
pub use runs::Matter;

/// DynamoDB's attributes of one item.
pub type Attributes = HashMap<String, AttributeValue>;

/// The ledger table.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The ledger in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    async fn get(&self, pk: &str, sk: &str) -> anyhow::Result<Option<Attributes>> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .with_context(|| format!("{pk} can't be read from the ledger"))?;
        Ok(output.item)
    }

    /// Puts an item if there is none with its key. `false`: there is one, and it stays as it is.
    async fn put_if_absent(&self, item: Attributes, pk: &str) -> anyhow::Result<bool> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        unless_refused(answer).with_context(|| format!("{pk} can't be put into the ledger"))
    }
}

/// A string attribute.
fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// `Ok(false)` for a condition that did not hold, which is an answer and no error.
fn unless_refused<T, E, R>(answer: Result<T, SdkError<E, R>>) -> Result<bool, SdkError<E, R>>
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(error),
    }
}
