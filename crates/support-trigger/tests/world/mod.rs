//! A ledger, buckets and Glue in memory, behind mocked clients: as much of each as the support functions
//! use. Shared with support-cleanup's tests.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_glue::operation::get_job_run::GetJobRunOutput;
use aws_sdk_glue::operation::get_job_runs::GetJobRunsOutput;
use aws_sdk_glue::operation::start_job_run::{StartJobRunError, StartJobRunOutput};
use aws_sdk_glue::types::error::ConcurrentRunsExceededException;
use aws_sdk_glue::types::{JobRun, JobRunState};
use aws_sdk_s3::error::ErrorMetadata;
use aws_sdk_s3::operation::copy_object::{CopyObjectError, CopyObjectOutput};
use aws_sdk_s3::operation::delete_object::{DeleteObjectError, DeleteObjectOutput};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::error::NotFound;
use aws_sdk_s3::types::{CommonPrefix, DeleteMarkerEntry, ObjectVersion};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use percent_encoding::percent_decode_str;
use pipeline::ledger::Ledger;
use pipeline::triggers::Desk;
use serde_json::{Value, json};

pub const STATE: &str = "state";
pub const LANDING: &str = "landing";
pub const RAW: &str = "raw";
pub const PREFIX: &str = "tui/legacy/";

type Item = HashMap<String, AttributeValue>;

/// A version of an object; none of a body is a delete marker.
#[derive(Debug, Clone)]
pub struct Version {
    pub id: String,
    pub body: Option<Vec<u8>>,
    pub metadata: HashMap<String, String>,
}

/// A run in Glue.
#[derive(Debug, Clone)]
pub struct Run {
    pub id: String,
    pub job: String,
    pub state: &'static str,
    pub started_by: String,
}

/// What there is.
#[derive(Debug, Default)]
pub struct State {
    pub items: BTreeMap<(String, String), Item>,
    pub objects: BTreeMap<(String, String), Vec<Version>>,
    pub runs: Vec<Run>,
    /// Glue starts none now.
    pub is_busy: bool,
    /// Glue starts one, and its answer is lost.
    pub loses_answer: bool,
    /// Puts of objects below this prefix fail.
    pub broken_prefix: Option<String>,
    /// Copies fail.
    pub breaks_copies: bool,
    /// So many copies work; those after them fail.
    pub copies_left: Option<usize>,
    /// Copies that fail are denied.
    pub denies_copies: bool,
    /// Deletes of this key are denied.
    pub denied_key: Option<String>,
    count: usize,
}

impl State {
    fn next(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}", self.count)
    }

    pub fn put(
        &mut self,
        bucket: &str,
        key: &str,
        body: Option<Vec<u8>>,
        metadata: HashMap<String, String>,
    ) -> String {
        let id = self.next("v");
        let versions = self
            .objects
            .entry((bucket.to_owned(), key.to_owned()))
            .or_default();
        versions.push(Version {
            id: id.clone(),
            body,
            metadata,
        });
        id
    }

    pub fn current(&self, bucket: &str, key: &str) -> Option<&Version> {
        let versions = self.objects.get(&(bucket.to_owned(), key.to_owned()))?;
        versions.last().filter(|version| version.body.is_some())
    }

    fn version(&self, bucket: &str, key: &str, id: Option<&str>) -> Option<&Version> {
        match id {
            Some(id) => self
                .objects
                .get(&(bucket.to_owned(), key.to_owned()))?
                .iter()
                .find(|version| version.id == id && version.body.is_some()),
            None => self.current(bucket, key),
        }
    }

    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let all = self
            .objects
            .keys()
            .filter(|(b, key)| b == bucket && key.starts_with(prefix));
        all.filter(|(b, key)| self.current(b, key).is_some())
            .map(|(_, key)| key.clone())
            .collect()
    }

    pub fn put_item(&mut self, pk: &str, sk: &str, fields: &[(&str, &str)]) {
        let mut item: Item =
            HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))]);
        item.extend(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), text(value))),
        );
        self.items.insert((pk.to_owned(), sk.to_owned()), item);
    }

    pub fn set(&mut self, pk: &str, name: &str, value: &str) {
        let item = self
            .items
            .get_mut(&(pk.to_owned(), "ITEM".to_owned()))
            .unwrap();
        item.insert(name.to_owned(), text(value));
    }

    pub fn field(&self, pk: &str, name: &str) -> Option<String> {
        let item = self.items.get(&(pk.to_owned(), "ITEM".to_owned()))?;
        item.get(name).map(|value| value.as_s().unwrap().clone())
    }
}

pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// The world, and clients of it.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

impl World {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lands a file and gives its version.
    pub fn land(&self, key: &str) -> String {
        self.state()
            .put(LANDING, key, Some(b"{}".to_vec()), HashMap::new())
    }

    /// Puts a trigger file; gives S3's event of it.
    pub fn trigger(&self, kind: &str, name: &str, fields: Value) -> Value {
        let mut file = json!({"request_id": name, "requested_by": "ann", "reason": "a try"});
        file.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        self.trigger_file(kind, name, &file.to_string())
    }

    pub fn trigger_file(&self, kind: &str, name: &str, content: &str) -> Value {
        let key = format!("intermediary/scripts/{kind}/{name}.json");
        let version = self
            .state()
            .put(STATE, &key, Some(content.into()), HashMap::new());
        json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {
            "bucket": {"name": STATE}, "object": {"key": key, "versionId": version}}}]})
    }

    /// The answer beside a name.
    pub fn answer(&self, kind: &str, name: &str) -> Option<Value> {
        let key = format!("intermediary/results/{kind}/{name}.json");
        let state = self.state();
        let version = state.current(STATE, &key)?;
        Some(serde_json::from_slice(version.body.as_ref().unwrap()).unwrap())
    }

    pub fn desk(&self) -> Desk {
        Desk {
            ledger: self.ledger(),
            s3: self.s3(),
            bucket: STATE.to_owned(),
            landing_prefix: PREFIX.to_owned(),
        }
    }

    fn with<I, O>(
        &self,
        act: impl Fn(&mut State, &I) -> O + Send + Sync + 'static,
    ) -> impl Fn(&I) -> O + Send + Sync + 'static {
        let world = self.0.clone();
        move |input| act(&mut world.lock().unwrap(), input)
    }

    fn ledger(&self) -> Ledger {
        type Client = aws_sdk_dynamodb::Client;
        let key = |key: &Item| {
            (
                key["pk"].as_s().unwrap().clone(),
                key["sk"].as_s().unwrap().clone(),
            )
        };
        let get = mock!(Client::get_item).then_compute_output(self.with(
            move |state, input: &aws_sdk_dynamodb::operation::get_item::GetItemInput| {
                assert_eq!(input.consistent_read(), Some(true));
                GetItemOutput::builder()
                    .set_item(state.items.get(&key(input.key().unwrap())).cloned())
                    .build()
            },
        ));
        let batch = mock!(Client::batch_get_item).then_compute_output(self.with(
            move |state, input: &aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput| {
                let (table, wanted) = input.request_items().unwrap().iter().next().unwrap();
                let found = wanted
                    .keys()
                    .iter()
                    .filter_map(|one| state.items.get(&key(one)).cloned())
                    .collect();
                BatchGetItemOutput::builder()
                    .responses(table, found)
                    .build()
            },
        ));
        let query = mock!(Client::query).then_compute_output(self.with(
            |state, input: &aws_sdk_dynamodb::operation::query::QueryInput| {
                let pk = input.expression_attribute_values().unwrap()[":pk"]
                    .as_s()
                    .unwrap();
                let found: Vec<Item> = state
                    .items
                    .iter()
                    .filter(|((own, _), _)| own == pk)
                    .map(|(_, item)| item.clone())
                    .collect();
                QueryOutput::builder().set_items(Some(found)).build()
            },
        ));
        let delete = mock!(Client::delete_item).then_compute_output(self.with(
            move |state, input: &aws_sdk_dynamodb::operation::delete_item::DeleteItemInput| {
                state.items.remove(&key(input.key().unwrap()));
                DeleteItemOutput::builder().build()
            },
        ));
        let rules = [get, batch, query, delete]
            .into_iter()
            .chain(self.conditional_writes());
        let rules: Vec<Rule> = rules.collect();
        let rules: Vec<&Rule> = rules.iter().collect();
        Ledger::new(
            mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &rules),
            "ledger",
        )
    }

    /// A write that its condition refuses is an error, so each is two rules: the first refuses.
    fn conditional_writes(&self) -> [Rule; 4] {
        type Client = aws_sdk_dynamodb::Client;
        let refused = || {
            let meta = ErrorMetadata::builder()
                .code("ConditionalCheckFailedException")
                .build();
            ConditionalCheckFailedException::builder()
                .meta(meta)
                .build()
        };
        let (first, second) = (self.0.clone(), self.0.clone());
        let put_refused = mock!(Client::put_item)
            .match_requests(move |input| {
                let item = input.item().unwrap();
                let key = (
                    item["pk"].as_s().unwrap().clone(),
                    item["sk"].as_s().unwrap().clone(),
                );
                input.condition_expression().is_some()
                    && first.lock().unwrap().items.contains_key(&key)
            })
            .then_error(move || PutItemError::ConditionalCheckFailedException(refused()));
        let put = mock!(Client::put_item).then_compute_output(self.with(
            |state, input: &aws_sdk_dynamodb::operation::put_item::PutItemInput| {
                let item = input.item().unwrap().clone();
                let key = (
                    item["pk"].as_s().unwrap().clone(),
                    item["sk"].as_s().unwrap().clone(),
                );
                state.items.insert(key, item);
                PutItemOutput::builder().build()
            },
        ));
        let update_refused = mock!(Client::update_item)
            .match_requests(move |input| {
                let key = input.key().unwrap();
                let key = (
                    key["pk"].as_s().unwrap().clone(),
                    key["sk"].as_s().unwrap().clone(),
                );
                let empty = HashMap::new();
                let names = input.expression_attribute_names().unwrap_or(&empty);
                let state = second.lock().unwrap();
                let condition = input.condition_expression().unwrap();
                !holds(
                    condition,
                    state.items.get(&key),
                    names,
                    input.expression_attribute_values().unwrap(),
                )
            })
            .then_error(move || UpdateItemError::ConditionalCheckFailedException(refused()));
        let update = mock!(Client::update_item).then_compute_output(self.with(
            |state, input: &aws_sdk_dynamodb::operation::update_item::UpdateItemInput| {
                let key = input.key().unwrap();
                let key = (
                    key["pk"].as_s().unwrap().clone(),
                    key["sk"].as_s().unwrap().clone(),
                );
                let empty = HashMap::new();
                let names = input.expression_attribute_names().unwrap_or(&empty);
                let item = state.items.get_mut(&key).unwrap();
                apply(
                    input.update_expression().unwrap(),
                    item,
                    names,
                    input.expression_attribute_values().unwrap(),
                );
                UpdateItemOutput::builder()
                    .set_attributes(Some(item.clone()))
                    .build()
            },
        ));
        [put_refused, put, update_refused, update]
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        type Client = aws_sdk_s3::Client;
        let (absent, broken, gone) = (self.0.clone(), self.0.clone(), self.0.clone());
        let get_absent = mock!(Client::get_object)
            .match_requests(move |input| {
                absent
                    .lock()
                    .unwrap()
                    .version(
                        input.bucket().unwrap(),
                        input.key().unwrap(),
                        input.version_id(),
                    )
                    .is_none()
            })
            .then_error(|| {
                GetObjectError::generic(ErrorMetadata::builder().code("NoSuchVersion").build())
            });
        let get = mock!(Client::get_object).then_compute_output(self.with(
            |state, input: &aws_sdk_s3::operation::get_object::GetObjectInput| {
                let version = state
                    .version(
                        input.bucket().unwrap(),
                        input.key().unwrap(),
                        input.version_id(),
                    )
                    .unwrap();
                GetObjectOutput::builder()
                    .body(ByteStream::from(version.body.clone().unwrap()))
                    .build()
            },
        ));
        let put_broken = mock!(Client::put_object)
            .match_requests(move |input| {
                let state = broken.lock().unwrap();
                state
                    .broken_prefix
                    .as_ref()
                    .is_some_and(|prefix| input.key().unwrap().starts_with(prefix))
            })
            .then_error(|| {
                PutObjectError::generic(ErrorMetadata::builder().code("AccessDenied").build())
            });
        let put = mock!(Client::put_object).then_compute_output(self.with(
            |state, input: &aws_sdk_s3::operation::put_object::PutObjectInput| {
                let body = input.body().bytes().unwrap().to_vec();
                let id = state.put(
                    input.bucket().unwrap(),
                    input.key().unwrap(),
                    Some(body),
                    HashMap::new(),
                );
                PutObjectOutput::builder().version_id(id).build()
            },
        ));
        let head_absent = mock!(Client::head_object)
            .match_requests(move |input| {
                gone.lock()
                    .unwrap()
                    .version(
                        input.bucket().unwrap(),
                        input.key().unwrap(),
                        input.version_id(),
                    )
                    .is_none()
            })
            .then_error(|| HeadObjectError::NotFound(NotFound::builder().build()));
        let head = mock!(Client::head_object).then_compute_output(self.with(
            |state, input: &aws_sdk_s3::operation::head_object::HeadObjectInput| {
                let version = state
                    .version(
                        input.bucket().unwrap(),
                        input.key().unwrap(),
                        input.version_id(),
                    )
                    .unwrap();
                HeadObjectOutput::builder()
                    .version_id(&version.id)
                    .e_tag("\"e\"")
                    .content_length(2)
                    .last_modified(DateTime::from_secs(1_700_000_000))
                    .set_metadata(Some(version.metadata.clone()))
                    .build()
            },
        ));
        let (breaking, refusing) = (self.0.clone(), self.0.clone());
        let copy_broken = mock!(Client::copy_object)
            .match_requests(move |_| {
                let state = breaking.lock().unwrap();
                state.breaks_copies || state.copies_left == Some(0)
            })
            .then_error(move || {
                let code = if refusing.lock().unwrap().denies_copies {
                    "AccessDenied"
                } else {
                    "Broken"
                };
                CopyObjectError::generic(ErrorMetadata::builder().code(code).build())
            });
        let copy = mock!(Client::copy_object).then_compute_output(self.with(
            |state, input: &aws_sdk_s3::operation::copy_object::CopyObjectInput| {
                if let Some(left) = &mut state.copies_left {
                    *left -= 1;
                }
                let source = percent_decode_str(input.copy_source().unwrap())
                    .decode_utf8()
                    .unwrap()
                    .into_owned();
                let (path, id) = match source.split_once("?versionId=") {
                    Some((path, id)) => (path.to_owned(), Some(id.to_owned())),
                    None => (source, None),
                };
                let (bucket, key) = path.split_once('/').unwrap();
                let body = state
                    .version(bucket, key, id.as_deref())
                    .expect("the source is there")
                    .body
                    .clone();
                let metadata = input.metadata().cloned().unwrap_or_default();
                let id = state.put(
                    input.bucket().unwrap(),
                    input.key().unwrap(),
                    body,
                    metadata,
                );
                CopyObjectOutput::builder().version_id(id).build()
            },
        ));
        let denying = self.0.clone();
        let delete_denied = mock!(Client::delete_object)
            .match_requests(move |input| {
                denying.lock().unwrap().denied_key.as_deref() == input.key()
            })
            .then_error(|| {
                DeleteObjectError::generic(ErrorMetadata::builder().code("AccessDenied").build())
            });
        let delete = mock!(Client::delete_object).then_compute_output(self.with(
            |state, input: &aws_sdk_s3::operation::delete_object::DeleteObjectInput| {
                let (bucket, key) = (input.bucket().unwrap(), input.key().unwrap());
                let id = match input.version_id() {
                    Some(id) => {
                        let place = (bucket.to_owned(), key.to_owned());
                        state
                            .objects
                            .entry(place)
                            .or_default()
                            .retain(|version| version.id != id);
                        id.to_owned()
                    }
                    None => state.put(bucket, key, None, HashMap::new()),
                };
                DeleteObjectOutput::builder().version_id(id).build()
            },
        ));
        let list = mock!(Client::list_object_versions).then_compute_output(self.with(|state, input: &aws_sdk_s3::operation::list_object_versions::ListObjectVersionsInput| {
            listing(state, input.bucket().unwrap(), input.prefix().unwrap(), input.delimiter().is_some())
        }));
        let rules = [
            &get_absent,
            &get,
            &put_broken,
            &put,
            &head_absent,
            &head,
            &copy_broken,
            &copy,
            &delete_denied,
            &delete,
            &list,
        ];
        mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules)
    }

    pub fn glue(&self) -> aws_sdk_glue::Client {
        type Client = aws_sdk_glue::Client;
        let (busy, lost) = (self.0.clone(), self.0.clone());
        let refused = mock!(Client::start_job_run)
            .match_requests(move |_| busy.lock().unwrap().is_busy)
            .then_error(|| {
                let error = ConcurrentRunsExceededException::builder()
                    .message("1 of 1 runs")
                    .build();
                StartJobRunError::ConcurrentRunsExceededException(error)
            });
        let unanswered = mock!(Client::start_job_run)
            .match_requests(move |input| {
                let mut state = lost.lock().unwrap();
                let is_lost = state.loses_answer;
                if is_lost {
                    begin(&mut state, input);
                }
                is_lost
            })
            .then_error(|| {
                StartJobRunError::generic(
                    ErrorMetadata::builder()
                        .code("InternalServiceException")
                        .build(),
                )
            });
        let start = mock!(Client::start_job_run).then_compute_output(self.with(
            |state, input: &aws_sdk_glue::operation::start_job_run::StartJobRunInput| {
                StartJobRunOutput::builder()
                    .job_run_id(begin(state, input))
                    .build()
            },
        ));
        let runs = mock!(Client::get_job_runs).then_compute_output(self.with(
            |state, input: &aws_sdk_glue::operation::get_job_runs::GetJobRunsInput| {
                let own = state
                    .runs
                    .iter()
                    .rev()
                    .filter(|run| Some(run.job.as_str()) == input.job_name());
                GetJobRunsOutput::builder()
                    .set_job_runs(Some(own.map(job_run).collect()))
                    .build()
            },
        ));
        let run = mock!(Client::get_job_run).then_compute_output(self.with(
            |state, input: &aws_sdk_glue::operation::get_job_run::GetJobRunInput| {
                let run = state
                    .runs
                    .iter()
                    .find(|run| Some(run.id.as_str()) == input.run_id());
                GetJobRunOutput::builder()
                    .set_job_run(run.map(job_run))
                    .build()
            },
        ));
        mock_client!(
            aws_sdk_glue,
            RuleMode::MatchAny,
            [&refused, &unanswered, &start, &runs, &run]
        )
    }
}

fn begin(
    state: &mut State,
    input: &aws_sdk_glue::operation::start_job_run::StartJobRunInput,
) -> String {
    let id = state.next("jr_");
    state.runs.push(Run {
        id: id.clone(),
        job: input.job_name().unwrap().to_owned(),
        state: "RUNNING",
        started_by: input.arguments().unwrap()["--started_by"].clone(),
    });
    id
}

fn job_run(run: &Run) -> JobRun {
    JobRun::builder()
        .id(&run.id)
        .job_name(&run.job)
        .job_run_state(JobRunState::from(run.state))
        .arguments("--started_by", &run.started_by)
        .started_on(DateTime::from_secs(jiff::Timestamp::now().as_second()))
        .build()
}

fn listing(state: &State, bucket: &str, prefix: &str, folders: bool) -> ListObjectVersionsOutput {
    let mut output = ListObjectVersionsOutput::builder();
    let mut seen = Vec::new();
    for ((_, key), versions) in state
        .objects
        .iter()
        .filter(|((b, key), _)| b == bucket && key.starts_with(prefix))
    {
        if let Some((folder, _)) = key[prefix.len()..].split_once('/').filter(|_| folders) {
            let folder = format!("{prefix}{folder}/");
            if !seen.contains(&folder) {
                output = output.common_prefixes(CommonPrefix::builder().prefix(&folder).build());
                seen.push(folder);
            }
            continue;
        }
        for (index, version) in versions.iter().enumerate().rev() {
            let is_latest = index + 1 == versions.len();
            output = match &version.body {
                Some(body) => output.versions(
                    ObjectVersion::builder()
                        .key(key)
                        .version_id(&version.id)
                        .size(i64::try_from(body.len()).unwrap())
                        .last_modified(DateTime::from_secs(1_700_000_000))
                        .is_latest(is_latest)
                        .build(),
                ),
                None => output.delete_markers(
                    DeleteMarkerEntry::builder()
                        .key(key)
                        .version_id(&version.id)
                        .is_latest(is_latest)
                        .build(),
                ),
            };
        }
    }
    output.build()
}

/// Conditions as the ledger writes them: terms with AND, and a group of terms with OR.
fn holds(
    condition: &str,
    item: Option<&Item>,
    names: &HashMap<String, String>,
    values: &Item,
) -> bool {
    let empty = Item::new();
    let item = item.unwrap_or(&empty);
    let name = |name: &str| names.get(name).cloned().unwrap_or_else(|| name.to_owned());
    let term = |term: &str| {
        let term = term.trim().trim_start_matches('(');
        let argument = || name(term.split_once('(').unwrap().1.trim_end_matches(')'));
        if term.starts_with("attribute_not_exists") {
            !item.contains_key(&argument())
        } else if term.starts_with("attribute_exists") {
            item.contains_key(&argument())
        } else {
            let parts: Vec<&str> = term.trim_end_matches(')').split_whitespace().collect();
            let (Some(own), wanted) = (item.get(&name(parts[0])), &values[parts[2]]) else {
                return false;
            };
            match parts[1] {
                "=" => own == wanted,
                "<=" => own.as_s().unwrap() <= wanted.as_s().unwrap(),
                other => panic!("{other}"),
            }
        }
    };
    condition
        .split(" AND ")
        .all(|group| group.split(" OR ").any(term))
}

fn apply(update: &str, item: &mut Item, names: &HashMap<String, String>, values: &Item) {
    if let Some(added) = update.strip_prefix("ADD ") {
        let (name, value) = added.split_once(' ').unwrap();
        let mut set = item
            .get(name)
            .map_or_else(Vec::new, |set| set.as_ss().unwrap().clone());
        set.extend(
            values[value]
                .as_ss()
                .unwrap()
                .iter()
                .filter(|one| !set.contains(one))
                .cloned()
                .collect::<Vec<_>>(),
        );
        item.insert(name.to_owned(), AttributeValue::Ss(set));
        return;
    }
    for change in update.strip_prefix("SET ").unwrap().split(", ") {
        let (name, value) = change.split_once(" = ").unwrap();
        let name = names.get(name).cloned().unwrap_or_else(|| name.to_owned());
        item.insert(name, values[value].clone());
    }
}
