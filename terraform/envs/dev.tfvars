environment            = "dev"
region                 = "us-east-1"
data_account_id        = "111111111111"
application_account_id = "222222222222"

# Developers deploy from their own machines, with two profiles of their AWS configuration.
data_profile        = "data"
application_profile = "application"

classify_schedule = {
  weekday  = "FRI"
  time     = "12:00"
  timezone = "Europe/London"
}

# Nobody waits for a run here, so they may take what AWS has to spare.
job_settings = {
  ingest   = { execution_class = "FLEX" }
  classify = { execution_class = "FLEX" }
  conform  = { execution_class = "FLEX" }
}

# Files land by hand here: don't make a developer wait long for a batch.
landing_batch_window_seconds = 20

log_retention_days = 14

# What is in dev can be made again.
buckets_force_destroy       = true
ledger_deletion_protection  = false
secret_recovery_window_days = 0
kms_deletion_window_days    = 7
