use super::*;

fn load(
    file: Option<&str>,
    variable: Option<(&str, &str)>,
    sets: &[(&str, &str)],
) -> Result<Settings, SettingsError> {
    let sets: Vec<_> = sets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let lookup = |asked: &str| {
        variable
            .filter(|(name, _)| *name == asked)
            .map(|(_, value)| value.to_owned())
    };
    Settings::load(Environment::Prod, file, lookup, &sets)
}

#[test]
fn an_environment_has_its_own_names() {
    let settings = Settings::of(Environment::Test);
    assert_eq!(settings.landing_bucket, "grp2-landing-test");
    assert_eq!(settings.job(Stage::Classify), "glue-2-test");
    assert_eq!(settings.late_after(Stage::Ingest), 21_600);
}

#[test]
fn what_is_said_nearer_to_the_command_wins() {
    let file = Some(r#"{"state_bucket": "a", "landing_bucket": "a", "ledger_table": "a"}"#);
    let settings = load(
        file,
        Some(("ETL_LANDING_BUCKET", "b")),
        &[("ledger_table", "c")],
    )
    .unwrap();
    assert_eq!(settings.state_bucket, "a");
    assert_eq!(settings.landing_bucket, "b");
    assert_eq!(settings.ledger_table, "c");
    let all = load(
        Some(r#"{"ledger_table": "a"}"#),
        Some(("ETL_LEDGER_TABLE", "b")),
        &[("ledger_table", "c")],
    );
    assert_eq!(all.unwrap().ledger_table, "c");
}

#[test]
fn a_name_that_nothing_has_is_refused_wherever_it_is_said() {
    let error = load(Some(r#"{"bucket": "a"}"#), None, &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the settings file sets \"bucket\""),
        "{error}"
    );
    let error = load(None, None, &[("bucket", "a")]).unwrap_err();
    assert!(error.to_string().contains("landing_bucket"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_where_it_was_said() {
    for (name, value) in [
        ("ingest_late_seconds", "soon"),
        ("ingest_late_seconds", "0"),
        ("state_bucket", ""),
        ("landing_prefix", "tui"),
    ] {
        let error = load(None, None, &[(name, value)]).unwrap_err().to_string();
        assert!(
            error.contains("--set") && error.contains(name) && error.contains(value),
            "{error}"
        );
    }
    assert!(matches!(
        load(Some("[]"), None, &[]),
        Err(SettingsError::File(_))
    ));
    assert_eq!(
        load(Some(r#"{"ingest_late_seconds": 5}"#), None, &[])
            .unwrap()
            .ingest_late_seconds,
        5
    );
}
