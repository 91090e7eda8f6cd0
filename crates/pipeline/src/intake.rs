//! Taking a landed file in: what copy-prefix does for the files that events name, and `reconcile` for
//! those that no event brought.

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use crate::ledger::{FileItem, Ledger, TakenIn};
use crate::protocol::Stage;

/// Why an encoded key can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A `%` that two hex digits don't follow: S3 never sends one, so which object is meant is a guess.
    #[error("the key has a % without two hex digits")]
    Escape,
    /// The decoded bytes are no UTF-8, which every S3 key is.
    #[error("the key is not UTF-8")]
    NotUtf8,
}

/// Decodes a key as S3 encodes it in events and, on request, in listings: `+` is a space, `%XX` a byte.
///
/// # Errors
/// [`KeyError`]: it is not such an encoding.
pub fn decode_key(encoded: &str) -> Result<String, KeyError> {
    let bytes = encoded.as_bytes();
    let is_hex = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_hexdigit);
    let well_formed =
        |(index, byte): (usize, &u8)| *byte != b'%' || (is_hex(index + 1) && is_hex(index + 2));
    if !bytes.iter().enumerate().all(well_formed) {
        return Err(KeyError::Escape);
    }
    let spaced = encoded.replace('+', " ");
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| KeyError::NotUtf8)?;
    Ok(decoded.into_owned())
}

/// A key, prefix or marker of a listing that says whether it is encoded. Ask for the encoding: keys may hold characters that
/// XML can't.
///
/// # Errors
/// [`KeyError`]: it is said to be encoded, and is not.
pub fn listed_key(listed: &str, encoding: Option<&EncodingType>) -> Result<String, KeyError> {
    match encoding {
        Some(EncodingType::Url) => decode_key(listed),
        _ => Ok(listed.to_owned()),
    }
}

/// Whether an object is a file of ours: below the prefix, and not the empty object that consoles make
/// to show a folder. An empty file with a file's name is a file.
#[must_use]
pub fn is_file(key: &str, size: u64, prefix: &str) -> bool {
    key.starts_with(prefix) && !(key.ends_with('/') && size == 0)
}

/// Steps 1 and 2 of the intake: the marker, and only then the item, if there is none. A crash between
/// the two leaves a marker without an item, which is harmless; the other way round a file would be lost.
///
/// Says whether the item is new.
///
/// # Errors
/// The ledger can't be written; the file is not taken in.
pub async fn take_in(ledger: &Ledger, file: &FileItem, taken_in: &TakenIn) -> anyhow::Result<bool> {
    ledger
        .put_marker(Stage::Ingest, &file.pk(), taken_in.at)
        .await?;
    ledger.put_file(file, taken_in).await
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            ("tui/legacy/a.json", "tui/legacy/a.json"),
            ("a+b", "a b"),
            ("a%2Bb", "a+b"),
            ("a%20b", "a b"),
            ("100%25", "100%"),
            ("%2541", "%41"),
            ("Z%C3%BCrich%2F%F0%9F%98%80", "Z\u{fc}rich/\u{1f600}"),
            ("%27%22%23", "'\"#"),
            ("\u{fc}", "\u{fc}"),
            ("", ""),
        ] {
            assert_eq!(decode_key(encoded).as_deref(), Ok(key), "{encoded}");
        }
    }

    #[test]
    fn listed_keys_are_decoded_if_the_listing_is_encoded() {
        let url = Some(&EncodingType::Url);
        assert_eq!(listed_key("a%1B+%2B", url).as_deref(), Ok("a\u{1b} +"));
        assert_eq!(listed_key("a%1B+%2B", None).as_deref(), Ok("a%1B+%2B"));
        assert_eq!(listed_key("a%", url), Err(KeyError::Escape));
    }

    #[test]
    fn what_s3_never_sends_is_refused_and_not_guessed_at() {
        for encoded in ["%", "a%", "a%4", "%zz", "%4g", "%%41"] {
            assert_eq!(decode_key(encoded), Err(KeyError::Escape), "{encoded}");
        }
        for encoded in ["%ff", "a%C3", "%ED%A0%80"] {
            assert_eq!(decode_key(encoded), Err(KeyError::NotUtf8), "{encoded}");
        }
    }

    #[test]
    fn folder_markers_and_foreign_keys_are_no_files() {
        let prefix = "tui/legacy/";
        assert!(is_file("tui/legacy/a/b.json", 1, prefix));
        assert!(is_file("tui/legacy/a/empty.json", 0, prefix));
        assert!(is_file("tui/legacy/a/odd/", 1, prefix));
        assert!(is_file("tui/legacy/direct.json", 1, prefix));
        assert!(!is_file("tui/legacy/a/", 0, prefix));
        assert!(!is_file("tui/legacy/", 0, prefix));
        assert!(!is_file("tui/other/a.json", 1, prefix));
    }

    proptest! {
        #[test]
        fn every_key_survives_the_way_through_an_event(key in "\\PC{0,60}") {
            let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
            prop_assert_eq!(decode_key(&encoded), Ok(key));
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in "(?s).{0,60}", bytes in "[%0-9a-fA-F+]{0,30}") {
            let _ = decode_key(&text);
            let _ = decode_key(&bytes);
        }
    }
}
