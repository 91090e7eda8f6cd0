use aws_sdk_sqs::operation::change_message_visibility_batch::ChangeMessageVisibilityBatchOutput;
use aws_sdk_sqs::operation::list_message_move_tasks::ListMessageMoveTasksOutput;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::operation::start_message_move_task::StartMessageMoveTaskOutput;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::json;

use super::*;
use crate::queues::tests::rules;
use crate::settings::Environment;

const BODY: &str = r#"{"Records": [{"s3": {"object": {"key": "tui/legacy/a/1.json"}}}]}"#;

fn message(id: &str) -> Message {
    let reason = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("no\nkey")
        .build();
    Message::builder()
        .message_id(id)
        .receipt_handle(format!("handle of {id}"))
        .attributes(MessageSystemAttributeName::SentTimestamp, "1763722800000")
        .message_attributes("reason", reason.unwrap())
        .body(BODY)
        .build()
}

fn settings() -> Settings {
    Settings::of(Environment::Dev)
}

fn client(more: &[&Rule]) -> Client {
    let [url, depth] = rules();
    let rules: Vec<&Rule> = [&url, &depth]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    mock_client!(aws_sdk_sqs, RuleMode::MatchAny, rules.as_slice())
}

#[tokio::test]
async fn what_is_looked_at_is_put_back_at_once() {
    let receive = mock!(Client::receive_message)
        .sequence()
        .output(|| {
            let messages = vec![message("m-1"), message("m-2")];
            ReceiveMessageOutput::builder()
                .set_messages(Some(messages))
                .build()
        })
        .output(|| ReceiveMessageOutput::builder().build())
        .build();
    let back = mock!(Client::change_message_visibility_batch)
        .match_requests(|request| {
            let entries = request.entries();
            entries.len() == 2
                && entries
                    .iter()
                    .all(|entry| entry.visibility_timeout() == Some(0))
                && entries[1].receipt_handle() == "handle of m-2"
        })
        .then_output(|| {
            ChangeMessageVisibilityBatchOutput::builder()
                .set_successful(Some(vec![]))
                .set_failed(Some(vec![]))
                .build()
                .unwrap()
        });
    let sqs = client(&[&receive, &back]);
    let letters = list(&sqs, &settings(), DeadLetters::Landing, 20)
        .await
        .unwrap();
    assert_eq!(back.num_calls(), 1);
    assert_eq!(letters.queue, "tui-landing-dlq-dev");
    let ids: Vec<&str> = letters
        .shown
        .iter()
        .map(|letter| letter.message_id.as_str())
        .collect();
    assert_eq!(ids, ["m-1", "m-2"]);
    assert_eq!(letters.shown[0].reason.as_deref(), Some("no\nkey"));
    assert_eq!(letters.shown[0].about, "tui/legacy/a/1.json");
}

#[tokio::test]
async fn no_more_is_read_than_is_wanted() {
    let receive = mock!(Client::receive_message).then_output(|| {
        let messages = (0..10).map(|n| message(&n.to_string())).collect();
        ReceiveMessageOutput::builder()
            .set_messages(Some(messages))
            .build()
    });
    let back = mock!(Client::change_message_visibility_batch).then_output(|| {
        ChangeMessageVisibilityBatchOutput::builder()
            .set_successful(Some(vec![]))
            .set_failed(Some(vec![]))
            .build()
            .unwrap()
    });
    let sqs = client(&[&receive, &back]);
    let letters = list(&sqs, &settings(), DeadLetters::Events, 15)
        .await
        .unwrap();
    assert_eq!(
        (receive.num_calls(), back.num_calls(), letters.shown.len()),
        (2, 2, 15)
    );
}

fn task(status: &str, moved: i64) -> ListMessageMoveTasksOutput {
    let entry = ListMessageMoveTasksResultEntry::builder()
        .status(status)
        .approximate_number_of_messages_moved(moved)
        .failure_reason("AWS.SimpleQueueService.AccessDenied")
        .build();
    ListMessageMoveTasksOutput::builder().results(entry).build()
}

fn started() -> Rule {
    mock!(Client::start_message_move_task)
        .match_requests(|request| {
            request
                .source_arn()
                .unwrap()
                .ends_with(":tui-landing-dlq-dev")
                && request
                    .destination_arn()
                    .unwrap()
                    .ends_with(":tui-landing-dev")
        })
        .then_output(|| {
            StartMessageMoveTaskOutput::builder()
                .task_handle("t")
                .build()
        })
}

#[tokio::test]
async fn dead_letters_go_to_the_landing_queue_and_are_followed_there() {
    let start = started();
    let tasks = mock!(Client::list_message_move_tasks)
        .sequence()
        .output(|| task("RUNNING", 3))
        .output(|| task("COMPLETED", 19))
        .build();
    let sqs = client(&[&start, &tasks]);
    let redriven = redrive(&sqs, &settings(), DeadLetters::Landing)
        .await
        .unwrap();
    assert_eq!((redriven.moved, start.num_calls()), (19, 1));
    assert_eq!(
        answer_redrive(&redriven).unwrap().text,
        "19 messages went back to tui-landing-dev"
    );
}

#[tokio::test]
async fn a_moving_that_fails_says_why() {
    let (start, tasks) = (
        started(),
        mock!(Client::list_message_move_tasks).then_output(|| task("FAILED", 2)),
    );
    let sqs = client(&[&start, &tasks]);
    let error = redrive(&sqs, &settings(), DeadLetters::Landing)
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Bad);
    assert!(error.to_string().contains("AccessDenied"), "{error}");
}

#[tokio::test]
async fn events_are_not_put_back() {
    let error = redrive(&client(&[]), &settings(), DeadLetters::Events)
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Refused);
    assert!(error.to_string().contains("tui-events-dlq-dev"), "{error}");
}

#[test]
fn what_a_message_is_about_is_found_in_each_shape() {
    let state = r#"{"detail-type": "Glue Job State Change", "detail": {"jobName": "g", "jobRunId": "jr_1", "state": "FAILED"}}"#;
    for (body, said) in [
        (BODY.to_owned(), "tui/legacy/a/1.json"),
        (state.to_owned(), "Glue Job State Change g jr_1 FAILED"),
        (
            format!(r#"{{"requestPayload": {state}}}"#),
            "Glue Job State Change g jr_1 FAILED",
        ),
        ("not json".to_owned(), "not json"),
        ("[]".to_owned(), ""),
    ] {
        assert_eq!(about(&body), said, "{body}");
    }
}

#[test]
fn an_event_that_a_function_failed_on_says_which_and_why() {
    let event = json!({"detail-type": "Glue Job State Change", "detail": {"jobName": "g", "jobRunId": "jr_1", "state": "FAILED"}});
    let arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-mailer-dev:$LATEST";
    let failed = json!({
        "version": "1.0",
        "timestamp": "2025-11-21T11:00:00.000Z",
        "requestContext": {"requestId": "i", "functionArn": arn, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "&anyhow::Error", "errorMessage": "the ledger\ncan't be read"},
    });
    let mut aged = failed.clone();
    aged["requestContext"]["condition"] = json!("EventAgeExceeded");
    aged.as_object_mut().unwrap().remove("responsePayload");
    let unhanded = |name: &str, value: &str| {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value);
        (name.to_owned(), value.build().unwrap())
    };
    let told = [
        unhanded("TARGET_ARN", arn.trim_end_matches(":$LATEST")),
        unhanded("ERROR_MESSAGE", "not allowed"),
    ];
    for (body, attributes, reason) in [
        (&failed, None, "RetriesExhausted: the ledger can't be read"),
        (&aged, None, "EventAgeExceeded"),
        (&event, Some(told.into()), "not allowed"),
    ] {
        let message = Message::builder()
            .message_id("m")
            .set_message_attributes(attributes)
            .body(body.to_string());
        let letter = read(message.build());
        assert_eq!(letter.function.as_deref(), Some("tui-mailer-dev"), "{body}");
        let letters = Letters {
            queue: "dlq".to_owned(),
            messages: 1,
            shown: vec![letter],
        };
        let told = answer_list(&letters, Timestamp::UNIX_EPOCH).unwrap();
        let text = style::plain(&told.text);
        let wanted = format!("Glue Job State Change g jr_1 FAILED  tui-mailer-dev: {reason}");
        assert!(text.contains(&wanted), "{text}");
        assert!(told.json["shown"][0]["reason"].is_string());
    }
}

#[test]
fn letters_are_told_with_age_and_reason_and_are_bad_news() {
    let letters = Letters {
        queue: "dlq".to_owned(),
        messages: 3,
        shown: vec![read(message("m-1"))],
    };
    let now = "2025-11-21T12:00:00Z".parse().unwrap();
    let told = answer_list(&letters, now).unwrap();
    assert_eq!(told.exit, Exit::Bad);
    let text = style::plain(&told.text);
    assert!(
        text.contains("m-1      1 h  tui/legacy/a/1.json  no key"),
        "{text}"
    );
    assert!(text.ends_with("and 2 more"), "{text}");
    assert_eq!(told.json["shown"][0]["body"], BODY);
}

#[tokio::test]
async fn a_queue_whose_messages_another_reader_holds_is_not_empty() {
    let receive =
        mock!(Client::receive_message).then_output(|| ReceiveMessageOutput::builder().build());
    let sqs = client(&[&receive]);
    let mut letters = list(&sqs, &settings(), DeadLetters::Landing, 20)
        .await
        .unwrap();
    let told = answer_list(&letters, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((told.exit, letters.messages), (Exit::Bad, 20));
    assert!(
        told.text.contains("none of its 20 messages"),
        "{}",
        told.text
    );
    letters.messages = 0;
    let told = answer_list(&letters, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(told.exit, Exit::Fine);
    assert!(told.text.contains("tui-landing-dlq-dev is empty"));
    letters.shown.push(read(message("m-1")));
    let told = answer_list(&letters, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(told.exit, Exit::Bad, "SQS's counts are behind");
}
