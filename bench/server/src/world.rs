//! What there is without being kept: objects below temp, manifests, versions in landing, items of files.
//!
//! All names hold a number of fixed width, so that their order is the numbers' order, a name can be read back, and a
//! manifest's length is known before it is written.

use serde::Deserialize;
use serde_json::{Value, json};

/// Where the runs' outputs lie.
pub const TEMP_PREFIX: &str = "tui/legacy/temp/";
/// Where files land.
pub const LANDING_PREFIX: &str = "tui/legacy/";
/// The run that holds every file that was taken in.
pub const HOLDER: &str = "jr_holder";
/// Times of all that is old enough.
const LONG_AGO: &str = "2026-01-02T03:04:05.678Z";
/// DynamoDB's limit for a page of a Query.
const PAGE_BYTES: usize = 1 << 20;

/// How large everything is.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// Milliseconds that each AWS request takes longer.
    pub latency_ms: u64,
    /// Committed ingest runs.
    pub runs: u64,
    /// Objects below temp of each.
    pub keys_per_run: u64,
    /// Versions in the landing bucket.
    pub versions: u64,
    /// Every so many-th of them has no item in the ledger; 0: all have one.
    pub missing_every: u64,
    /// Files that wait for a run: so many markers of stage 1.
    pub open_markers: u64,
}

impl World {
    /// Objects below temp.
    pub fn keys(&self) -> u64 {
        self.runs * self.keys_per_run
    }

    /// The key of an object below temp.
    pub fn key(&self, index: u64) -> String {
        let (run, part) = (index / self.keys_per_run, index % self.keys_per_run);
        format!("{TEMP_PREFIX}bookings/run=jr_{run:06}/part-{part:08}.snappy.parquet")
    }

    /// The object that a key names.
    pub fn index_of_key(&self, key: &str) -> Option<u64> {
        let rest = key.strip_prefix(TEMP_PREFIX)?.split_once("run=jr_")?.1;
        let run: u64 = rest.get(..6)?.parse().ok()?;
        let part: u64 = rest
            .strip_suffix(".snappy.parquet")?
            .get(12..)?
            .parse()
            .ok()?;
        (run < self.runs && part < self.keys_per_run).then(|| run * self.keys_per_run + part)
    }

    /// The manifest of an ingest run: a line a file and a line an output, as many of the one as of the other.
    pub fn ingest_manifest(
        self,
        raw_bucket: &str,
        run: u64,
    ) -> (impl Iterator<Item = String>, u64) {
        let count = self.keys_per_run;
        let bucket = raw_bucket.to_owned();
        let output = move |part: u64| {
            let key = self.key(run * count + part);
            format!(
                "{{\"output\":{{\"bucket\":\"{bucket}\",\"key\":\"{key}\",\"dataset\":\"bookings\",\"zone\":\"temp\",\
                 \"records\":1000,\"size\":123456}}}}\n"
            )
        };
        let item = |part: u64| format!("{{\"item\":\"FILE#landing/{}\"}}\n", file(part));
        let head = format!(
            "{{\"manifest\":1,\"stage\":1,\"run_id\":\"jr_{run:06}\",\"job\":\"glue-1-bench\"}}\n"
        );
        let end = format!("{{\"end\":true,\"items\":{count},\"outputs\":{count}}}\n");
        let line = item(0).len() + output(0).len();
        let length = head.len() as u64 + line as u64 * count + end.len() as u64;
        let body = (0..count).map(item).chain((0..count).map(output));
        let lines = std::iter::once(head)
            .chain(body)
            .chain(std::iter::once(end));
        (lines, length)
    }

    /// The manifest of the classify run that took them all.
    pub fn classify_manifest(&self, run_id: &str) -> String {
        let mut manifest = format!(
            "{{\"manifest\":1,\"stage\":2,\"run_id\":\"{run_id}\",\"job\":\"glue-2-bench\"}}\n"
        );
        for run in 0..self.runs {
            manifest.push_str(&format!("{{\"item\":\"RUN#1#jr_{run:06}\"}}\n"));
        }
        manifest.push_str(&format!(
            "{{\"end\":true,\"items\":{},\"outputs\":0}}\n",
            self.runs
        ));
        manifest
    }

    /// The item of a landed file or of a committed ingest run, if the ledger has it without having been told.
    pub fn item(&self, pk: &str) -> Option<Value> {
        if let Some(file_id) = pk.strip_prefix("FILE#") {
            return self.file_item(pk, file_id);
        }
        let run: u64 = pk.strip_prefix("RUN#1#jr_")?.parse().ok()?;
        (run < self.runs).then(|| {
            json!({
                "pk": {"S": pk}, "sk": {"S": "ITEM"}, "run_id": {"S": format!("jr_{run:06}")},
                "state": {"S": "COMMITTED"}, "assigned_to": {"S": "jr_classify"},
                "manifest": {"S": format!("s3://state/manifests/stage=1/run=jr_{run:06}.jsonl")},
                "told_at": {"S": LONG_AGO},
            })
        })
    }

    fn file_item(&self, pk: &str, file_id: &str) -> Option<Value> {
        let (bucket, path) = file_id.split_once('/')?;
        let (key, version_id) = path.rsplit_once('#')?;
        let index = index_of_file(key)?;
        if index >= self.versions.max(self.open_markers) || self.is_missing(index) {
            return None;
        }
        let mut item = json!({
            "pk": {"S": pk}, "sk": {"S": "ITEM"}, "file_id": {"S": file_id}, "bucket": {"S": bucket},
            "key": {"S": key}, "version_id": {"S": version_id}, "size": {"N": "123456"}, "dataset": {"S": "bookings"},
            "etag": {"S": "9e107d9d372bb6826bd81d3542a419d6"}, "sequencer": {"S": "0055AED6DCD90281E5"},
            "landed_at": {"S": LONG_AGO},
        });
        if index >= self.open_markers {
            item["assigned_to"] = json!({"S": HOLDER});
        }
        Some(item)
    }

    fn is_missing(&self, index: u64) -> bool {
        self.missing_every > 0 && index.is_multiple_of(self.missing_every)
    }

    /// A page of the markers of one shard of stage 1, as long as DynamoDB makes it, and whether there are more.
    /// It begins after the sort key `after`.
    pub fn markers(&self, pk: &str, after: Option<&str>, limit: usize) -> (Vec<Value>, bool) {
        let shard = pk.strip_prefix("OPEN#1#");
        let Some(shard) = shard.and_then(|shard| u64::from_str_radix(shard, 16).ok()) else {
            return (Vec::new(), false);
        };
        let count = (self.open_markers + 15 - shard) / 16;
        let first = after
            .and_then(|sk| u64::from_str_radix(sk.get(1..)?, 16).ok())
            .map_or(0, |number| number + 1);
        let mut page = Vec::new();
        let mut bytes = 0;
        for number in first..count {
            if bytes >= PAGE_BYTES || page.len() >= limit {
                return (page, true);
            }
            let item = format!("FILE#landing/{}", file(number * 16 + shard));
            // What DynamoDB counts: names and values.
            bytes += "pksk".len() + "itemat".len() + pk.len() + 64 + item.len() + LONG_AGO.len();
            page.push(json!({
                "pk": {"S": pk}, "sk": {"S": format!("{shard:x}{number:063x}")},
                "item": {"S": item}, "at": {"S": LONG_AGO},
            }));
        }
        (page, false)
    }
}

/// Key and version of a landed file, as an item's key spells them.
pub fn file(index: u64) -> String {
    format!("{}#{}", file_key(index), version_id(index))
}

/// Key of a landed file.
pub fn file_key(index: u64) -> String {
    format!("{LANDING_PREFIX}bookings/2026-05-08/part-{index:010}.jsonl.gz")
}

/// Its version id: as long as S3's.
pub fn version_id(index: u64) -> String {
    format!(
        "{:016x}{index:016x}",
        index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}

/// The number of a landed file, from its key.
pub fn index_of_file(key: &str) -> Option<u64> {
    let name = key.strip_prefix(LANDING_PREFIX)?.rsplit_once("/part-")?.1;
    name.strip_suffix(".jsonl.gz")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: World = World {
        latency_ms: 0,
        runs: 3,
        keys_per_run: 20,
        versions: 1_000,
        missing_every: 100,
        open_markers: 0,
    };

    #[test]
    fn keys_are_read_back_and_are_in_order() {
        let keys: Vec<String> = (0..WORLD.keys()).map(|index| WORLD.key(index)).collect();
        assert!(keys.is_sorted());
        for (index, key) in (0..).zip(&keys) {
            assert_eq!(WORLD.index_of_key(key), Some(index));
        }
        assert_eq!(
            WORLD.index_of_key(&World { runs: 4, ..WORLD }.key(60)),
            None
        );
        assert_eq!(index_of_file(&file_key(123)), Some(123));
    }

    #[test]
    fn a_manifest_is_as_long_as_it_says() {
        let (lines, length) = WORLD.ingest_manifest("raw", 2);
        assert_eq!(lines.map(|line| line.len() as u64).sum::<u64>(), length);
    }

    #[test]
    fn every_so_many_th_file_is_missing() {
        let is_there = |index| WORLD.item(&format!("FILE#b/{}", file(index))).is_some();
        assert_eq!((0..2_000).filter(|index| is_there(*index)).count(), 990);
    }

    #[test]
    fn markers_come_in_pages_of_a_megabyte() {
        let world = World {
            open_markers: 1_000_000,
            ..WORLD
        };
        let (page, more) = world.markers("OPEN#1#f", None, usize::MAX);
        assert!(
            more && (4_000..6_000).contains(&page.len()),
            "{}",
            page.len()
        );
        assert!(world.markers("OPEN#2#f", None, 10).0.is_empty());
        let (page, more) = world.markers("OPEN#1#f", None, 10);
        assert_eq!((page.len(), more), (10, true));
        let (next, _) = world.markers("OPEN#1#f", page[9]["sk"]["S"].as_str(), 10);
        assert_ne!(page[9], next[0]);
        assert_eq!(world.markers("OPEN#1#f", None, 11).0[10], next[0]);
        let few = World {
            open_markers: 20,
            ..WORLD
        };
        let all: usize = (0..16)
            .map(|shard| few.markers(&format!("OPEN#1#{shard:x}"), None, 10).0.len())
            .sum();
        assert_eq!(all, 20);
    }
}
