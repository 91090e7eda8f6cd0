//! A file's checksums as S3 keeps them, and the parts in which it is sent.
//!
//! An object that was sent in parts has no SHA-256 of its whole, but one of its parts' hashes. The parts follow from
//! the size alone, so that what is in the bucket can be compared with what is in the folder, now and later.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use sha2::{Digest, Sha256};

/// Up to here a file is sent whole. S3 takes no smaller parts than 5 MiB.
const PART: u64 = 8 << 20;
/// S3 takes no more.
const MOST_PARTS: u64 = 10_000;
const BLOCK: usize = 1 << 16;

/// How large the parts of a file are.
#[must_use]
pub fn part_size(size: u64) -> u64 {
    let mut part = PART;
    while size.div_ceil(part) > MOST_PARTS {
        part *= 2;
    }
    part
}

/// Offset and length of each part; one part, and the file is sent whole.
#[must_use]
pub fn parts(size: u64) -> Vec<(u64, u64)> {
    let part = part_size(size);
    let number = size.div_ceil(part).max(1);
    (0..number)
        .map(|index| (index * part, part.min(size - index * part)))
        .collect()
}

/// SHA-256 as S3 spells it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}

/// What S3 says of an object's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// SHA-256, of the whole, or with `-<parts>` of the parts' hashes.
    pub sha256: Option<String>,
    /// CRC-64/NVME of the whole: S3 makes it for whatever comes without a checksum.
    pub crc64nvme: Option<String>,
    /// CRC-32, of the whole, or with `-<parts>` of the parts'.
    pub crc32: Option<String>,
}

impl Stored {
    /// Whether a file is the object. What can't be shown to be equal is not.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is(&self, path: &Path, size: u64) -> io::Result<bool> {
        if self.size != size {
            return Ok(false);
        }
        if let Some(stored) = &self.sha256 {
            return Ok(*stored == object_sha256(path, size)?);
        }
        let whole = |crc: &&String| !crc.contains('-');
        if let Some(stored) = self.crc64nvme.as_ref().filter(whole) {
            let crc = crc(path, CrcAlgorithm::Crc64Nvme)?;
            return Ok(*stored == BASE64_STANDARD.encode(crc.to_be_bytes()));
        }
        if let Some(stored) = self.crc32.as_ref().filter(whole) {
            let crc = crc(path, CrcAlgorithm::Crc32IsoHdlc)?;
            let crc = u32::try_from(crc).map_err(io::Error::other)?;
            return Ok(*stored == BASE64_STANDARD.encode(crc.to_be_bytes()));
        }
        Ok(false)
    }
}

/// The SHA-256 that S3 gives a file which is sent as it is here.
fn object_sha256(path: &Path, size: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let parts = parts(size);
    let mut hashes = Vec::with_capacity(parts.len());
    for (_, length) in &parts {
        hashes.push(hash(&mut (&mut file).take(*length))?);
    }
    Ok(match hashes.as_slice() {
        [whole] => BASE64_STANDARD.encode(whole),
        many => format!("{}-{}", sha256(&many.concat()), many.len()),
    })
}

/// A file's SHA-256 in hex, as control files have it.
///
/// # Errors
/// The file can't be read.
pub fn hex_sha256(path: &Path) -> io::Result<String> {
    let hash = hash(&mut File::open(path)?)?;
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hash(reader: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    each_block(reader, |block| hasher.update(block))?;
    Ok(hasher.finalize().into())
}

fn crc(path: &Path, algorithm: CrcAlgorithm) -> io::Result<u64> {
    let mut digest = crc_fast::Digest::new(algorithm);
    each_block(&mut File::open(path)?, |block| digest.update(block))?;
    Ok(digest.finalize())
}

fn each_block(reader: &mut impl Read, mut use_it: impl FnMut(&[u8])) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(()),
            length => use_it(&block[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn is(stored: &Stored, bytes: &[u8]) -> bool {
        let file = written(bytes);
        stored.is(file.path(), bytes.len() as u64).unwrap()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn parts_cover_a_file_and_follow_from_its_size() {
        assert_eq!(parts(0), [(0, 0)]);
        assert_eq!(parts(PART), [(0, PART)]);
        assert_eq!(parts(PART + 1), [(0, PART), (PART, 1)]);
        for size in [PART * MOST_PARTS, PART * MOST_PARTS + 1, 5 << 40] {
            let parts = parts(size);
            assert!(parts.len() as u64 <= MOST_PARTS);
            assert_eq!(parts.iter().map(|(_, length)| length).sum::<u64>(), size);
        }
    }

    #[test]
    fn equal_content_is_known_by_each_checksum_that_s3_may_have() {
        // Published check values of these algorithms, for these nine bytes.
        let text = b"123456789";
        let hash = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        assert_eq!(hex_sha256(written(text).path()).unwrap(), hash);
        let size = 9;
        let by_sha = Stored {
            size,
            sha256: some("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
            ..Stored::default()
        };
        let by_crc64 = Stored {
            size,
            crc64nvme: some("rosUhgp5mIg="),
            ..Stored::default()
        };
        let by_crc32 = Stored {
            size,
            crc32: some("y/Q5Jg=="),
            ..Stored::default()
        };
        for stored in [by_sha, by_crc64, by_crc32] {
            assert!(is(&stored, text), "{stored:?}");
            assert!(!is(&stored, b"123456780"), "{stored:?}");
            assert!(!is(&stored, b"12345678"), "{stored:?}");
        }
    }

    #[test]
    fn what_can_not_be_compared_is_not_equal() {
        let unknown = Stored {
            size: 1,
            ..Stored::default()
        };
        let in_parts = Stored {
            size: 1,
            crc32: some("y/Q5Jg==-2"),
            ..Stored::default()
        };
        assert!(!is(&unknown, b"1") && !is(&in_parts, b"1"));
    }

    #[test]
    fn a_file_in_parts_has_the_hash_of_its_parts_hashes() {
        let part = usize::try_from(PART).unwrap();
        let bytes = vec![7; part + 3];
        let hashes = [
            Sha256::digest(&bytes[..part]),
            Sha256::digest(&bytes[part..]),
        ]
        .concat();
        let sha = format!("{}-2", sha256(&hashes));
        let stored = Stored {
            size: bytes.len() as u64,
            sha256: Some(sha),
            ..Stored::default()
        };
        assert!(is(&stored, &bytes));
        let mut other = bytes;
        other[0] = 8;
        assert!(!is(&stored, &other));
    }
}
