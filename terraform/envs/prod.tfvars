environment            = "prod"
region                 = "us-east-1"
data_account_id        = "555555555555"
application_account_id = "666666666666"

# The profiles that a job of the pipeline makes for itself (scripts/ci/aws.sh), and an administrator has.
data_profile        = "data"
application_profile = "application"

classify_schedule = {
  weekday  = "FRI"
  time     = "12:00"
  timezone = "Europe/London"
}

landing_max_concurrency = 10
log_retention_days      = 365

# The most that a run may have; what is small takes fewer.
job_settings = {
  ingest   = { workers = 5 }
  classify = { workers = 10 }
  conform  = { workers = 10, timeout_minutes = 480 }
}

noncurrent_version_retention_days = 90
quarantine_retention_days         = 365
secret_recovery_window_days       = 30

# Who may take the readers' roles. Placeholders, like the accounts: AWS refuses a principal that does not exist.
legacy_reader_principal_arns  = ["arn:aws:iam::666666666666:role/tui-analyst"]
secured_reader_principal_arns = ["arn:aws:iam::666666666666:role/tui-secured-analyst"]

# Who may take the operator's role.
operator_principal_arns = ["arn:aws:iam::666666666666:role/tui-operator"]
reingest_principal_arns = ["arn:aws:iam::666666666666:role/tui-data-engineer"]
rollback_principal_arns = ["arn:aws:iam::666666666666:role/tui-data-engineer"]
