use aws_sdk_athena::operation::get_query_execution::GetQueryExecutionOutput;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::operation::start_query_execution::{
    StartQueryExecutionError, StartQueryExecutionOutput,
};
use aws_sdk_athena::types::error::InvalidRequestException;
use aws_sdk_athena::types::{
    ColumnInfo, Datum, QueryExecutionStatistics, QueryExecutionStatus, ResultSetMetadata,
};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;
use crate::settings::Environment;

fn args(rows: usize) -> QueryArgs {
    QueryArgs {
        sql: "SELECT a, b FROM t".to_owned(),
        database: Some("tui_legacy_dev".to_owned()),
        workgroup: None,
        rows,
    }
}

fn row(values: &[Option<&str>]) -> Row {
    let data = values.iter().map(|value| {
        Datum::builder()
            .set_var_char_value(value.map(str::to_owned))
            .build()
    });
    Row::builder().set_data(Some(data.collect())).build()
}

fn result(rows: Vec<Row>) -> ResultSet {
    let column = |name: &str| {
        ColumnInfo::builder()
            .name(name)
            .r#type("varchar")
            .build()
            .unwrap()
    };
    let columns = ResultSetMetadata::builder()
        .column_info(column("a"))
        .column_info(column("b"))
        .build();
    ResultSet::builder()
        .set_rows(Some(rows))
        .result_set_metadata(columns)
        .build()
}

fn started() -> Rule {
    mock!(Client::start_query_execution)
        .match_requests(|request| {
            let context = request.query_execution_context();
            request.work_group() == Some("tui-etl-dev")
                && request.query_string() == Some("SELECT a, b FROM t")
                && context.and_then(|context| context.database()) == Some("tui_legacy_dev")
        })
        .then_output(|| {
            StartQueryExecutionOutput::builder()
                .query_execution_id("q-1")
                .build()
        })
}

fn execution(state: QueryExecutionState) -> GetQueryExecutionOutput {
    let status = QueryExecutionStatus::builder()
        .state(state)
        .state_change_reason("line 1:8: Column 'a' cannot be resolved")
        .build();
    let told = QueryExecutionStatistics::builder()
        .data_scanned_in_bytes(2048)
        .build();
    let execution = QueryExecution::builder()
        .status(status)
        .statistics(told)
        .build();
    GetQueryExecutionOutput::builder()
        .query_execution(execution)
        .build()
}

#[tokio::test]
async fn a_query_is_waited_for_and_its_pages_are_read_without_the_heading() {
    let state = mock!(Client::get_query_execution)
        .sequence()
        .output(|| execution(QueryExecutionState::Queued))
        .output(|| execution(QueryExecutionState::Running))
        .output(|| execution(QueryExecutionState::Succeeded))
        .build();
    let pages = mock!(Client::get_query_results)
        .sequence()
        .output(|| {
            let rows = vec![row(&[Some("a"), Some("b")]), row(&[Some("1"), None])];
            GetQueryResultsOutput::builder()
                .result_set(result(rows))
                .next_token("n")
                .build()
        })
        // A row that looks like the heading is one, on any other page.
        .output(|| {
            let rows = vec![row(&[Some("a"), Some("b")])];
            GetQueryResultsOutput::builder()
                .result_set(result(rows))
                .build()
        })
        .build();
    let athena = mock_client!(
        aws_sdk_athena,
        RuleMode::MatchAny,
        [&started(), &state, &pages]
    );
    let settings = Settings::of(Environment::Dev);
    let found = ask(&athena, &settings, &args(10)).await.unwrap();
    assert_eq!(
        found.rows,
        [
            vec![Some("1".to_owned()), None],
            vec![Some("a".to_owned()), Some("b".to_owned())],
        ]
    );
    assert_eq!((found.more, found.scanned_bytes), (false, 2048));
    assert_eq!(state.num_calls(), 3);
}

#[tokio::test]
async fn no_more_rows_are_read_than_were_asked_for() {
    let state = mock!(Client::get_query_execution)
        .then_output(|| execution(QueryExecutionState::Succeeded));
    let pages = mock!(Client::get_query_results).then_output(|| {
        let rows = (0..4).map(|n| row(&[Some(&n.to_string()), None])).collect();
        GetQueryResultsOutput::builder()
            .result_set(result(rows))
            .next_token("n")
            .build()
    });
    let athena = mock_client!(
        aws_sdk_athena,
        RuleMode::MatchAny,
        [&started(), &state, &pages]
    );
    let found = ask(&athena, &Settings::of(Environment::Dev), &args(6))
        .await
        .unwrap();
    assert_eq!((found.rows.len(), found.more), (6, true));
    assert_eq!(pages.num_calls(), 2);
}

#[tokio::test]
async fn what_athena_says_of_a_failed_query_is_said() {
    let state =
        mock!(Client::get_query_execution).then_output(|| execution(QueryExecutionState::Failed));
    let athena = mock_client!(aws_sdk_athena, RuleMode::MatchAny, [&started(), &state]);
    let error = ask(&athena, &Settings::of(Environment::Dev), &args(1))
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Bad);
    assert_eq!(
        error.to_string(),
        "the query q-1 failed: line 1:8: Column 'a' cannot be resolved"
    );
}

#[tokio::test]
async fn what_athena_says_of_a_query_that_it_does_not_take_is_said() {
    let refused = mock!(Client::start_query_execution).then_error(|| {
        let meta = aws_smithy_types::error::ErrorMetadata::builder()
            .code("InvalidRequestException")
            .message("queryString must not be empty")
            .build();
        let error = InvalidRequestException::builder().meta(meta).build();
        StartQueryExecutionError::InvalidRequestException(error)
    });
    let athena = mock_client!(aws_sdk_athena, [&refused]);
    let error = ask(&athena, &Settings::of(Environment::Dev), &args(1))
        .await
        .unwrap_err();
    assert_eq!(Stop::exit_of(&error), Exit::Bad);
    assert!(
        error.to_string().ends_with("queryString must not be empty"),
        "{error}"
    );
}

#[test]
fn a_result_is_a_table_for_people_and_values_for_scripts() {
    let found = Found {
        columns: vec![
            ("a".to_owned(), "varchar".to_owned()),
            ("b".to_owned(), "integer".to_owned()),
        ],
        rows: vec![vec![Some("x".to_owned()), None]],
        more: false,
        scanned_bytes: 2048,
        query_id: "q-1".to_owned(),
    };
    let told = answer(&found).unwrap();
    assert_eq!(
        style::plain(&told.text),
        "a  b\nx  NULL\n\n1 row, 2.0 KiB read"
    );
    assert_eq!(told.json["columns"][1]["type"], "integer");
    assert_eq!(told.json["rows"][0], serde_json::json!(["x", null]));
}

#[test]
fn a_value_is_one_line_of_a_table_whatever_it_holds() {
    let found = Found {
        columns: vec![("na\nme".to_owned(), "varchar".to_owned())],
        rows: vec![vec![Some("a\r\nb\u{1b}[31m".to_owned())]],
        ..Found::default()
    };
    let text = style::plain(&render(&found));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines[..2], [r"na\nme", r"a\r\nb\u{1b}[31m"]);
}
