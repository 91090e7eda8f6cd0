//! The handler from the services' answers to the requests that it made.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::{ConditionalCheckFailedException, InternalServerError};
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::types::PutEventsResultEntry;
use aws_sdk_glue::operation::get_job_run::{GetJobRunError, GetJobRunOutput};
use aws_sdk_glue::operation::get_job_runs::GetJobRunsOutput;
use aws_sdk_glue::operation::start_job_run::{StartJobRunError, StartJobRunOutput};
use aws_sdk_glue::types::error::{ConcurrentRunsExceededException, EntityNotFoundException};
use aws_sdk_glue::types::{JobRun, JobRunState};
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{DeleteMarkerEntry, EncodingType, ObjectVersion};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::ErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use pipeline::ledger::Ledger;
use pipeline::protocol::{Stage, iso, marker};
use reconcile::{Clients, Config, Invocation, Summary, handler, landed_files};

type Attributes = HashMap<String, AttributeValue>;

/// A Monday.
fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn aws_time(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.as_millisecond())
}

fn item(attributes: &[(&str, &str)]) -> Attributes {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)))
        .collect()
}

fn text(attributes: &Attributes, name: &str) -> String {
    attributes
        .get(name)
        .and_then(|value| value.as_s().ok())
        .cloned()
        .unwrap_or_default()
}

fn code(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).build()
}

/// What the services hold in a test, and what was asked of them, in order (reads of the ledger left out).
#[derive(Clone, Default)]
struct Aws {
    requests: Arc<Mutex<Vec<String>>>,
    /// Items by partition key; markers by that and sort key, with a space between.
    ledger: HashMap<String, Attributes>,
    /// Runs by job.
    runs: Vec<(&'static str, JobRun)>,
    /// Runs that GetJobRun knows and GetJobRuns no longer lists.
    older_runs: Vec<JobRun>,
    /// Pages of the landing zone.
    pages: Vec<ListObjectVersionsOutput>,
    conditions_fail: bool,
    cursor_is_moved: bool,
    /// A put that is noted with this in it fails.
    put_fails: Option<&'static str>,
    queries_fail: bool,
    events_fail: bool,
    start: Start,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Start {
    #[default]
    Works,
    IsRefused,
    HasNoJob,
}

impl Aws {
    fn note(&self, request: impl Into<String>) {
        self.requests.lock().unwrap().push(request.into());
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn with(mut self, attributes: &[(&str, &str)]) -> Self {
        let item = item(attributes);
        self.ledger.insert(text(&item, "pk"), item);
        self
    }

    fn with_revision(mut self, revision: u64) -> Self {
        let cursor = self.ledger.entry("CURSOR#landing".to_owned()).or_default();
        let revision = AttributeValue::N(revision.to_string());
        cursor.insert("revision".to_owned(), revision);
        self
    }

    fn marked(mut self, stage: Stage, pk: &str, at: Timestamp) -> Self {
        let key = marker(stage, pk);
        let item = item(&[
            ("pk", &key.pk),
            ("sk", &key.sk),
            ("item", pk),
            ("at", &iso(at)),
        ]);
        self.ledger.insert(format!("{} {}", key.pk, key.sk), item);
        self
    }

    fn open_file(self, key: &str) -> Self {
        let pk = format!("FILE#landing/tui/legacy/{key}#v1");
        self.with(&[
            ("pk", &pk),
            ("bucket", "landing"),
            ("key", &format!("tui/legacy/{key}")),
            ("version_id", "v1"),
            ("landed_at", &iso(ago(60))),
        ])
        .marked(Stage::Ingest, &pk, ago(60))
    }

    fn glue(mut self, job: &'static str, run_id: &str, state: JobRunState, minutes: i64) -> Self {
        self.runs.push((job, job_run(job, run_id, state, minutes)));
        self
    }

    fn clients(&self) -> Clients {
        Clients {
            ledger: Ledger::new(self.dynamodb(), "ledger"),
            glue: self.glue_client(),
            s3: self.s3(),
            events: self.events(),
        }
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        use aws_sdk_dynamodb::Client;
        let aws = self.clone();
        let get = mock!(Client::get_item).then_compute_output(move |request| {
            assert_eq!(request.consistent_read(), Some(true));
            let item = aws.ledger.get(&text(request.key().unwrap(), "pk")).cloned();
            GetItemOutput::builder().set_item(item).build()
        });
        let aws = self.clone();
        let batch_get = mock!(Client::batch_get_item).then_compute_output(move |request| {
            let wanted = &request.request_items().unwrap()["ledger"];
            assert_eq!(wanted.consistent_read(), Some(true));
            assert!(wanted.keys().len() <= 100);
            let found = wanted
                .keys()
                .iter()
                .filter_map(|key| aws.ledger.get(&text(key, "pk")).cloned());
            BatchGetItemOutput::builder()
                .responses("ledger", found.collect())
                .build()
        });
        let aws = self.clone();
        let query = mock!(Client::query).then_compute_response(move |request| {
            if aws.queries_fail {
                let error = InternalServerError::builder().build();
                return MockResponse::Error(QueryError::InternalServerError(error));
            }
            assert_eq!(request.consistent_read(), Some(true));
            let pk = text(request.expression_attribute_values().unwrap(), ":pk");
            let after = request.exclusive_start_key();
            let after = after.map(|key| text(key, "sk")).unwrap_or_default();
            let mut found: Vec<Attributes> = aws
                .ledger
                .iter()
                .filter(|(key, _)| key.starts_with(&format!("{pk} ")))
                .map(|(_, item)| item.clone())
                .filter(|item| text(item, "sk") > after)
                .collect();
            found.sort_by_key(|item| text(item, "sk"));
            let limit = usize::try_from(request.limit().unwrap()).unwrap();
            let is_more = found.len() > limit;
            found.truncate(limit);
            let last = found.last().filter(|_| is_more).cloned();
            MockResponse::Output(
                QueryOutput::builder()
                    .set_items(Some(found))
                    .set_last_evaluated_key(last)
                    .build(),
            )
        });
        let aws = self.clone();
        let put = mock!(Client::put_item).then_compute_response(move |request| {
            let item = request.item().unwrap();
            let pk = text(item, "pk");
            let what = match text(item, "pk").split_once('#').unwrap() {
                ("OPEN", _) => format!("marker {}", text(item, "item")),
                ("CURSOR", _) => {
                    assert!(request.condition_expression().unwrap().contains("revision"));
                    format!(
                        "cursor {} at {:?} of {:?}, full {:?}",
                        item["revision"].as_n().unwrap(),
                        text(item, "key_marker"),
                        text(item, "pass_started_at"),
                        text(item, "full_pass_started_at"),
                    )
                }
                _ => {
                    assert_eq!(
                        request.condition_expression(),
                        Some("attribute_not_exists(pk)")
                    );
                    if pk.starts_with("FILE#") {
                        assert_eq!(text(item, "taken_in_by"), "reconcile/request-1");
                        assert_eq!(text(item, "taken_in_at"), iso(now()));
                    }
                    format!("put {pk} {}", text(item, "reason"))
                }
            };
            aws.note(what.trim_end());
            if aws.cursor_is_moved && pk.starts_with("CURSOR#") {
                let error = ConditionalCheckFailedException::builder()
                    .meta(code("ConditionalCheckFailedException"))
                    .build();
                return MockResponse::Error(PutItemError::ConditionalCheckFailedException(error));
            }
            if aws.put_fails.is_some_and(|part| what.contains(part)) {
                let error = InternalServerError::builder().build();
                return MockResponse::Error(PutItemError::InternalServerError(error));
            }
            MockResponse::Output(PutItemOutput::builder().build())
        });
        let aws = self.clone();
        let update = mock!(Client::update_item).then_compute_response(move |request| {
            let pk = text(request.key().unwrap(), "pk");
            aws.note(format!(
                "update {pk}: {} if {}",
                request.update_expression().unwrap(),
                request.condition_expression().unwrap()
            ));
            if aws.conditions_fail {
                let error = ConditionalCheckFailedException::builder()
                    .meta(code("ConditionalCheckFailedException"))
                    .build();
                return MockResponse::Error(UpdateItemError::ConditionalCheckFailedException(
                    error,
                ));
            }
            MockResponse::Output(UpdateItemOutput::builder().build())
        });
        let aws = self.clone();
        let delete = mock!(Client::delete_item).then_compute_output(move |request| {
            let key = request.key().unwrap();
            let at = text(request.expression_attribute_values().unwrap(), ":at");
            aws.note(format!(
                "drop {} if {} = {at}",
                text(key, "pk"),
                request
                    .condition_expression()
                    .unwrap()
                    .split(" = ")
                    .next()
                    .unwrap()
            ));
            DeleteItemOutput::builder().build()
        });
        mock_client!(
            aws_sdk_dynamodb,
            RuleMode::MatchAny,
            [&get, &batch_get, &query, &put, &update, &delete]
        )
    }

    fn glue_client(&self) -> aws_sdk_glue::Client {
        use aws_sdk_glue::Client;
        let aws = self.clone();
        let list = mock!(Client::get_job_runs).then_compute_output(move |request| {
            let runs = aws
                .runs
                .iter()
                .filter(|(job, _)| request.job_name() == Some(job));
            let runs = runs.map(|(_, run)| run.clone()).collect();
            GetJobRunsOutput::builder().set_job_runs(Some(runs)).build()
        });
        let aws = self.clone();
        let look_up = mock!(Client::get_job_run).then_compute_response(move |request| {
            let run_id = request.run_id().unwrap();
            aws.note(format!(
                "look up {run_id} of {}",
                request.job_name().unwrap()
            ));
            match aws.older_runs.iter().find(|run| run.id() == Some(run_id)) {
                Some(run) => {
                    MockResponse::Output(GetJobRunOutput::builder().job_run(run.clone()).build())
                }
                None => MockResponse::Error(GetJobRunError::EntityNotFoundException(
                    EntityNotFoundException::builder()
                        .meta(code("EntityNotFoundException"))
                        .build(),
                )),
            }
        });
        let aws = self.clone();
        let start = mock!(Client::start_job_run).then_compute_response(move |request| {
            let started_by = request.arguments().unwrap()["--started_by"].clone();
            aws.note(format!(
                "start {} for {started_by}",
                request.job_name().unwrap()
            ));
            match aws.start {
                Start::Works => {
                    MockResponse::Output(StartJobRunOutput::builder().job_run_id("jr_new").build())
                }
                Start::IsRefused => {
                    MockResponse::Error(StartJobRunError::ConcurrentRunsExceededException(
                        ConcurrentRunsExceededException::builder()
                            .message("one is enough")
                            .meta(code("ConcurrentRunsExceededException"))
                            .build(),
                    ))
                }
                Start::HasNoJob => MockResponse::Error(StartJobRunError::EntityNotFoundException(
                    EntityNotFoundException::builder()
                        .meta(code("EntityNotFoundException"))
                        .build(),
                )),
            }
        });
        mock_client!(aws_sdk_glue, RuleMode::MatchAny, [&list, &look_up, &start])
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let aws = self.clone();
        let list =
            mock!(aws_sdk_s3::Client::list_object_versions).then_compute_output(move |request| {
                assert_eq!(
                    (request.bucket(), request.prefix()),
                    (Some("landing"), Some("tui/legacy/"))
                );
                assert_eq!(request.encoding_type(), Some(&EncodingType::Url));
                let after = request.key_marker().unwrap_or_default();
                aws.note(format!(
                    "list after {after:?} {:?}",
                    request.version_id_marker().unwrap_or_default()
                ));
                let number: usize = after
                    .rsplit(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap_or_default();
                aws.pages
                    .get(number)
                    .cloned()
                    .unwrap_or_else(|| ListObjectVersionsOutput::builder().build())
            });
        mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&list])
    }

    fn events(&self) -> aws_sdk_eventbridge::Client {
        let aws = self.clone();
        let put =
            mock!(aws_sdk_eventbridge::Client::put_events).then_compute_output(move |request| {
                assert!(request.entries().len() <= 10);
                for entry in request.entries() {
                    assert_eq!(entry.detail_type(), Some("Glue Job State Change"));
                    assert_eq!(entry.event_bus_name(), Some("default"));
                    let detail = entry.detail().unwrap();
                    let detail: serde_json::Value = serde_json::from_str(detail).unwrap();
                    let field = |name: &str| detail[name].as_str().unwrap().to_owned();
                    let (job, run_id) = (field("jobName"), field("jobRunId"));
                    aws.note(format!(
                        "event from {}: {job} {run_id} {}",
                        entry.source().unwrap(),
                        field("state")
                    ));
                }
                let mut answer = PutEventsOutput::builder();
                if aws.events_fail {
                    let entry = PutEventsResultEntry::builder()
                        .error_code("ThrottlingException")
                        .build();
                    answer = answer.failed_entry_count(1).entries(entry);
                }
                answer.build()
            });
        mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [&put])
    }

    async fn handle(&self) -> anyhow::Result<Summary> {
        handler(&config(), &self.clients(), &invocation()).await
    }

    /// The requests of one invocation that belong to the listing.
    fn listing(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .filter(|request| !request.starts_with("update CURSOR#runs"))
            .collect()
    }

    /// The requests of one invocation, without the listing of an empty landing zone.
    async fn effects(&self) -> (Summary, Vec<String>) {
        let summary = self.handle().await.unwrap();
        let effects = self
            .requests()
            .into_iter()
            .filter(|request| !request.starts_with("list ") && !request.starts_with("cursor "))
            .filter(|request| !request.starts_with("update CURSOR#runs"));
        (summary, effects.collect())
    }
}

fn invocation() -> Invocation {
    Invocation {
        now: now(),
        ..Invocation::new("request-1", "reconcile-dev", Duration::from_secs(600))
    }
}

fn config() -> Config {
    Config::from_lookup(|name| {
        let value = match name {
            "LEDGER_TABLE" => "ledger",
            "LANDING_BUCKET" => "landing",
            "LANDING_PREFIX" => "tui/legacy/",
            "INGEST_JOB" => "glue1",
            "CLASSIFY_JOB" => "glue2",
            "CONFORM_JOB" => "glue3",
            "CLASSIFY_ENABLED" => "true",
            "CLASSIFY_WEEKDAY" => "FRI",
            "CLASSIFY_TIME" => "12:00",
            "CLASSIFY_TIMEZONE" => "Europe/Berlin",
            "EVENT_BUS_NAME" => "default",
            "LOOKBACK_HOURS" => "48",
            "LISTING_PAGES" => "2",
            "EVENT_GRACE_SECONDS" => "180",
            "LANDING_GRACE_SECONDS" => "360",
            "TELLING_LEASE_SECONDS" => "300",
            "SCHEDULE_GRACE_SECONDS" => "1800",
            "STALE_MARKER_SECONDS" => "86400",
            "FIRST_PAUSE_SECONDS" => "300",
            "LONGEST_PAUSE_SECONDS" => "3600",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

fn job_run(job: &str, run_id: &str, state: JobRunState, minutes: i64) -> JobRun {
    let run = JobRun::builder()
        .job_name(job)
        .id(run_id)
        .started_on(aws_time(ago(minutes + 10)));
    let run = match state {
        JobRunState::Running => run,
        _ => run.completed_on(aws_time(ago(minutes))),
    };
    run.job_run_state(state).build()
}

fn version(key: &str, version_id: &str, size: i64, minutes: i64) -> ObjectVersion {
    ObjectVersion::builder()
        .key(key)
        .version_id(version_id)
        .size(size)
        .e_tag("\"d41d8\"")
        .last_modified(aws_time(ago(minutes)))
        .build()
}

fn page(versions: Vec<ObjectVersion>, next: Option<&str>) -> ListObjectVersionsOutput {
    ListObjectVersionsOutput::builder()
        .set_versions(Some(versions))
        .encoding_type(EncodingType::Url)
        .is_truncated(next.is_some())
        .set_next_key_marker(next.map(str::to_owned))
        .set_next_version_id_marker(next.map(|_| "v9".to_owned()))
        .build()
}

#[tokio::test]
async fn open_files_without_an_active_run_start_one() {
    let (summary, effects) = Aws::default().open_file("a.json").effects().await;
    assert_eq!(effects, ["start glue1 for reconcile"]);
    assert_eq!(summary.started[0].run_id.as_deref(), Some("jr_new"));
    let busy = Aws::default()
        .open_file("a.json")
        .glue("glue1", "jr_1", JobRunState::Running, 0);
    assert_eq!(busy.effects().await.1, [""; 0]);
}

#[tokio::test]
async fn a_refused_start_is_reported_and_no_failure() {
    let aws = Aws {
        start: Start::IsRefused,
        ..Aws::default()
    }
    .open_file("a.json");
    let summary = aws.handle().await.unwrap();
    let refused = summary.started[0].refused.as_deref().unwrap();
    assert!(
        refused.starts_with("ConcurrentRunsExceededException"),
        "{refused}"
    );
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["started"][0]["stage"], 1);
    assert_eq!(json["started"][0]["run_id"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_job_that_is_not_there_fails_the_invocation() {
    let aws = Aws {
        start: Start::HasNoJob,
        ..Aws::default()
    }
    .open_file("a.json");
    let error = aws.handle().await.unwrap_err();
    assert!(format!("{error:#}").contains("glue1"), "{error:#}");
}

#[tokio::test]
async fn a_dead_run_is_set_void_by_condition_then_told_and_then_its_files_get_a_new_run() {
    let pk = "FILE#landing/tui/legacy/a.json#v1";
    let aws = Aws::default()
        .with(&[
            ("pk", pk),
            ("bucket", "landing"),
            ("key", "tui/legacy/a.json"),
            ("version_id", "v1"),
            ("landed_at", &iso(ago(60))),
            ("assigned_to", "jr_1"),
        ])
        .marked(Stage::Ingest, pk, ago(60))
        .with(&[("pk", "RUN#1#jr_1"), ("state", "STARTED")])
        .glue("glue1", "jr_1", JobRunState::Stopped, 9);
    let (summary, effects) = aws.effects().await;
    assert_eq!(
        effects,
        [
            "update RUN#1#jr_1: SET #state = :void, #reason = :ended if #state = :started",
            "event from tui-etl.reconcile: glue1 jr_1 STOPPED",
            "start glue1 for reconcile",
        ]
    );
    assert_eq!((summary.settled, summary.resent), (1, 1));
}

#[tokio::test]
async fn a_run_that_turns_out_to_have_committed_is_not_settled() {
    let aws = Aws {
        conditions_fail: true,
        ..Aws::default()
    }
    .with(&[("pk", "RUN#1#jr_1"), ("state", "STARTED")])
    .glue("glue1", "jr_1", JobRunState::Failed, 1);
    let (summary, effects) = aws.effects().await;
    assert_eq!((summary.settled, effects.len()), (0, 1));
}

#[tokio::test]
async fn a_run_that_never_started_gets_an_item_before_it_is_told() {
    let (_, effects) = Aws::default()
        .glue("glue3", "jr_1", JobRunState::Error, 9)
        .effects()
        .await;
    let event = "event from tui-etl.reconcile: glue3 jr_1 ERROR";
    assert_eq!(effects, ["put RUN#3#jr_1 NEVER_STARTED", event]);
}

#[tokio::test]
async fn a_run_that_is_told_and_clean_is_left_alone() {
    let run = [
        ("pk", "RUN#2#jr_1"),
        ("state", "COMMITTED"),
        ("told_at", "2026-11-23T11:00:00.000Z"),
        ("cleaned_at", "2026-11-23T11:00:00.000Z"),
    ];
    let aws = Aws::default()
        .with(&run)
        .glue("glue2", "jr_1", JobRunState::Succeeded, 60);
    assert_eq!(aws.effects().await.1, [""; 0]);
    let aws = Aws::default()
        .with(&run[..3])
        .glue("glue2", "jr_1", JobRunState::Succeeded, 60);
    let (_, effects) = aws.effects().await;
    assert_eq!(
        effects,
        ["event from tui-etl.reconcile: glue2 jr_1 SUCCEEDED"]
    );
}

#[tokio::test]
async fn a_run_older_than_the_lookback_is_found_from_the_marker_that_it_holds() {
    let pk = "FILE#landing/tui/legacy/a.json#v1";
    let aws = Aws {
        older_runs: vec![job_run("glue1", "jr_old", JobRunState::Timeout, 5_000)],
        ..Aws::default()
    };
    let aws = aws
        .with(&[
            ("pk", pk),
            ("bucket", "landing"),
            ("key", "tui/legacy/a.json"),
            ("version_id", "v1"),
            ("landed_at", &iso(ago(9_000))),
            ("assigned_to", "jr_old"),
        ])
        .marked(Stage::Ingest, pk, ago(9_000))
        .with(&[
            ("pk", "RUN#1#jr_old"),
            ("state", "STARTED"),
            ("started_at", &iso(ago(6_000))),
        ]);
    let (_, effects) = aws.effects().await;
    assert_eq!(effects[0], "look up jr_old of glue1");
    assert!(effects[1].starts_with("update RUN#1#jr_old"), "{effects:?}");
    assert!(effects[2].contains("TIMEOUT"), "{effects:?}");
    assert_eq!(effects[3], "start glue1 for reconcile");
}

#[tokio::test]
async fn versions_without_an_item_are_taken_in_marker_first_then_the_cursor_moves_and_in_the_end_a_run_is_started()
 {
    let aws = Aws {
        pages: vec![
            page(
                vec![version("tui/legacy/x/a+b%2Bc.json", "v1", 3, 60)],
                Some("tui/legacy/x/page+1"),
            ),
            page(vec![version("tui/legacy/x/z.json", "v2", 3, 60)], None),
        ],
        ..Aws::default()
    };
    let summary = aws.handle().await.unwrap();
    assert_eq!(
        (summary.listed, summary.taken_in, summary.pass_completed),
        (2, 2, true)
    );
    assert_eq!(
        aws.listing(),
        [
            "list after \"\" \"\"",
            "marker FILE#landing/tui/legacy/x/a b+c.json#v1",
            "put FILE#landing/tui/legacy/x/a b+c.json#v1",
            "cursor 1 at \"tui/legacy/x/page 1\" of \"2026-11-23T12:00:00.000Z\", full \"\"",
            "list after \"tui/legacy/x/page 1\" \"v9\"",
            "marker FILE#landing/tui/legacy/x/z.json#v2",
            "put FILE#landing/tui/legacy/x/z.json#v2",
            "cursor 2 at \"\" of \"\", full \"2026-11-23T12:00:00.000Z\"",
            "start glue1 for reconcile",
        ]
    );
    assert_eq!(summary.started[0].run_id.as_deref(), Some("jr_new"));
}

#[tokio::test]
async fn a_long_listing_goes_on_where_the_last_window_ended() {
    let more = |number: usize| {
        page(
            vec![],
            Some(
                [
                    "tui/legacy/page 1",
                    "tui/legacy/page 2",
                    "tui/legacy/page 3",
                ][number],
            ),
        )
    };
    let aws = Aws {
        pages: vec![more(0), more(1), more(2)],
        ..Aws::default()
    };
    aws.handle().await.unwrap();
    assert_eq!(
        aws.requests().last().unwrap(),
        "cursor 2 at \"tui/legacy/page 2\" of \"2026-11-23T12:00:00.000Z\", full \"\""
    );
    let later = Aws {
        requests: Arc::default(),
        ..aws
    }
    .with(&[
        ("pk", "CURSOR#landing"),
        ("key_marker", "tui/legacy/page 2"),
        ("version_id_marker", "v9"),
        ("pass_started_at", "2026-11-23T11:00:00.000Z"),
        ("full_pass_started_at", "2026-11-23T10:00:00.000Z"),
    ]);
    let later = later.with_revision(2);
    let summary = later.handle().await.unwrap();
    assert!(summary.pass_completed);
    assert_eq!(
        later.listing(),
        [
            "list after \"tui/legacy/page 2\" \"v9\"",
            "cursor 3 at \"tui/legacy/page 3\" of \"2026-11-23T11:00:00.000Z\", full \"2026-11-23T10:00:00.000Z\"",
            "list after \"tui/legacy/page 3\" \"v9\"",
            "cursor 4 at \"\" of \"\", full \"2026-11-23T11:00:00.000Z\"",
        ]
    );
}

#[tokio::test]
async fn known_versions_are_not_taken_in_again() {
    let mut aws =
        Aws::default()
            .open_file("x/a.json")
            .glue("glue1", "jr_1", JobRunState::Running, 0);
    aws.pages = vec![page(
        vec![version("tui/legacy/x/a.json", "v1", 3, 60)],
        None,
    )];
    let (summary, effects) = aws.effects().await;
    assert_eq!((summary.listed, summary.taken_in), (1, 0));
    assert_eq!(effects, [""; 0]);
}

#[test]
fn folders_delete_markers_and_files_whose_event_may_still_come_are_left_out_of_a_page() {
    let page = ListObjectVersionsOutput::builder()
        .versions(version("tui/legacy/x/", "v1", 0, 60))
        .versions(version("tui/legacy/x/young.json", "v1", 3, 5))
        .versions(version("tui/legacy/x/old+1.json", "v1", 0, 6))
        .versions(version("tui/legacy/100%.json", "null", 3, 60))
        .delete_markers(
            DeleteMarkerEntry::builder()
                .key("tui/legacy/x/gone.json")
                .version_id("v2")
                .build(),
        )
        .build();
    let files = landed_files(&page, &config(), now());
    let keys: Vec<&str> = files.iter().map(|file| file.key.as_str()).collect();
    assert_eq!(
        keys,
        ["tui/legacy/x/old+1.json", "tui/legacy/100%.json"],
        "this page is not encoded"
    );
    assert_eq!(
        (files[0].etag.as_str(), files[0].sequencer.as_deref()),
        ("d41d8", None)
    );
    assert_eq!(
        (files[0].dataset.as_deref(), files[1].dataset.as_deref()),
        (Some("x"), None)
    );
    assert_eq!(files[0].landed_at, ago(6));
}

#[test]
fn a_version_that_s3s_clock_has_in_the_future_is_found_once_the_clocks_have_caught_up() {
    let ahead = -60;
    let page = ListObjectVersionsOutput::builder()
        .versions(version("tui/legacy/x/ahead.json", "v1", 3, ahead))
        .build();
    assert!(landed_files(&page, &config(), now()).is_empty());
    let later = now() + SignedDuration::from_mins(60 + 6);
    let files = landed_files(&page, &config(), later);
    assert_eq!(files[0].landed_at, ago(ahead));
}

#[tokio::test]
async fn a_left_over_marker_is_dropped_if_it_was_not_put_again() {
    let aws = Aws::default()
        .marked(
            Stage::Ingest,
            "FILE#landing/tui/legacy/gone.json#v1",
            ago(2 * 24 * 60),
        )
        .with(&[
            ("pk", "CURSOR#landing"),
            ("full_pass_started_at", &iso(ago(60))),
        ]);
    let (summary, effects) = aws.effects().await;
    assert_eq!(summary.markers_dropped, 1);
    let shard = marker(Stage::Ingest, "FILE#landing/tui/legacy/gone.json#v1").pk;
    assert_eq!(
        effects,
        [format!("drop {shard} if #at = {}", iso(ago(2 * 24 * 60)))]
    );
}

#[tokio::test]
async fn one_part_that_fails_does_not_stop_the_others_but_fails_the_invocation() {
    let aws = Aws {
        events_fail: true,
        ..Aws::default()
    }
    .open_file("a.json")
    .glue("glue3", "jr_1", JobRunState::Failed, 9);
    let error = aws.handle().await.unwrap_err();
    assert!(
        format!("{error:#}").contains("ThrottlingException"),
        "{error:#}"
    );
    assert!(
        aws.requests()
            .contains(&"start glue1 for reconcile".to_owned())
    );

    let mut aws = Aws {
        queries_fail: true,
        ..Aws::default()
    };
    aws.pages = vec![page(
        vec![version("tui/legacy/x/a.json", "v1", 3, 60)],
        None,
    )];
    let error = aws.handle().await.unwrap_err();
    assert!(format!("{error:#}").contains("OPEN#"), "{error:#}");
    let requests = aws.requests();
    assert!(
        requests.contains(&"put FILE#landing/tui/legacy/x/a.json#v1".to_owned()),
        "{requests:?}"
    );
    assert_eq!(
        requests.last().unwrap(),
        "start glue1 for reconcile",
        "what was taken in is known to be open whatever the markers say"
    );
}

/// A run of stage 1 that was committed before the weekly run was due.
fn waiting_for_the_weekly_run() -> Aws {
    Aws::default()
        .with(&[
            ("pk", "RUN#1#jr_1"),
            ("state", "COMMITTED"),
            ("told_at", "2026-11-19T11:00:00.000Z"),
        ])
        .marked(Stage::Classify, "RUN#1#jr_1", ago(4 * 24 * 60))
}

#[tokio::test]
async fn the_missed_weekly_run_is_not_started_while_the_schedule_is_switched_off() {
    let config = Config {
        classify_schedule: None,
        ..config()
    };
    let aws = waiting_for_the_weekly_run();
    let summary = handler(&config, &aws.clients(), &invocation()).await;
    assert_eq!(summary.unwrap().started, []);
}

#[tokio::test]
async fn the_missed_weekly_run_is_started_once_its_moment_is_half_an_hour_past() {
    let aws = waiting_for_the_weekly_run();
    assert_eq!(aws.effects().await.1, ["start glue2 for reconcile"]);
    let ran = aws
        .clone()
        .with(&[
            ("pk", "RUN#2#jr_2"),
            ("state", "VOID"),
            ("told_at", "2026-11-20T11:20:00.000Z"),
        ])
        .glue("glue2", "jr_2", JobRunState::Failed, 3 * 24 * 60);
    let ran = Aws {
        requests: Arc::default(),
        ..ran
    };
    assert_eq!(
        ran.effects().await.1,
        [""; 0],
        "it came and failed, and that was told"
    );
}

/// Two pages, with a file that has no item on each.
fn two_pages() -> Aws {
    Aws {
        pages: vec![
            page(
                vec![version("tui/legacy/x/a.json", "v1", 3, 60)],
                Some("tui/legacy/x/page 1"),
            ),
            page(vec![version("tui/legacy/x/z.json", "v1", 3, 60)], None),
        ],
        ..Aws::default()
    }
}

#[tokio::test]
async fn whoever_finds_the_cursor_moved_leaves_the_listing_to_who_moved_it() {
    let aws = Aws {
        cursor_is_moved: true,
        ..two_pages()
    };
    let summary = aws.handle().await.unwrap();
    assert_eq!(
        (summary.listed, summary.taken_in, summary.pass_completed),
        (1, 1, false)
    );
    let lists = aws.requests();
    let lists = lists.iter().filter(|request| request.starts_with("list "));
    assert_eq!(lists.count(), 1);
}

#[tokio::test]
async fn no_page_is_begun_when_the_time_is_over_and_all_else_is_done() {
    let aws = two_pages().open_file("a.json");
    let late = Invocation {
        listing_ends: Instant::now(),
        ..invocation()
    };
    let summary = handler(&config(), &aws.clients(), &late).await.unwrap();
    assert_eq!((summary.listed, summary.pass_completed), (0, false));
    assert_eq!(aws.listing(), ["start glue1 for reconcile"]);
}

#[tokio::test]
async fn a_file_that_can_not_be_taken_in_holds_up_neither_its_page_nor_the_pages_behind() {
    let mut aws = Aws {
        put_fails: Some("put FILE#landing/tui/legacy/x/a.json"),
        ..two_pages()
    };
    let neighbour = version("tui/legacy/x/b.json", "v1", 3, 60);
    aws.pages[0].versions.as_mut().unwrap().push(neighbour);
    let error = format!("{:#}", aws.handle().await.unwrap_err());
    assert!(error.contains("tui/legacy/x/a.json#v1"), "{error}");
    let requests = aws.listing();
    let put = "put FILE#landing/tui/legacy/x/b.json#v1".to_owned();
    assert!(requests.contains(&put), "{requests:?}");
    assert_eq!(
        requests[requests.len() - 2..],
        [
            "cursor 1 at \"tui/legacy/x/page 1\" of \"2026-11-23T12:00:00.000Z\", full \"\"",
            "start glue1 for reconcile",
        ]
    );
}

#[tokio::test]
async fn a_pass_that_left_something_out_does_not_count_as_a_full_one() {
    let mut aws = Aws::default()
        .with(&[
            ("pk", "CURSOR#landing"),
            ("pass_started_at", "2026-11-23T11:00:00.000Z"),
            ("full_pass_started_at", "2026-11-23T09:00:00.000Z"),
        ])
        .with_revision(7);
    let cursor = aws.ledger.get_mut("CURSOR#landing").unwrap();
    cursor.insert("has_gaps".to_owned(), AttributeValue::Bool(true));
    let summary = aws.handle().await.unwrap();
    assert!(summary.pass_completed);
    assert_eq!(
        aws.listing().last().unwrap(),
        "cursor 8 at \"\" of \"\", full \"2026-11-23T09:00:00.000Z\""
    );
}

#[tokio::test]
async fn a_listing_that_goes_on_without_saying_where_is_an_error_and_not_the_end() {
    for next in [None, Some("")] {
        let mut aws = two_pages();
        aws.pages[0].next_key_marker = next.map(str::to_owned);
        let error = format!("{:#}", aws.handle().await.unwrap_err());
        assert!(error.contains("does not say where"), "{error}");
        let requests = aws.requests();
        let moved = requests.iter().any(|request| request.starts_with("cursor"));
        assert!(!moved, "{requests:?}");
    }
    let mut aws = two_pages().with(&[
        ("pk", "CURSOR#landing"),
        ("key_marker", "tui/legacy/0"),
        ("version_id_marker", "v9"),
    ]);
    aws.pages[0].next_key_marker = Some("tui/legacy/0".to_owned());
    let error = format!("{:#}", aws.handle().await.unwrap_err());
    assert!(error.contains("goes on where it was"), "{error}");
}

#[tokio::test]
async fn the_age_of_a_pass_is_told() {
    let age = async |aws: Aws| aws.handle().await.unwrap().pass_age_seconds;
    let mut endless = two_pages().with(&[
        ("pk", "CURSOR#landing"),
        ("pass_started_at", "2026-11-22T11:00:00.000Z"),
    ]);
    endless.pages[1] = page(vec![], Some("tui/legacy/page 0"));
    assert_eq!(age(endless).await, 25 * 60 * 60);
    assert_eq!(age(two_pages()).await, 0, "it came to its end");
}

#[tokio::test]
async fn an_untold_run_is_found_however_long_ago_it_ended_and_all_before_it_is_remembered_as_settled()
 {
    let days = |days: i64| days * 24 * 60;
    let aws = Aws::default()
        .glue("glue3", "jr_new", JobRunState::Succeeded, 60)
        .with(&[
            ("pk", "RUN#3#jr_new"),
            ("state", "COMMITTED"),
            ("told_at", "2026-11-23T11:30:00.000Z"),
        ])
        .glue("glue3", "jr_untold", JobRunState::Failed, days(20))
        .with(&[("pk", "RUN#3#jr_untold"), ("state", "VOID")])
        .glue("glue3", "jr_old", JobRunState::Failed, days(40));
    let event = "event from tui-etl.reconcile: glue3 jr_untold FAILED".to_owned();
    let known = |minutes| {
        let mut aws = aws.clone();
        aws.requests = Arc::default();
        aws.with(&[
            ("pk", "CURSOR#runs#3"),
            ("settled_before", &iso(ago(minutes))),
        ])
    };
    let since_then = known(days(30));
    assert_eq!(
        since_then.effects().await.1,
        std::slice::from_ref(&event),
        "the look-back of two days is no limit"
    );
    let requests = since_then.requests();
    let moved = "update CURSOR#runs#3: SET settled_before = :at if \
                 attribute_not_exists(settled_before) OR settled_before < :at";
    assert!(requests.contains(&moved.to_owned()), "{requests:?}");
    assert_eq!(known(days(10)).effects().await.1, [""; 0]);
    // Without a memory, as far back as Glue's goes.
    let (_, effects) = aws.effects().await;
    assert_eq!(effects.len(), 3, "{effects:?}");
    assert_eq!(effects[1], event);
}

#[tokio::test]
async fn open_work_behind_thousands_of_markers_that_lead_to_nothing_is_found() {
    let nothing = |aws: Aws, n: usize| {
        let pk = format!("FILE#landing/tui/legacy/x/{n}.json#v1");
        aws.marked(Stage::Ingest, &pk, ago(60))
    };
    let aws = (0..6_000).fold(Aws::default(), nothing);
    assert_eq!(aws.effects().await.1, [""; 0]);
    // The one whose marker is the last of its shard.
    let last = (0..6_000)
        .map(|n| format!("FILE#landing/tui/legacy/x/{n}.json#v1"))
        .max_by_key(|pk| marker(Stage::Ingest, pk).sk)
        .unwrap();
    let name = last
        .strip_prefix("FILE#landing/tui/legacy/")
        .and_then(|name| name.strip_suffix("#v1"))
        .unwrap();
    let aws = Aws {
        requests: Arc::default(),
        ..aws.open_file(name)
    };
    let (summary, effects) = aws.effects().await;
    assert_eq!(effects, ["start glue1 for reconcile"]);
    assert_eq!(summary.markers, 6_000);
}
