use super::*;

#[test]
fn the_table_is_below_the_instance_whatever_its_url_ends_with() {
    for base in [
        "https://tui.service-now.com",
        "https://tui.service-now.com/",
        "https://tui.service-now.com/?login=1#top",
        "https://etl:sesame@tui.service-now.com",
    ] {
        assert_eq!(
            table(base).unwrap().as_str(),
            "https://tui.service-now.com/api/now/table/incident"
        );
    }
    assert_eq!(
        table("http://127.0.0.1:4567/snow/").unwrap().as_str(),
        "http://127.0.0.1:4567/snow/api/now/table/incident"
    );
}

#[test]
fn a_url_that_leads_nowhere_is_a_fault_of_the_credentials() {
    for base in [
        "",
        "tui.service-now.com",
        "ftp://host/",
        "mailto:desk@tui",
        "https://",
    ] {
        assert!(
            matches!(table(base), Err(Unreachable::Credentials(_))),
            "{base}"
        );
    }
}

#[test]
fn tls_can_be_set_up_without_anything_of_the_system() {
    assert!(tls().is_ok());
}

#[test]
fn servicenows_words_are_passed_on_and_cut() {
    let body = serde_json::json!({"error": {"message": "é".repeat(300)}});
    assert_eq!(explanation(Some(&body)).chars().count(), 202);
    assert_eq!(explanation(None), "");
}
