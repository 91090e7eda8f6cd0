//! A manifest as a list of what may be deleted.

use super::{Entry, Manifest, ManifestError, Output, Zone};

/// The keys that may be deleted once the run is consumed: its outputs, each of them checked.
pub struct KeysToDelete {
    manifest: Manifest,
    bucket: String,
    prefix: String,
    run_id: String,
}

impl KeysToDelete {
    /// Views the manifest of a stage 1 run; its outputs must be in `bucket`, below
    /// `<prefix><dataset>/run=<run id>/`. `prefix` ends with `/`.
    #[must_use]
    pub fn new(manifest: Manifest, bucket: &str, prefix: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            run_id: manifest.parser.run_id.clone(),
            manifest,
        }
    }

    /// The next key; `None` once the manifest was read whole and no output was out of place.
    ///
    /// # Errors
    /// As [`Manifest::next`], and [`ManifestError::Foreign`].
    pub async fn next(&mut self) -> Result<Option<String>, ManifestError> {
        while let Some(entry) = self.manifest.next().await? {
            if let Entry::Output(output) = entry {
                return self.checked(output).map(Some);
            }
        }
        Ok(None)
    }

    fn checked(&self, output: Output) -> Result<String, ManifestError> {
        let place = format!("{}{}/run={}/", self.prefix, output.dataset, self.run_id);
        let inside = output
            .key
            .strip_prefix(&place)
            .is_some_and(|name| !name.is_empty());
        let in_one_folder = !output.dataset.is_empty() && !output.dataset.contains('/');
        if output.zone == Zone::Temp && output.bucket == self.bucket && inside && in_one_folder {
            return Ok(output.key);
        }
        Err(ManifestError::Foreign {
            expected: format!("s3://{}/{place}", self.bucket),
            bucket: output.bucket,
            key: output.key,
        })
    }
}
