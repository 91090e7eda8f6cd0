use proptest::prelude::*;

use super::*;

const RUN: &str = "jr_1";
const BUCKET: &str = "grp2-raw-dev";
const PREFIX: &str = "tui/legacy/temp/";

fn header() -> String {
    r#"{"manifest":1,"stage":1,"run_id":"jr_1","job":"tui-copyprefix-glue1-dev"}"#.to_owned()
}

fn item(name: &str) -> String {
    format!(r#"{{"item":"FILE#{name}"}}"#)
}

fn output_in(bucket: &str, key: &str, dataset: &str, zone: &str) -> String {
    serde_json::json!({"output": {
        "bucket": bucket, "key": key, "dataset": dataset, "zone": zone, "records": 7, "size": 70,
    }})
    .to_string()
}

fn output(name: &str) -> String {
    output_in(
        BUCKET,
        &format!("{PREFIX}foo/run={RUN}/{name}"),
        "foo",
        "temp",
    )
}

fn end(items: u64, outputs: u64) -> String {
    format!(r#"{{"end":true,"items":{items},"outputs":{outputs}}}"#)
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Parses `bytes` as they come, `chunk` at a time.
fn parse(bytes: &[u8], chunk: usize) -> Result<Vec<Entry>, ManifestError> {
    let mut parser = Parser::new(Stage::Ingest, RUN);
    let mut entries = Vec::new();
    for part in bytes.chunks(chunk.max(1)) {
        parser.push(part);
        while let Some(entry) = parser.next()? {
            entries.push(entry);
        }
    }
    parser.finish()?;
    Ok(entries)
}

fn refusal(lines: &[String]) -> String {
    match parse(text(lines).as_bytes(), 64) {
        Ok(entries) => panic!("accepted as {entries:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_whole_manifest_gives_its_items_and_outputs_in_order() {
    let whole = text(&[header(), item("b/k#1"), output("p-0"), end(1, 1)]);
    let entries = parse(whole.as_bytes(), 10).unwrap();
    assert_eq!(entries[0], Entry::Item("FILE#b/k#1".to_owned()));
    let Entry::Output(output) = &entries[1] else {
        panic!("{entries:?}")
    };
    assert_eq!(output.key, "tui/legacy/temp/foo/run=jr_1/p-0");
    assert_eq!(
        (output.records, output.size, output.zone),
        (7, 70, Zone::Temp)
    );
    assert_eq!(entries.len(), 2);
}

#[test]
fn a_manifest_cut_off_anywhere_before_its_end_is_refused() {
    let whole = text(&[header(), item("a"), item("b"), output("p"), end(2, 1)]);
    // The last byte is the line feed after the end line, which is no loss.
    for length in 0..whole.len() - 1 {
        let error = parse(&whole.as_bytes()[..length], 16).unwrap_err();
        assert!(
            matches!(error, ManifestError::Truncated { .. }),
            "cut to {length} bytes: {error}"
        );
    }
    assert_eq!(
        parse(&whole.as_bytes()[..whole.len() - 1], 16)
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn what_is_not_this_runs_manifest_is_refused() {
    for (instead, hint) in [
        (header().replace("jr_1", "jr_2"), "jr_2"),
        (header().replace(r#""stage":1"#, r#""stage":2"#), "stage 2"),
        (
            header().replace(r#""manifest":1"#, r#""manifest":2"#),
            "version 2",
        ),
    ] {
        let said = refusal(&[instead, end(0, 0)]);
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn lines_out_of_place_are_refused_with_their_number() {
    let cases = [
        (vec![item("a"), end(1, 0)], "line 1"),
        (vec![header(), header(), end(0, 0)], "line 2"),
        (vec![header(), String::new(), end(0, 0)], "line 2"),
        (vec![header(), "{}".to_owned(), end(0, 0)], "line 2"),
        (
            vec![header(), r#"{"item":7}"#.to_owned(), end(1, 0)],
            "line 2",
        ),
        (
            vec![
                header(),
                r#"{"end":false,"items":0,"outputs":0}"#.to_owned(),
            ],
            "line 2",
        ),
        (
            vec![header(), r#"{"end":true,"items":0}"#.to_owned()],
            "line 2",
        ),
        (vec![header(), end(0, 0), item("late")], "line 3"),
        (
            vec![
                header(),
                output("p").replace("temp\"", "attic\""),
                end(0, 1),
            ],
            "line 2",
        ),
        (
            vec![header(), output("p").replace(":70", ":-1"), end(0, 1)],
            "line 2",
        ),
    ];
    for (lines, hint) in cases {
        let said = refusal(&lines);
        assert!(said.contains(hint), "{lines:?}: {said}");
    }
}

#[test]
fn an_end_line_that_counts_otherwise_is_refused() {
    for wrong in [end(0, 1), end(1, 0), end(2, 1)] {
        let said = refusal(&[header(), item("a"), output("p"), wrong]);
        assert!(said.contains("holds 1 and 1"), "{said}");
    }
}

#[test]
fn an_endless_line_is_refused_before_it_fills_the_memory() {
    let mut parser = Parser::new(Stage::Ingest, RUN);
    parser.push(&vec![b'x'; 64 * 1024]);
    assert!(matches!(parser.next(), Ok(None)));
    parser.push(b"x");
    assert!(parser.next().is_err());
}

#[test]
fn fields_that_are_not_known_yet_do_no_harm() {
    let lines = [
        header().replace('{', r#"{"written_by":"9.9","#),
        output("p").replace(r#""size":70"#, r#""size":70,"sha256":"00""#),
        end(0, 1),
    ];
    assert_eq!(parse(text(&lines).as_bytes(), 99).unwrap().len(), 1);
}

async fn keys(lines: &[String]) -> Result<Vec<String>, ManifestError> {
    let body = ByteStream::from(text(lines).into_bytes());
    let manifest = Manifest::new(body, Stage::Ingest, RUN);
    let mut keys = KeysToDelete::new(manifest, BUCKET, PREFIX);
    let mut found = Vec::new();
    while let Some(key) = keys.next().await? {
        found.push(key);
    }
    Ok(found)
}

#[tokio::test]
async fn the_keys_to_delete_are_the_outputs_and_nothing_else() {
    let found = keys(&[header(), item("a"), output("p-0"), output("p-1"), end(1, 2)])
        .await
        .unwrap();
    assert_eq!(
        found,
        [
            "tui/legacy/temp/foo/run=jr_1/p-0",
            "tui/legacy/temp/foo/run=jr_1/p-1"
        ]
    );
}

#[tokio::test]
async fn an_output_outside_the_runs_own_folder_refuses_the_manifest() {
    let folder = format!("{PREFIX}foo/run={RUN}/");
    let cases = [
        (
            "another bucket",
            "grp2-landing-dev",
            format!("{folder}p"),
            "foo",
            "temp",
        ),
        (
            "another prefix",
            BUCKET,
            "tui/legacy/foo/p".to_owned(),
            "foo",
            "temp",
        ),
        (
            "quarantine",
            BUCKET,
            folder.replace("temp", "quarantine") + "p",
            "foo",
            "temp",
        ),
        (
            "another run",
            BUCKET,
            format!("{PREFIX}foo/run=jr_2/p"),
            "foo",
            "temp",
        ),
        (
            "a run that begins alike",
            BUCKET,
            format!("{PREFIX}foo/run=jr_10/p"),
            "foo",
            "temp",
        ),
        (
            "another dataset",
            BUCKET,
            format!("{PREFIX}bar/run={RUN}/p"),
            "foo",
            "temp",
        ),
        (
            "a dataset with a slash",
            BUCKET,
            format!("{PREFIX}a/b/run={RUN}/p"),
            "a/b",
            "temp",
        ),
        (
            "no dataset",
            BUCKET,
            format!("{PREFIX}/run={RUN}/p"),
            "",
            "temp",
        ),
        ("the folder itself", BUCKET, folder.clone(), "foo", "temp"),
        (
            "another zone",
            BUCKET,
            format!("{folder}p"),
            "foo",
            "secured",
        ),
    ];
    for (what, bucket, key, dataset, zone) in cases {
        let bad = output_in(bucket, &key, dataset, zone);
        let error = keys(&[header(), output("p-0"), bad, end(0, 2)])
            .await
            .expect_err(what);
        assert!(
            matches!(error, ManifestError::Foreign { .. }),
            "{what}: {error}"
        );
        assert!(error.is_refusal(), "{what}");
    }
}

#[tokio::test]
async fn a_stage_two_manifest_gives_the_runs_that_it_took() {
    let lines = [
        header().replace(r#""stage":1"#, r#""stage":2"#),
        r#"{"item":"RUN#1#jr_a"}"#.to_owned(),
        output_in(
            "grp2-raw-tui-secured-dev",
            "tui/legacy/foo/run=jr_1/p",
            "foo",
            "secured",
        ),
        r#"{"item":"RUN#1#jr_b"}"#.to_owned(),
        end(2, 1),
    ];
    let body = ByteStream::from(text(&lines).into_bytes());
    let items = Manifest::new(body, Stage::Classify, RUN)
        .items()
        .await
        .unwrap();
    assert_eq!(items, ["RUN#1#jr_a", "RUN#1#jr_b"]);
}

#[test]
fn a_location_is_in_the_state_bucket_or_refused() {
    let at = Location::within("state", "s3://state/manifests/stage=1/run=a.jsonl").unwrap();
    assert_eq!(
        (at.bucket.as_str(), at.key.as_str()),
        ("state", "manifests/stage=1/run=a.jsonl")
    );
    for bad in [
        "",
        "s3://state",
        "s3://state/",
        "s3://other/key",
        "http://state/key",
        "state/key",
    ] {
        assert!(Location::within("state", bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), chunk in 1_usize..64) {
        let _ = parse(&bytes, chunk);
    }

    #[test]
    fn no_line_after_the_header_makes_the_parser_panic(
        lines in proptest::collection::vec(r#"\{("(item|output|end|items|outputs|stage)":("[a-z]{0,3}"|[0-9]{1,30}|null|true|\{\}|\[\]),?){0,4}\}"#, 0..6),
    ) {
        let mut all = vec![header()];
        all.extend(lines);
        let _ = parse(text(&all).as_bytes(), 7);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(names in proptest::collection::vec("[^\u{0}]{0,20}", 0..20), chunk in 1_usize..200) {
        let mut lines = vec![header()];
        lines.extend(names.iter().map(|name| serde_json::json!({"item": name}).to_string()));
        lines.push(end(names.len() as u64, 0));
        let entries = parse(text(&lines).as_bytes(), chunk).unwrap();
        let expected: Vec<_> = names.into_iter().map(Entry::Item).collect();
        prop_assert_eq!(entries, expected);
    }
}
