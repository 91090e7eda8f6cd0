//! `etl query`: ask Athena, wait, and print what it found.

use std::time::Duration;

use anyhow::Context;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, ResultSet, Row,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::{Answer, Exit, Stop};
use crate::cli::QueryArgs;
use crate::settings::Settings;
use crate::style::{self, shown};

/// The most that Athena hands out at a time.
const ROWS_A_PAGE: i32 = 1000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What Athena found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Name and type of each column.
    pub columns: Vec<(String, String)>,
    /// Values as Athena writes them; none is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// There are more rows; these were not asked for.
    pub more: bool,
    /// Bytes that were read for it.
    pub scanned_bytes: u64,
    /// Athena's id of the query.
    pub query_id: String,
}

/// Starts the query, waits for its end, and reads the result. A query whose asker gives up is stopped.
///
/// # Errors
/// Athena refuses or fails it, with Athena's own words; or can't be asked.
pub async fn ask(athena: &Client, settings: &Settings, args: &QueryArgs) -> anyhow::Result<Found> {
    let query_id = start(athena, settings, args).await?;
    let execution = tokio::select! {
        execution = wait(athena, &query_id) => execution?,
        _ = tokio::signal::ctrl_c() => {
            // Nobody waits for it any more; it would go on and be paid for.
            let _ = athena.stop_query_execution().query_execution_id(&query_id).send().await;
            return Err(Stop::with(Exit::TimedOut, format!("the query {query_id} was stopped")));
        }
    };
    let scanned = execution
        .statistics
        .and_then(|told| told.data_scanned_in_bytes);
    let mut found = read(athena, &query_id, args.rows).await?;
    found.scanned_bytes = scanned
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or_default();
    found.query_id = query_id;
    Ok(found)
}

async fn start(athena: &Client, settings: &Settings, args: &QueryArgs) -> anyhow::Result<String> {
    let context = args
        .database
        .as_ref()
        .map(|database| QueryExecutionContext::builder().database(database).build());
    let answer = athena
        .start_query_execution()
        .query_string(&args.sql)
        .work_group(args.workgroup.as_ref().unwrap_or(&settings.workgroup))
        .set_query_execution_context(context)
        .send()
        .await;
    let answer = match answer {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_invalid_request_exception()) =>
        {
            let said = error.into_service_error();
            let said = said.meta().message().unwrap_or("the request is invalid");
            return Err(Stop::with(
                Exit::Bad,
                format!("Athena refuses the query: {said}"),
            ));
        }
        other => other.context("the query can't be started")?,
    };
    answer
        .query_execution_id
        .context("Athena started a query and gave it no id")
}

async fn wait(athena: &Client, query_id: &str) -> anyhow::Result<QueryExecution> {
    let mut pause = FIRST_PAUSE;
    loop {
        let execution = athena
            .get_query_execution()
            .query_execution_id(query_id)
            .send()
            .await
            .with_context(|| format!("the query {query_id} can't be looked at"))?
            .query_execution
            .with_context(|| format!("Athena knows no query {query_id}"))?;
        let status = execution.status.as_ref();
        match status.and_then(|status| status.state.as_ref()) {
            Some(QueryExecutionState::Succeeded) => return Ok(execution),
            Some(QueryExecutionState::Failed | QueryExecutionState::Cancelled) => {
                let reason = status.and_then(|status| status.state_change_reason.as_deref());
                let reason = reason.unwrap_or("Athena gives no reason");
                let message = format!("the query {query_id} failed: {reason}");
                return Err(Stop::with(Exit::Bad, message));
            }
            _ => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn read(athena: &Client, query_id: &str, most: usize) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut pages = athena
        .get_query_results()
        .query_execution_id(query_id)
        .into_paginator()
        .page_size(ROWS_A_PAGE)
        .send();
    let mut is_first = true;
    while let Some(page) = pages.next().await {
        let page = page.with_context(|| format!("the result of {query_id} can't be read"))?;
        let Some(result) = page.result_set else {
            continue;
        };
        let skip = usize::from(is_first && has_heading(&result));
        if is_first {
            found.columns = columns(&result);
        }
        is_first = false;
        found
            .rows
            .extend(result.rows().iter().skip(skip).map(values));
        if found.rows.len() > most {
            found.rows.truncate(most);
            found.more = true;
            break;
        }
    }
    Ok(found)
}

fn columns(result: &ResultSet) -> Vec<(String, String)> {
    let told = result.result_set_metadata().map(|told| told.column_info());
    told.unwrap_or_default()
        .iter()
        .map(|column| (column.name().to_owned(), column.r#type().to_owned()))
        .collect()
}

/// A SELECT's first row repeats the names of its columns; that of SHOW or DESCRIBE is a row like any other.
fn has_heading(result: &ResultSet) -> bool {
    let names = columns(result);
    let Some(first) = result.rows().first() else {
        return false;
    };
    let names = names.into_iter().map(|(name, _)| Some(name));
    names.eq(values(first))
}

fn values(row: &Row) -> Vec<Option<String>> {
    row.data()
        .iter()
        .map(|value| value.var_char_value.clone())
        .collect()
}

#[derive(Serialize)]
struct Told {
    query_id: String,
    columns: Vec<Map<String, Value>>,
    rows: Vec<Vec<Option<String>>>,
    more: bool,
    scanned_bytes: u64,
}

impl From<&Found> for Told {
    fn from(found: &Found) -> Self {
        let columns = found.columns.iter().map(|(name, kind)| {
            let pair = [("name", name), ("type", kind)];
            pair.map(|(label, value)| (label.to_owned(), Value::from(value.clone())))
                .into_iter()
                .collect()
        });
        Self {
            query_id: found.query_id.clone(),
            columns: columns.collect(),
            rows: found.rows.clone(),
            more: found.more,
            scanned_bytes: found.scanned_bytes,
        }
    }
}

/// A table, and how much there is of it.
#[must_use]
pub fn render(found: &Found) -> String {
    let headings: Vec<String> = found.columns.iter().map(|(name, _)| shown(name)).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let rows = found.rows.iter().map(|row| {
        row.iter()
            .map(|value| value.as_ref().map_or_else(|| style::dim("NULL"), shown))
            .collect::<Vec<_>>()
    });
    let number = found.rows.len();
    let more = if found.more { " of more" } else { "" };
    let plural = if number == 1 { "row" } else { "rows" };
    let size = style::bytes(found.scanned_bytes);
    let summary = style::dim(format!("{number} {plural}{more}, {size} read"));
    if headings.is_empty() {
        summary
    } else {
        format!("{}\n\n{summary}", style::table(&headings, rows))
    }
}

/// The answer.
///
/// # Errors
/// Facts that JSON can't hold.
pub fn answer(found: &Found) -> anyhow::Result<Answer> {
    Answer::new(render(found), &Told::from(found), Exit::Fine)
}

#[cfg(test)]
mod tests;
