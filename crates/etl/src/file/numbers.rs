//! A run's numbers by file: Parquet, one row a landed file.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_s3::Client;
use bytes::Bytes;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use pipeline::manifest::Location;

const FILE_ID: &str = "file_id";

/// What each of them counts.
pub type Numbers = BTreeMap<String, u64>;

/// Those of one file in one dataset of a run; empty if the run had nothing of it.
///
/// # Errors
/// The place is not in the state bucket, or can't be read.
pub async fn read(
    s3: &Client,
    state_bucket: &str,
    files_uri: &str,
    dataset: &str,
    file_id: &str,
) -> anyhow::Result<Numbers> {
    let place = Location::within(state_bucket, files_uri)?;
    let folder = format!("{}/dataset={dataset}/", place.key);
    let mut pages = s3
        .list_objects_v2()
        .bucket(&place.bucket)
        .prefix(&folder)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.with_context(|| format!("{folder} can't be listed"))?;
        let keys = page.contents().iter().filter_map(|object| object.key());
        for key in keys.filter(|key| key.ends_with(".parquet")) {
            let body = super::read(s3, &place.bucket, key).await?;
            let found = find(body, file_id).with_context(|| format!("{key} can't be read"))?;
            if let Some(numbers) = found {
                return Ok(numbers);
            }
        }
    }
    Ok(Numbers::new())
}

/// The row of a file; only the row groups that may have it are unpacked.
fn find(body: Bytes, file_id: &str) -> anyhow::Result<Option<Numbers>> {
    let file = SerializedFileReader::new(body)?;
    for index in 0..file.num_row_groups() {
        if !may_have(file.metadata().row_group(index), file_id) {
            continue;
        }
        for row in file.get_row_group(index)?.get_row_iter(None)? {
            let row = row?;
            if is_of(&row, file_id) {
                return Ok(Some(numbers(&row)));
            }
        }
    }
    Ok(None)
}

/// Rows are sorted within a file. Statistics may be cut short, but never so that they cover less.
fn may_have(group: &RowGroupMetaData, file_id: &str) -> bool {
    let column = group
        .columns()
        .iter()
        .find(|column| column.column_path().string() == FILE_ID);
    let bounds = column
        .and_then(|column| column.statistics())
        .and_then(|told| Some((told.min_bytes_opt()?, told.max_bytes_opt()?)));
    bounds.is_none_or(|(least, most)| (least..=most).contains(&file_id.as_bytes()))
}

fn is_of(row: &Row, file_id: &str) -> bool {
    row.get_column_iter().any(|(name, value)| {
        name == FILE_ID && matches!(value, Field::Str(text) if text == file_id)
    })
}

fn numbers(row: &Row) -> Numbers {
    row.get_column_iter()
        .filter_map(|(name, value)| match value {
            Field::Long(number) => Some((name.clone(), u64::try_from(*number).ok()?)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
    use aws_sdk_s3::types::Object;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    const SCHEMA: &str = "message m { required binary file_id (UTF8); required int64 records_in; required int64 legacy; }";

    /// A file as the jobs write it, with a row group for each list of rows.
    pub(crate) fn parquet(groups: &[&[(&str, i64, i64)]]) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut bytes = Vec::new();
        let settings = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, settings).unwrap();
        for rows in groups {
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let ids: Vec<ByteArray> = rows.iter().map(|row| row.0.into()).collect();
            column
                .typed::<ByteArrayType>()
                .write_batch(&ids, None, None)
                .unwrap();
            column.close().unwrap();
            for number in [
                |row: &(&str, i64, i64)| row.1,
                |row: &(&str, i64, i64)| row.2,
            ] {
                let mut column = group.next_column().unwrap().unwrap();
                let values: Vec<i64> = rows.iter().map(number).collect();
                column
                    .typed::<Int64Type>()
                    .write_batch(&values, None, None)
                    .unwrap();
                column.close().unwrap();
            }
            group.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_files_row_is_found_in_whichever_object_and_row_group_it_is() {
        let list = mock!(Client::list_objects_v2)
            .match_requests(|request| {
                request.bucket() == Some("state")
                    && request.prefix() == Some("lineage/stage=2/run=jr_1/dataset=d/")
            })
            .then_output(|| {
                let object = |key: &str| Object::builder().key(key).build();
                let contents = vec![object("_SUCCESS"), object("1.parquet"), object("2.parquet")];
                ListObjectsV2Output::builder()
                    .set_contents(Some(contents))
                    .build()
            });
        let first =
            super::super::tests::object("1.parquet", parquet(&[&[("a", 1, 1)], &[("b", 2, 1)]]));
        let second =
            super::super::tests::object("2.parquet", parquet(&[&[("c", 3, 2), ("d", 4, 0)]]));
        let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&list, &first, &second]);
        let uri = "s3://state/lineage/stage=2/run=jr_1";
        for (file_id, records_in) in [("b", Some(2)), ("d", Some(4)), ("e", None)] {
            let found = read(&s3, "state", uri, "d", file_id).await.unwrap();
            assert_eq!(found.get("records_in").copied(), records_in, "{file_id}");
        }
        let error = read(&s3, "other", uri, "d", "b").await.unwrap_err();
        assert!(error.to_string().contains("s3://state"), "{error}");
    }

    #[test]
    fn what_is_no_parquet_is_an_error_and_nothing_else() {
        assert!(find(Bytes::from_static(b"PAR1 no"), "a").is_err());
        assert!(find(Bytes::from(parquet(&[&[("a", 1, 1)]])).slice(..40), "a").is_err());
    }
}
