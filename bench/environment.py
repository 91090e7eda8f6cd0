"""The environment of each function: the names from its `environment.txt`, the values from here."""

from __future__ import annotations

from pathlib import Path

#: Variables of all functions. A new one needs a value here; the error says so.
VALUES = {
    "ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:alerts",
    "CLASSIFIED_PREFIX": "tui/legacy/",
    "CLASSIFY_ENABLED": "true",
    "CLASSIFY_JOB": "glue-2-bench",
    "CLASSIFY_TIME": "12:00",
    "CLASSIFY_TIMEZONE": "Europe/Berlin",
    "CLASSIFY_WEEKDAY": "FRI",
    "CONFORM_JOB": "glue-3-bench",
    "ENVIRONMENT": "bench",
    "EVENT_BUS_NAME": "default",
    "INCIDENT_ASSIGNMENT_GROUP": "data platform",
    "INCIDENT_CATEGORY": "software",
    "INCIDENT_IMPACT": "2",
    "INCIDENT_IMPACT_AFTER_COMMIT": "3",
    "INCIDENT_SUBCATEGORY": "pipeline",
    "INCIDENT_URGENCY": "2",
    "INCIDENT_URGENCY_AFTER_COMMIT": "3",
    "INGEST_JOB": "glue-1-bench",
    "JOB": "glue-2-bench",
    "KIND": "glue2",
    "LANDING_BUCKET": "landing",
    "LANDING_PREFIX": "tui/legacy/",
    "LEDGER_TABLE": "ledger",
    "LEGACY_BUCKET": "legacy",
    "LISTING_PAGES": "20",
    "LOOKBACK_HOURS": "72",
    "NOTIFICATION_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:notifications",
    "QUARANTINE_PREFIX": "tui/legacy/quarantine/",
    "RAW_BUCKET": "raw",
    "SECURED_BUCKET": "secured",
    "SERVICENOW_SECRET_ID": "servicenow",
    "STAGING_PREFIX": "tui/legacy/staging/",
    "STATE_BUCKET": "state",
    "TEMP_PREFIX": "tui/legacy/temp/",
}
#: How long a function waits for this or that: in a benchmark everything is old enough.
SECONDS = "300"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def of_aws(url: str) -> dict[str, str]:
    """What any client needs to find the server."""
    return CREDENTIALS | {"AWS_ENDPOINT_URL": url, "PATH": "/usr/bin:/bin"}


def of_function(name: str, url: str, overrides: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a function, as Lambda would set it."""
    names = Path(f"crates/{name}/environment.txt").read_text().split()
    overrides = overrides or {}
    values = {variable: overrides.get(variable) or value_of(name, variable, url) for variable in names}
    runtime = {
        "AWS_LAMBDA_RUNTIME_API": url.removeprefix("http://"),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_GROUP_NAME": name,
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        # As many lines as files are taken in would measure the disk.
        "RUST_LOG": "error",
    }
    return of_aws(url) | runtime | values


def value_of(name: str, variable: str, url: str) -> str:
    """The value of one variable."""
    if variable == "DLQ_URL":
        return f"{url}/000000000000/dlq"
    if variable in VALUES:
        return VALUES[variable]
    if variable.endswith("_SECONDS"):
        return SECONDS
    raise LookupError(f"bench/environment.py has no value for {variable}, which crates/{name}/environment.txt lists")
