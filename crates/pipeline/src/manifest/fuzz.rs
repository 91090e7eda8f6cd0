//! Manifests as no job writes them, in pieces as no connection cuts them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::parser::LONGEST_LINE;
use super::*;
use crate::fuzz::{Mutation, damage, mutations};

const RUN: &str = "jr_1";
const BUCKET: &str = "raw";
const PREFIX: &str = "tui/legacy/temp/";

/// A line of the table that the job library is held to as well.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    lines: Vec<String>,
    expect: Option<Counts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Counts {
    items: usize,
    outputs: usize,
}

/// Parses `bytes` in pieces that end at `cuts`; what was handed out, and how it ended.
fn parse(bytes: &[u8], cuts: &[usize]) -> (Vec<Entry>, Result<(), String>) {
    let mut parser = Parser::new(Stage::Ingest, RUN);
    let mut entries = Vec::new();
    let mut start = 0;
    let ends = cuts.iter().copied().chain([bytes.len()]);
    for end in ends {
        parser.push(&bytes[start..end]);
        start = end;
        loop {
            match parser.next() {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => break,
                Err(error) => return (entries, Err(error.to_string())),
            }
        }
    }
    let end = parser.finish().map_err(|error| error.to_string());
    (entries, end)
}

fn counts(entries: &[Entry]) -> Counts {
    let is_item = |entry: &&Entry| matches!(entry, Entry::Item(_));
    let items = entries.iter().filter(is_item).count();
    Counts {
        items,
        outputs: entries.len() - items,
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn manifests_are_taken_and_refused_as_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/decisions/manifest.json");
    let rows: Vec<Row> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(rows.iter().any(|row| row.expect.is_some()));
    assert!(rows.iter().any(|row| row.expect.is_none()));
    for row in rows {
        let bytes = text(&row.lines).into_bytes();
        for piece in [1, 7, bytes.len().max(1)] {
            let cuts: Vec<usize> = (1..bytes.len()).step_by(piece).collect();
            let (entries, end) = parse(&bytes, &cuts);
            let found = end.as_ref().ok().map(|()| counts(&entries));
            assert_eq!(found, row.expect, "{}: {end:?}", row.name);
        }
    }
}

#[test]
fn a_long_line_is_refused_wherever_its_pieces_end() {
    let header = r#"{"manifest":1,"stage":1,"run_id":"jr_1"}"#;
    let end = r#"{"end":true,"items":1,"outputs":0}"#;
    let of_length = |length: usize| {
        let item = format!(r#"{{"item":"{}"}}"#, "x".repeat(length - 11));
        assert_eq!(item.len(), length);
        text(&[header.to_owned(), item, end.to_owned()]).into_bytes()
    };
    for cuts in [vec![], vec![1], vec![header.len() + 1, 60_000, 65_576]] {
        assert!(parse(&of_length(LONGEST_LINE), &cuts).1.is_ok());
        for length in [LONGEST_LINE + 1, 8 << 20] {
            let said = parse(&of_length(length), &cuts).1.unwrap_err();
            assert!(said.contains("line 2") && said.contains("65536"), "{said}");
        }
    }
}

#[test]
fn a_line_that_is_not_utf8_is_refused_even_where_nobody_reads_it() {
    let lines = b"{\"manifest\":1,\"stage\":1,\"run_id\":\"jr_1\",\"note\":\"\xff\"}\n{\"end\":true,\"items\":0,\"outputs\":0}\n";
    let said = parse(lines, &[]).1.unwrap_err();
    assert!(said.contains("line 1") && said.contains("UTF-8"), "{said}");
}

/// What is skipped is skipped without a stack, so that the length of a line bounds this too.
#[test]
fn nesting_is_bounded_by_the_length_of_a_line() {
    let nested = |depth: usize| {
        let note = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"item":"x","note":{note}}}"#)
    };
    let header = r#"{"manifest":1,"stage":1,"run_id":"jr_1"}"#.to_owned();
    let end = r#"{"end":true,"items":1,"outputs":0}"#.to_owned();
    let lines = [header, nested(32_000), end];
    assert!(parse(text(&lines).as_bytes(), &[]).1.is_ok());
    let lines = [lines[0].clone(), nested(33_000), lines[2].clone()];
    assert!(parse(text(&lines).as_bytes(), &[]).1.is_err());
}

/// A manifest of `outputs`, each as it should be but for its mutations.
fn manifest(outputs: &[Vec<Mutation>]) -> Vec<Value> {
    let mut lines = vec![json!({"manifest": 1, "stage": 1, "run_id": RUN})];
    lines.extend(outputs.iter().enumerate().map(|(number, mutations)| {
        let output = json!({"output": {
            "bucket": BUCKET, "key": format!("{PREFIX}a/run={RUN}/part-{number}"), "dataset": "a",
            "zone": "temp", "records": 7, "size": 70,
        }});
        let change = |output, mutation: &Mutation| mutation.applied_to(output);
        mutations.iter().fold(output, change)
    }));
    lines.push(json!({"end": true, "items": 0, "outputs": outputs.len()}));
    lines
}

fn bytes_of(lines: &[Value]) -> Vec<u8> {
    text(&lines.iter().map(Value::to_string).collect::<Vec<_>>()).into_bytes()
}

/// A list of what may be deleted, read to its end.
async fn keys(bytes: &[u8]) -> Result<Vec<String>, ManifestError> {
    let body = ByteStream::from(bytes.to_vec());
    let manifest = Manifest::new(body, Stage::Ingest, RUN);
    let mut keys = KeysToDelete::new(manifest, BUCKET, PREFIX);
    let mut found = Vec::new();
    while let Some(key) = keys.next().await? {
        found.push(key);
    }
    Ok(found)
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_changes_nothing_however_they_are_damaged(
        outputs in prop::collection::vec(mutations(), 0..5), damage in damage(),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let bytes = damage.applied_to(&bytes_of(&manifest(&outputs)));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(parse(&bytes, &cuts), parse(&bytes, &[]));
    }

    #[test]
    fn only_a_whole_manifest_with_each_output_in_its_place_is_a_list_to_delete_by(
        outputs in prop::collection::vec(mutations(), 0..4), damage in damage(),
    ) {
        let lines = manifest(&outputs);
        let bytes = damage.applied_to(&bytes_of(&lines));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let Ok(keys) = runtime.block_on(keys(&bytes)) else {
            return Ok(());
        };
        // Read by other means than the product's, and without a type.
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(lines.len(), keys.len() + 2);
        for (line, key) in lines[1..].iter().zip(&keys) {
            prop_assert!(key.starts_with(PREFIX));
            // A field that the product skips may be nested deeper than a value is read.
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let output = &line["output"];
            let dataset = output["dataset"].as_str().unwrap();
            let folder = format!("{PREFIX}{dataset}/run={RUN}/");
            prop_assert!(!dataset.is_empty() && !dataset.contains('/'));
            prop_assert!(key.starts_with(&folder) && key.len() > folder.len());
            prop_assert_eq!((&output["bucket"], &output["zone"]), (&json!(BUCKET), &json!("temp")));
            prop_assert_eq!(&output["key"], key);
        }
    }

    #[test]
    fn one_output_elsewhere_refuses_them_all(
        good in 0..4_usize, at in any::<Index>(),
        (field, value) in prop_oneof![
            ("[a-z]{1,9}").prop_map(|bucket| ("bucket", bucket + "-x")),
            ("(?s).{0,30}").prop_map(|key| ("key", key)),
            ("(?s).{0,9}").prop_map(|name| ("key", format!("{PREFIX}a/run=jr_10/{name}"))),
            ("[b-z]{0,9}").prop_map(|dataset| ("dataset", dataset)),
            Just(("zone", "legacy".to_owned())),
            Just(("zone", "secured".to_owned())),
        ],
    ) {
        let mut lines = manifest(&vec![vec![]; good + 1]);
        let at = 1 + at.index(good + 1);
        lines[at]["output"][field] = json!(value);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(keys(&bytes_of(&lines))).unwrap_err();
        let is_foreign = matches!(error, ManifestError::Foreign { .. });
        prop_assert!(is_foreign && error.is_refusal());
    }
}
