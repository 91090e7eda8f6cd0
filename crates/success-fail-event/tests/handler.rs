//! The function against mocked AWS services and a ServiceNow on loopback: who is told, and how often.

// All of this is test code; the exemption in clippy.toml only reaches into test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod desk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::error::NoSuchKey;
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};
use aws_sdk_secretsmanager::types::error::ResourceNotFoundException;
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use desk::Desk;
use pipeline::ledger::Ledger;
use serde_json::{Value, json};
use success_fail_event::service_now::ServiceNow;
use success_fail_event::{Clients, Config, Told, handler};

const STATE: &str = "ft-ingest-dev-use1-tui";
const MAILS: &str = "arn:aws:sns:us-east-1:222222222222:tui-etl-notifications-dev";
const ALERTS: &str = "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev";
const INGEST: &str = "tui-copyprefix-glue1-dev";
const CLASSIFY: &str = "glue-2-dev";

type Item = HashMap<String, AttributeValue>;

/// What there is, and what was done to it.
#[derive(Default)]
struct World {
    runs: HashMap<String, Item>,
    reports: HashMap<String, String>,
    /// The secret's text, one a read; the last one stays.
    secrets: Vec<String>,
    secrets_read: usize,
    /// Topic, subject, body.
    published: Vec<(String, String, String)>,
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

impl World {
    /// One run of stage `stage`, `jr_1`, in this state.
    fn with_run(stage: u8, attributes: &[(&str, &str)]) -> Self {
        let mut world = Self::default();
        let item = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), text(value)))
            .collect();
        world.runs.insert(format!("RUN#{stage}#jr_1"), item);
        world
    }

    fn has(&self, stage: u8, attribute: &str) -> bool {
        self.runs[&format!("RUN#{stage}#jr_1")].contains_key(attribute)
    }

    fn topics(&self) -> Vec<&str> {
        self.published
            .iter()
            .map(|(topic, ..)| topic.as_str())
            .collect()
    }
}

type Shared = Arc<Mutex<World>>;

/// A table that holds to the conditions that this function makes: a missing item is put, only a started
/// run becomes void, `telling_at` and its kin are set once.
fn ledger(world: &Shared) -> Ledger {
    let (reads, puts, updates) = (Arc::clone(world), Arc::clone(world), Arc::clone(world));
    let get = mock!(aws_sdk_dynamodb::Client::get_item).then_compute_output(move |input| {
        assert_eq!(
            input.consistent_read(),
            Some(true),
            "the ledger must be read consistently"
        );
        let pk = input.key().unwrap()["pk"].as_s().unwrap();
        GetItemOutput::builder()
            .set_item(reads.lock().unwrap().runs.get(pk).cloned())
            .build()
    });
    let put = mock!(aws_sdk_dynamodb::Client::put_item).then_compute_output(move |input| {
        assert_eq!(
            input.condition_expression(),
            Some("attribute_not_exists(pk)")
        );
        let item = input.item().unwrap().clone();
        let pk = item["pk"].as_s().unwrap().clone();
        assert!(
            puts.lock().unwrap().runs.insert(pk, item).is_none(),
            "there was one"
        );
        PutItemOutput::builder().build()
    });
    let update = mock!(aws_sdk_dynamodb::Client::update_item).then_compute_response(move |input| {
        let mut world = updates.lock().unwrap();
        let run = world
            .runs
            .get_mut(input.key().unwrap()["pk"].as_s().unwrap())
            .unwrap();
        let words: Vec<_> = input
            .update_expression()
            .unwrap()
            .split_whitespace()
            .collect();
        let condition = input.condition_expression().unwrap();
        if condition == "#state = :started" {
            assert_eq!(run.get("state"), Some(&text("STARTED")), "it was decided");
            let names = input.expression_attribute_names().unwrap();
            let values = input.expression_attribute_values().unwrap();
            for pair in words[1..].chunks(3) {
                let value = &values[pair[2].trim_end_matches(',')];
                run.insert(names[pair[0]].clone(), value.clone());
            }
            return MockResponse::Output(UpdateItemOutput::builder().build());
        }
        let refused = run.contains_key(words[1]) && condition.contains("attribute_not_exists")
            || condition.contains("attribute_not_exists(told_at)") && run.contains_key("told_at");
        if refused {
            let meta = ErrorMetadata::builder()
                .code("ConditionalCheckFailedException")
                .build();
            let refusal = ConditionalCheckFailedException::builder()
                .meta(meta)
                .build();
            return MockResponse::Error(UpdateItemError::ConditionalCheckFailedException(refusal));
        }
        match words[0] {
            "SET" => {
                let value = input.expression_attribute_values().unwrap()[words[3]].clone();
                run.insert(words[1].to_owned(), value);
            }
            "REMOVE" => {
                run.remove(words[1]);
            }
            other => panic!("unexpected {other}"),
        }
        MockResponse::Output(UpdateItemOutput::builder().build())
    });
    Ledger::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&get, &put, &update]),
        "ledger",
    )
}

fn s3(world: &Shared) -> aws_sdk_s3::Client {
    let world = Arc::clone(world);
    let get = mock!(aws_sdk_s3::Client::get_object).then_compute_response(move |input| {
        assert_eq!(input.bucket(), Some(STATE));
        match world.lock().unwrap().reports.get(input.key().unwrap()) {
            Some(text) => MockResponse::Output(
                GetObjectOutput::builder()
                    .body(text.clone().into_bytes().into())
                    .build(),
            ),
            None => MockResponse::Error(GetObjectError::NoSuchKey(NoSuchKey::builder().build())),
        }
    });
    mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&get])
}

fn sns(world: &Shared) -> aws_sdk_sns::Client {
    let world = Arc::clone(world);
    let publish = mock!(aws_sdk_sns::Client::publish).then_compute_output(move |input| {
        let of = |field: Option<&str>| field.unwrap().to_owned();
        world.lock().unwrap().published.push((
            of(input.topic_arn()),
            of(input.subject()),
            of(input.message()),
        ));
        PublishOutput::builder().build()
    });
    mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&publish])
}

fn secrets(world: &Shared) -> aws_sdk_secretsmanager::Client {
    let world = Arc::clone(world);
    let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_compute_response(
        move |input| {
            assert_eq!(input.secret_id(), Some("tui-etl-servicenow-dev"));
            let mut world = world.lock().unwrap();
            world.secrets_read += 1;
            let at = (world.secrets_read - 1).min(world.secrets.len().saturating_sub(1));
            match world.secrets.get(at) {
                Some(secret) => MockResponse::Output(
                    GetSecretValueOutput::builder()
                        .secret_string(secret)
                        .build(),
                ),
                None => MockResponse::Error(GetSecretValueError::ResourceNotFoundException(
                    ResourceNotFoundException::builder().build(),
                )),
            }
        },
    );
    mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&get])
}

fn config() -> Config {
    let values = HashMap::from([
        ("LEDGER_TABLE", "ledger"),
        ("STATE_BUCKET", STATE),
        ("INGEST_JOB", INGEST),
        ("CLASSIFY_JOB", CLASSIFY),
        ("CONFORM_JOB", "tui-etl-glue3-raw-to-confirmed-dev"),
        ("NOTIFICATION_TOPIC_ARN", MAILS),
        ("ALERT_TOPIC_ARN", ALERTS),
        ("SERVICENOW_SECRET_ID", "tui-etl-servicenow-dev"),
        ("ENVIRONMENT", "dev"),
        ("TELLING_LEASE_SECONDS", "300"),
        ("INCIDENT_CATEGORY", "data platform"),
        ("INCIDENT_SUBCATEGORY", ""),
        ("INCIDENT_ASSIGNMENT_GROUP", "ETL operators"),
        ("INCIDENT_URGENCY", "2"),
        ("INCIDENT_IMPACT", "1"),
        ("INCIDENT_URGENCY_AFTER_COMMIT", "3"),
        ("INCIDENT_IMPACT_AFTER_COMMIT", "3"),
    ]);
    Config::from_lookup(|name| values.get(name).map(|value| (*value).to_owned())).unwrap()
}

fn event(job: &str, state: &str) -> Value {
    json!({
        "version": "0",
        "id": "3f0c9a80-6c8b-4b8e-9d1e-1f2d3c4b5a69",
        "detail-type": "Glue Job State Change",
        "source": "aws.glue",
        "account": "222222222222",
        "time": "2025-11-21T11:07:42Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "jobName": job, "severity": "ERROR", "state": state, "jobRunId": "jr_1",
            "message": "IllegalStateException: the books do not balance",
        },
    })
}

fn secret(desk: &Desk, password: &str) -> String {
    json!({"url": desk.url, "username": "etl", "password": password}).to_string()
}

/// The function, ready for events.
struct Function {
    world: Shared,
    clients: Clients,
}

impl Function {
    fn on(world: World) -> Self {
        let world = Arc::new(Mutex::new(world));
        let clients = Clients {
            ledger: ledger(&world),
            s3: s3(&world),
            sns: sns(&world),
            service_now: ServiceNow::new(secrets(&world)).unwrap(),
            region: "us-east-1".to_owned(),
        };
        Self { world, clients }
    }

    /// On a world whose secret leads to `desk`.
    fn at(desk: &Desk, mut world: World) -> Self {
        world.secrets = vec![secret(desk, "first")];
        Self::on(world)
    }

    async fn on_event(&self, event: &Value) -> anyhow::Result<Told> {
        handler(&config(), &self.clients, event).await
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

fn complaint(result: anyhow::Result<Told>) -> String {
    format!("{:#}", result.unwrap_err())
}

const REPORT: &str = "reports/stage=1/run=jr_1.json";

fn committed() -> World {
    let uri = format!("s3://{STATE}/{REPORT}");
    let mut world = World::with_run(
        1,
        &[
            ("state", "COMMITTED"),
            ("started_by", "copy-prefix"),
            ("report", &uri),
        ],
    );
    let report = json!({"run_id": "jr_1", "seconds": 8.25, "datasets": [
        {"dataset": "bookings", "files": 2, "records_in": 12, "records_out": 12},
    ]});
    world.reports.insert(REPORT.to_owned(), report.to_string());
    world
}

#[tokio::test]
async fn a_committed_run_gives_one_mail_with_its_numbers() {
    let function = Function::on(committed());
    assert_eq!(
        function
            .on_event(&event(INGEST, "SUCCEEDED"))
            .await
            .unwrap(),
        Told::Mail
    );
    assert_eq!(
        function
            .on_event(&event(INGEST, "SUCCEEDED"))
            .await
            .unwrap(),
        Told::Nothing
    );
    let world = function.world();
    assert_eq!(world.topics(), [MAILS]);
    let (_, subject, body) = &world.published[0];
    assert_eq!(subject, "[dev] Glue 1 (ingest) OK: 12 rows in 1 dataset");
    assert!(
        body.contains("copy-prefix") && body.contains("bookings"),
        "{body}"
    );
    assert!(world.has(1, "told_at"));
    assert_eq!(
        world.secrets_read, 0,
        "success is none of ServiceNow's business"
    );
}

#[tokio::test]
async fn a_report_that_can_not_be_used_keeps_no_mail() {
    for report in [None, Some("<html>"), Some(r#"{"run_id":"jr_other"}"#)] {
        let mut world = committed();
        world.reports.clear();
        world
            .reports
            .extend(report.map(|text| (REPORT.to_owned(), text.to_owned())));
        let function = Function::on(world);
        assert_eq!(
            function
                .on_event(&event(INGEST, "SUCCEEDED"))
                .await
                .unwrap(),
            Told::Mail
        );
        assert!(
            function.world().published[0]
                .2
                .contains("could not be read"),
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn a_run_that_found_nothing_gives_a_mail_only_in_stage_2() {
    for (stage, job, told, topics) in [
        (1, INGEST, Told::Quietly, &[][..]),
        (2, CLASSIFY, Told::Mail, &[MAILS]),
    ] {
        let function = Function::on(World::with_run(
            stage,
            &[("state", "VOID"), ("reason", "EMPTY")],
        ));
        assert_eq!(
            function.on_event(&event(job, "SUCCEEDED")).await.unwrap(),
            told
        );
        let world = function.world();
        assert_eq!(world.topics(), topics);
        assert!(world.has(stage, "told_at"));
    }
}

#[tokio::test]
async fn a_failed_run_raises_one_incident_and_sends_no_mail() {
    let desk = Desk::empty();
    let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
    let told = function.on_event(&event(INGEST, "FAILED")).await.unwrap();
    assert_eq!(told, Told::Incident("INC0000042".to_owned()));
    assert_eq!(
        function.on_event(&event(INGEST, "FAILED")).await.unwrap(),
        Told::Nothing
    );

    let asked = desk.asked();
    assert_eq!(desk.methods(), ["GET", "POST"]);
    assert_eq!(
        asked[0].target,
        "/api/now/table/incident?sysparm_query=correlation_id%3Dtui-etl-dev-jr_1&sysparm_fields=number&sysparm_limit=1"
    );
    assert_eq!(asked[1].target, "/api/now/table/incident");
    // etl:first
    assert!(
        asked
            .iter()
            .all(|asked| asked.authorization == "Basic ZXRsOmZpcnN0"),
        "{asked:?}"
    );
    let incident: Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(incident["correlation_id"], "tui-etl-dev-jr_1");
    for (field, value) in [
        ("category", json!("data platform")),
        ("subcategory", Value::Null),
        ("assignment_group", json!("ETL operators")),
        ("urgency", json!("2")),
        ("impact", json!("1")),
    ] {
        assert_eq!(incident[field], value, "{field}");
    }
    assert!(incident.get("subcategory").is_none(), "{incident}");
    let description = incident["description"].as_str().unwrap();
    assert!(
        description.contains("the books do not balance"),
        "{description}"
    );

    let world = function.world();
    assert!(world.published.is_empty());
    assert!(world.has(1, "told_at"));
}

#[tokio::test]
async fn an_incident_that_exists_is_not_raised_again() {
    let desk = Desk::open(|_| (200, r#"{"result":[{"number":"INC0000007"}]}"#.to_owned()));
    let function = Function::at(
        &desk,
        World::with_run(1, &[("state", "VOID"), ("reason", "ENDED")]),
    );
    let told = function.on_event(&event(INGEST, "TIMEOUT")).await.unwrap();
    assert_eq!(told, Told::Incident("INC0000007".to_owned()));
    assert_eq!(desk.methods(), ["GET"]);
    assert!(function.world().has(1, "told_at"));
}

#[tokio::test]
async fn a_run_that_is_told_to_have_failed_can_not_commit_any_more() {
    let desk = Desk::empty();
    let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
    let told = function.on_event(&event(INGEST, "TIMEOUT")).await.unwrap();
    assert!(matches!(told, Told::Incident(_)), "{told:?}");
    let world = function.world();
    let run = &world.runs["RUN#1#jr_1"];
    assert_eq!(
        (&run["state"], &run["reason"]),
        (&text("VOID"), &text("ENDED"))
    );
}

#[tokio::test]
async fn whatever_ended_without_a_commit_is_an_incident_and_so_is_a_failure_after_it() {
    let committed = &[("state", "COMMITTED")][..];
    let started = &[("state", "STARTED")][..];
    let void = &[("state", "VOID"), ("reason", "ENDED")][..];
    for (run, state, urgency) in [
        (started, "SUCCEEDED", "2"),
        (void, "SUCCEEDED", "2"),
        (started, "STOPPED", "2"),
        (void, "ERROR", "2"),
        (committed, "FAILED", "3"),
    ] {
        let desk = Desk::empty();
        let function = Function::at(&desk, World::with_run(1, run));
        function.on_event(&event(INGEST, state)).await.unwrap();
        let incident: Value = serde_json::from_str(&desk.asked()[1].body).unwrap();
        assert_eq!(incident["urgency"], urgency, "{run:?} {state}");
        assert!(function.world().published.is_empty(), "{run:?} {state}");
    }
}

#[tokio::test]
async fn a_run_that_never_wrote_its_item_gets_one_and_an_incident() {
    let desk = Desk::empty();
    let function = Function::at(&desk, World::default());
    let told = function.on_event(&event(INGEST, "FAILED")).await.unwrap();
    assert_eq!(told, Told::Incident("INC0000042".to_owned()));
    let world = function.world();
    let run = &world.runs["RUN#1#jr_1"];
    assert_eq!(run["state"], text("VOID"));
    assert_eq!(run["reason"], text("NEVER_STARTED"));
    assert!(run.contains_key("told_at"));
}

#[tokio::test]
async fn states_that_are_no_end_and_other_jobs_are_ignored() {
    let function = Function::on(World::with_run(1, &[("state", "STARTED")]));
    for (job, state) in [
        (INGEST, "RUNNING"),
        (INGEST, "STOPPING"),
        ("somebody-elses-job", "FAILED"),
    ] {
        assert_eq!(
            function.on_event(&event(job, state)).await.unwrap(),
            Told::Nothing
        );
    }
    let world = function.world();
    assert!(world.published.is_empty() && world.secrets_read == 0 && !world.has(1, "telling_at"));
}

#[tokio::test]
async fn a_run_that_somebody_else_tells_is_left_to_them() {
    let desk = Desk::empty();
    let world = World::with_run(
        1,
        &[
            ("state", "STARTED"),
            ("telling_at", "2999-01-01T00:00:00.000Z"),
        ],
    );
    let function = Function::at(&desk, world);
    assert_eq!(
        function.on_event(&event(INGEST, "FAILED")).await.unwrap(),
        Told::Nothing
    );
    assert!(desk.methods().is_empty());
    assert!(!function.world().has(1, "told_at"));
}

#[tokio::test]
async fn an_answer_of_servicenow_is_read_up_to_its_limit_and_no_further() {
    // A good answer, were it not for its length.
    let answer = format!(
        r#"{{"result":[{{"number":"INC0000007"}}]{}}}"#,
        " ".repeat(1 << 20)
    );
    for (status, part) in [
        (200, "longer than 1048576 bytes"),
        (503, "503 Service Unavailable"),
    ] {
        let answer = answer.clone();
        let desk = Desk::open(move |_| (status, answer.clone()));
        let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
        let said = complaint(function.on_event(&event(INGEST, "FAILED")).await);
        assert!(said.contains(part), "{status}: {said}");
        assert_eq!(desk.methods(), ["GET"]);
    }
}

/// What ServiceNow may say instead of a Table API answer.
fn refusals() -> Vec<(u16, &'static str)> {
    vec![
        (200, "<html>Your instance is hibernating</html>"),
        (200, r#"{"unexpected":true}"#),
        (200, r#"{"result":"none"}"#),
        (200, r#"{"result":[{"sys_id":"no number"}]}"#),
        (302, ""),
        (400, "{}"),
        (
            403,
            r#"{"error":{"message":"User Not Authorized"},"status":"failure"}"#,
        ),
        (404, ""),
        (429, "slow down"),
        (500, "<html>"),
        (503, ""),
    ]
}

#[tokio::test]
async fn whatever_servicenow_says_instead_of_an_answer_alerts_once_and_fails_the_invocation() {
    for (status, body) in refusals() {
        let desk = Desk::open(move |_| (status, body.to_owned()));
        let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
        for _ in 0..2 {
            let said = complaint(function.on_event(&event(INGEST, "FAILED")).await);
            assert!(
                said.contains("ServiceNow could not be told"),
                "{status} {body}: {said}"
            );
        }
        assert_eq!(
            desk.methods(),
            ["GET", "GET"],
            "{status} {body}: the lease must not hold up the retry"
        );
        let world = function.world();
        assert_eq!(world.topics(), [ALERTS], "{status} {body}");
        assert!(
            world.published[0].2.contains("tui-etl-dev-jr_1"),
            "the alert has the whole incident"
        );
        assert!(
            world.has(1, "alerted_at") && !world.has(1, "told_at") && !world.has(1, "telling_at")
        );
    }
}

#[tokio::test]
async fn an_incident_whose_creation_is_refused_is_not_counted_as_told() {
    let desk = Desk::open(|asked| match asked.method.as_str() {
        "GET" => (200, r#"{"result":[]}"#.to_owned()),
        _ => (503, "<html>".to_owned()),
    });
    let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
    let said = complaint(function.on_event(&event(INGEST, "FAILED")).await);
    assert!(said.contains("503"), "{said}");
    assert_eq!(desk.methods(), ["GET", "POST"]);
    assert!(!function.world().has(1, "told_at"));
}

/// A committed Glue 2 run that was told, and whose input could not be removed.
fn stuck() -> World {
    World::with_run(
        2,
        &[
            ("state", "COMMITTED"),
            ("told_at", "2025-11-21T11:08:00Z"),
            ("cleaning_error", "manifest of ingest run jr_9 is gone"),
        ],
    )
}

#[tokio::test]
async fn a_clean_up_that_is_stuck_is_one_incident_of_its_own() {
    let desk = Desk::empty();
    let function = Function::at(&desk, stuck());
    let event = event(CLASSIFY, "SUCCEEDED");
    let told = function.on_event(&event).await.unwrap();
    assert_eq!(told, Told::Incident("INC0000042".to_owned()));
    assert_eq!(function.on_event(&event).await.unwrap(), Told::Nothing);
    assert_eq!(desk.methods(), ["GET", "POST"]);
    let body = &desk.asked()[1].body;
    for part in ["tui-etl-dev-jr_1-cleaning", "ingest run jr_9 is gone"] {
        assert!(body.contains(part), "{body}");
    }
    assert!(function.world().has(2, "cleaning_told_at"));
}

#[tokio::test]
async fn a_clean_up_that_is_stuck_alerts_once_while_servicenow_is_away() {
    let desk = Desk::open(|_| (503, String::new()));
    let function = Function::at(&desk, stuck());
    for _ in 0..2 {
        complaint(function.on_event(&event(CLASSIFY, "SUCCEEDED")).await);
    }
    let world = function.world();
    assert_eq!(world.topics(), [ALERTS]);
    assert!(world.has(2, "cleaning_alerted_at") && !world.has(2, "cleaning_told_at"));
    assert!(!world.has(2, "alerted_at") && !world.has(2, "cleaning_telling_at"));
}

#[tokio::test]
async fn when_servicenow_comes_back_the_incident_is_raised() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let desk = Desk::open(move |asked| {
        match (
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            asked.method.as_str(),
        ) {
            (0, _) => (503, String::new()),
            (_, "GET") => (200, r#"{"result":[]}"#.to_owned()),
            _ => (201, r#"{"result":{"number":"INC0000042"}}"#.to_owned()),
        }
    });
    let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
    assert!(function.on_event(&event(INGEST, "FAILED")).await.is_err());
    let told = function.on_event(&event(INGEST, "FAILED")).await.unwrap();
    assert_eq!(told, Told::Incident("INC0000042".to_owned()));
    let world = function.world();
    assert_eq!(world.topics(), [ALERTS]);
    assert!(world.has(1, "told_at"));
}

#[tokio::test]
async fn nobody_listening_and_credentials_that_lead_nowhere_alert_too() {
    let closed = {
        // Bound and closed again: nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        json!({"url": format!("http://{}", listener.local_addr().unwrap()), "username": "u", "password": "p"})
    };
    let nowhere = json!({"url": "tui.service-now.com", "username": "u", "password": "sesame"});
    for (secret, hint) in [
        (
            Some(closed.to_string()),
            "no answer: error sending request for url (http://127.0.0.1:",
        ),
        (Some(nowhere.to_string()), "no http(s) address"),
        (
            Some(r#"{"url":"http://127.0.0.1","password":"sesame"}"#.to_owned()),
            "no JSON with url",
        ),
        (Some("sesame".to_owned()), "no JSON with url"),
        (None, "credentials could not be read"),
    ] {
        let mut world = World::with_run(1, &[("state", "STARTED")]);
        world.secrets = secret.into_iter().collect();
        let function = Function::on(world);
        let said = complaint(function.on_event(&event(INGEST, "FAILED")).await);
        assert!(said.contains(hint), "{hint}: {said}");
        let world = function.world();
        assert_eq!(world.topics(), [ALERTS]);
        assert!(
            !said.contains("sesame") && !world.published[0].2.contains("sesame"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn credentials_are_kept_for_a_while_and_read_again_when_they_are_refused() {
    let desk = Desk::open(
        |asked| match (asked.authorization.as_str(), asked.method.as_str()) {
            // etl:second
            ("Basic ZXRsOnNlY29uZA==", "GET") => {
                (200, r#"{"result":[{"number":"INC2"}]}"#.to_owned())
            }
            ("Basic ZXRsOmZpcnN0", "GET") if asked.target.contains("jr_1&") => {
                (200, r#"{"result":[{"number":"INC1"}]}"#.to_owned())
            }
            _ => (
                401,
                r#"{"error":{"message":"User Not Authenticated"},"status":"failure"}"#.to_owned(),
            ),
        },
    );
    let mut world = World::with_run(1, &[("state", "STARTED")]);
    for run_id in ["jr_2", "jr_3"] {
        world.runs.insert(
            format!("RUN#1#{run_id}"),
            HashMap::from([("state".to_owned(), text("STARTED"))]),
        );
    }
    world.secrets = vec![secret(&desk, "first"), secret(&desk, "second")];
    let function = Function::on(world);
    let of = |run_id: &str| {
        let mut event = event(INGEST, "FAILED");
        event["detail"]["jobRunId"] = json!(run_id);
        event
    };
    // Read at first need; refused for the second run, and read again; good for the third.
    for (run_id, number, reads) in [
        ("jr_1", "INC1", 1),
        ("jr_2", "INC2", 2),
        ("jr_3", "INC2", 2),
    ] {
        let told = function.on_event(&of(run_id)).await.unwrap();
        assert_eq!(told, Told::Incident(number.to_owned()), "{run_id}");
        assert_eq!(function.world().secrets_read, reads, "{run_id}");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_twice_are_a_refusal_with_servicenows_words() {
    let refused = r#"{"error":{"message":"User Not Authenticated"},"status":"failure"}"#;
    let desk = Desk::open(move |_| (401, refused.to_owned()));
    let function = Function::at(&desk, World::with_run(1, &[("state", "STARTED")]));
    let said = complaint(function.on_event(&event(INGEST, "FAILED")).await);
    assert!(
        said.contains("401 Unauthorized: User Not Authenticated"),
        "{said}"
    );
    assert_eq!(function.world().topics(), [ALERTS]);
}

#[tokio::test]
async fn an_event_that_is_no_state_change_is_a_failure() {
    let function = Function::on(World::default());
    assert!(function.on_event(&json!({"detail": {}})).await.is_err());
}
