environment            = "test"
region                 = "us-east-1"
data_account_id        = "333333333333"
application_account_id = "444444444444"

# The profiles that a job of the pipeline makes for itself (scripts/ci/aws.sh), and an administrator has.
data_profile        = "data"
application_profile = "application"

classify_schedule = {
  weekday  = "FRI"
  time     = "12:00"
  timezone = "Europe/London"
}

# A release waits for no Friday here: runs may take what AWS has to spare.
job_settings = {
  ingest   = { execution_class = "FLEX" }
  classify = { execution_class = "FLEX" }
  conform  = { execution_class = "FLEX" }
}

log_retention_days          = 30
ledger_deletion_protection  = false
secret_recovery_window_days = 7

# Who may take the readers' roles. Placeholders, like the accounts: AWS refuses a principal that does not exist.
legacy_reader_principal_arns  = ["arn:aws:iam::444444444444:role/tui-analyst"]
secured_reader_principal_arns = ["arn:aws:iam::444444444444:role/tui-secured-analyst"]

# Who may take the operator's role.
operator_principal_arns = ["arn:aws:iam::444444444444:role/tui-operator"]
reingest_principal_arns = ["arn:aws:iam::444444444444:role/tui-data-engineer"]
rollback_principal_arns = ["arn:aws:iam::444444444444:role/tui-data-engineer"]
