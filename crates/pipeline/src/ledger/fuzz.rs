//! Attributes as nobody writes them.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use proptest::prelude::*;

use super::{Attributes, FileItem, LedgerItem, Marker, TakenIn};

fn any_attribute() -> impl Strategy<Value = AttributeValue> {
    let text = prop_oneof![
        "(?s).{0,20}",
        prop::sample::select(vec![
            "",
            "ITEM",
            "STARTED",
            "COMMITTED",
            "VOID",
            "started",
            "NO_WORK",
            "2026-11-23T12:00:00.000Z",
            "2026-13-01T00:00:00Z",
            "-009999-01-01T00:00:00Z",
            "9999-12-31T23:59:60Z",
            "FILE#b/k#v",
        ])
        .prop_map(str::to_owned),
    ];
    let digits = prop_oneof![
        "-?[0-9]{0,40}",
        "[0-9]\\.[0-9]E[+-]?[0-9]{1,3}",
        "\\PC{0,5}"
    ];
    let leaf = prop_oneof![
        4 => text.clone().prop_map(AttributeValue::S),
        2 => digits.prop_map(AttributeValue::N),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null(true)),
        1 => prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| AttributeValue::B(Blob::new(bytes))),
        1 => prop::collection::vec(text, 0..3).prop_map(AttributeValue::Ss),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(AttributeValue::L),
            prop::collection::hash_map("[a-z_]{0,9}", inner, 0..3).prop_map(AttributeValue::M),
        ]
    })
}

/// Items as they are written, so that a single odd attribute is met by a reader that got that far.
fn plain(kind: &str) -> Attributes {
    let attributes: &[(&str, &str)] = match kind {
        "file" => &[
            ("pk", "FILE#b/k#v"),
            ("bucket", "b"),
            ("key", "k"),
            ("version_id", "v"),
            ("landed_at", "2026-11-23T12:00:00.000Z"),
        ],
        "run" => &[("pk", "RUN#1#jr_1"), ("state", "STARTED")],
        _ => &[],
    };
    let attributes = attributes.iter();
    attributes
        .map(|(name, value)| ((*name).to_owned(), super::text(*value)))
        .collect()
}

fn any_attributes() -> impl Strategy<Value = Attributes> {
    let base = prop::sample::select(vec!["file", "run", "run", "none"]).prop_map(plain);
    let names = prop::sample::select(vec![
        "sk",
        "bucket",
        "key",
        "version_id",
        "sequencer",
        "etag",
        "size",
        "dataset",
        "landed_at",
        "assigned_to",
        "state",
        "reason",
        "started_at",
        "committed_at",
        "manifest",
        "counts",
        "cleaned_at",
        "telling_at",
        "alerted_at",
        "told_at",
        "item",
        "at",
    ]);
    let pk = prop::sample::select(vec![
        "FILE#b/k#v",
        "FILE#",
        "RUN#1#jr_1",
        "RUN#2#",
        "RUN#9#jr_1",
        "RUN#256#jr_1",
        "RUN#",
        "OPEN#1#a",
        "",
        "CURSOR#landing",
    ]);
    let pk = prop_oneof![
        6 => pk.prop_map(|pk| AttributeValue::S(pk.to_owned())),
        1 => any_attribute(),
    ];
    let odd = prop::collection::hash_map(names.prop_map(str::to_owned), any_attribute(), 0..8);
    (base, odd, prop::option::weighted(0.3, pk)).prop_map(|(mut item, odd, pk)| {
        item.extend(odd);
        item.extend(pk.map(|pk| ("pk".to_owned(), pk)));
        item
    })
}

proptest! {
    #[test]
    fn no_attributes_make_the_ledger_panic_and_what_can_not_be_read_is_named(item in any_attributes()) {
        let pk = item.get("pk").and_then(|pk| pk.as_s().ok());
        match (LedgerItem::from_attributes(&item), pk) {
            (Ok(LedgerItem::File(file)), Some(pk)) => {
                prop_assert!(pk.starts_with("FILE#"));
                prop_assert_eq!(item.get("key").and_then(|key| key.as_s().ok()), Some(&file.key));
            }
            (Ok(LedgerItem::Run(run)), Some(pk)) => prop_assert_eq!(&run.pk(), pk),
            (Ok(_), None) => prop_assert!(false, "read without its key"),
            (Err(error), Some(pk)) => {
                let said = format!("{error:#}");
                prop_assert!(said.contains(pk.as_str()), "{}", said);
            },
            (Err(error), None) => {
                let said = format!("{error:#}");
                prop_assert!(said.contains("pk is missing"), "{}", said);
            },
        }
        if let Ok(marker) = Marker::from_attributes(&item) {
            let _ = marker.moment();
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written(
        key in "(?s).{1,60}", version_id in "[a-zA-Z0-9._]{1,40}", size in any::<u64>(),
        etag in "[0-9a-f]{0,32}", millisecond in 0..4_102_444_800_000_i64,
        sequencer in prop::option::of("[0-9A-F]{1,20}"), dataset in prop::option::of("[a-z_]{1,9}"),
        assigned_to in prop::option::of("jr_[0-9a-f]{1,9}"),
    ) {
        let landed_at = Timestamp::from_millisecond(millisecond).unwrap();
        let bucket = "landing".to_owned();
        let file = FileItem { bucket, key, version_id, sequencer, etag, size, dataset, landed_at, assigned_to };
        let taken_in = TakenIn::new("copy-prefix", "request", landed_at);
        let read = LedgerItem::from_attributes(&file.to_attributes(&taken_in)).unwrap();
        prop_assert_eq!(read, LedgerItem::File(file));
    }
}
