# What a plan refuses: values that would fail on AWS, or do harm there. A plan takes seconds, so that each run offers
# many at once; all the variables named at its end must object, and a variable with several rules is in several runs.

provider "aws" {
  alias                       = "data"
  region                      = "us-east-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "application"
  region                      = "us-east-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  environment            = "dev"
  data_account_id        = "111111111111"
  application_account_id = "222222222222"
  lambda_package_dir     = "tests/packages"
  glue_package_dir       = "tests/packages"
  servicenow_credentials = {
    url      = "https://example.service-now.com"
    username = "pipeline"
    password = "not a real one"
  }
}

run "first_round" {
  command = plan

  variables {
    # a region that is none
    region = "Frankfurt"

    # a partition that is none
    partition = "azure"

    # an application account with letters
    application_account_id = "22222222222x"

    # deploy roles that are none
    data_deploy_role_arn        = "deploy"
    application_deploy_role_arn = "deploy"
    permissions_boundary_arn    = "boundary"

    # a batch of more than ten without a window
    landing_batch_size           = 11
    landing_batch_window_seconds = 0

    # a poller that is alone
    landing_max_concurrency = 1

    # few deliveries
    landing_max_receive_count = 4

    # dead letters that die first
    queue_retention_days = { landing = 14, dead_letter = 14 }

    # an architecture that is none
    lambda_architecture = "arm"
    log_level           = "verbose"

    # retries beyond what aws does
    event_retry    = { target_max_attempts = 186, target_max_age_seconds = 59, lambda_max_attempts = 3, lambda_max_age_seconds = 59 }
    schedule_retry = { max_attempts = 186, max_age_seconds = 59 }

    # an old glue
    glue_version = "4.0"

    # a job of one worker
    job_settings = { ingest = { workers = 1 } }

    # a run without files
    ingest_max_files = 0

    # a spark setting with a blank
    spark_conf = { "spark.app.name" = "a b" }

    # a weekday that is none
    classify_schedule = { weekday = "Friday" }

    # a reconcile that sleeps
    reconcile_interval_minutes = 61
    reconcile_lookback_hours   = 0
    reconcile_listing_pages    = 0

    # a bucket name that is none
    bucket_names = { raw = "Raw_{env}" }

    # names that are too long for their roles
    function_names = { reconcile = "reconcile-0123456789-0123456789-0123456789-0123456789-{env}-xy" }
    job_names      = { ingest = "a b" }

    # other names that are none
    queue_names    = { landing = "a.fifo" }
    topic_names    = { alerts = "a b" }
    database_names = { legacy = "tui-legacy" }

    quarantine_database_name = "tui-quarantine"
    versions_database_name   = "tui-versions"

    # a table of another bucket
    table_optimizers = { "raw.bookings" = ["compaction"] }

    names = { ledger = "" }

    # prefixes without a slash
    landing_prefix    = "tui/legacy"
    classified_prefix = "/tui/"
    raw_prefixes      = { temp = "tmp" }

    # lifetimes that lose work
    staging_retention_days            = 0
    temp_retention_days               = 29
    quarantine_retention_days         = 6
    landing_retention_days            = 29
    classified_retention_days         = 1
    noncurrent_version_retention_days = 6
    aborted_upload_retention_days     = 0
    athena_results_retention_days     = 0

    # a prod that can be wiped
    environment                = "prod"
    buckets_force_destroy      = true
    ledger_deletion_protection = false

    # a retention that cloudwatch does not know
    log_retention_days          = 31
    kms_deletion_window_days    = 6
    secret_recovery_window_days = 3

    # addresses that are none
    notification_emails = ["etl at example.com"]
    alert_emails        = ["@"]

    # credentials for plain http
    servicenow_credentials = { url = "http://example.service-now.com", username = "u", password = "p" }

    # alarms out of bounds
    alarm_period_seconds           = 90
    landing_age_alarm_seconds      = 60
    reconcile_absence_intervals    = 1
    servicenow_credentials_version = 0

    # a salt that could be guessed, and half a version
    mask_salt         = "salt"
    mask_salt_version = 0.5

    # readers that are none
    legacy_reader_principal_arns  = ["analyst"]
    secured_reader_principal_arns = ["*"]
    reingest_principal_arns       = ["me"]
    rollback_principal_arns       = ["me"]
    reader_session_hours          = 13
    operator_principal_arns       = ["operator"]
    operator_session_hours        = 0
    athena_scan_limit_mb          = 9
  }

  expect_failures = [
    var.region,
    var.partition,
    var.application_account_id,
    var.data_deploy_role_arn,
    var.application_deploy_role_arn,
    var.permissions_boundary_arn,
    var.landing_batch_window_seconds,
    var.landing_max_concurrency,
    var.landing_max_receive_count,
    var.queue_retention_days,
    var.lambda_architecture,
    var.log_level,
    var.event_retry,
    var.schedule_retry,
    var.glue_version,
    var.job_settings,
    var.ingest_max_files,
    var.spark_conf,
    var.classify_schedule,
    var.reconcile_interval_minutes,
    var.reconcile_lookback_hours,
    var.reconcile_listing_pages,
    var.bucket_names,
    var.function_names,
    var.job_names,
    var.queue_names,
    var.topic_names,
    var.database_names,
    var.quarantine_database_name,
    var.versions_database_name,
    var.table_optimizers,
    var.names,
    var.landing_prefix,
    var.classified_prefix,
    var.raw_prefixes,
    var.staging_retention_days,
    var.temp_retention_days,
    var.quarantine_retention_days,
    var.landing_retention_days,
    var.classified_retention_days,
    var.noncurrent_version_retention_days,
    var.aborted_upload_retention_days,
    var.athena_results_retention_days,
    var.buckets_force_destroy,
    var.ledger_deletion_protection,
    var.log_retention_days,
    var.kms_deletion_window_days,
    var.secret_recovery_window_days,
    var.notification_emails,
    var.alert_emails,
    var.servicenow_credentials,
    var.alarm_period_seconds,
    var.landing_age_alarm_seconds,
    var.reconcile_absence_intervals,
    var.servicenow_credentials_version,
    var.mask_salt,
    var.mask_salt_version,
    var.legacy_reader_principal_arns,
    var.secured_reader_principal_arns,
    var.reingest_principal_arns,
    var.rollback_principal_arns,
    var.reader_session_hours,
    var.operator_principal_arns,
    var.operator_session_hours,
    var.athena_scan_limit_mb,
  ]
}

run "second_round" {
  command = plan

  variables {
    # one account for both
    application_account_id = "111111111111"

    # a window of more than five minutes
    landing_batch_window_seconds = 301

    # a job on a python shell worker
    job_settings = { ingest = { worker_type = "Standard" } }

    # a time that is none
    classify_schedule = { time = "24:00" }

    # two buckets of one name
    bucket_names = { raw = "grp2-landing-{env}" }

    # temp below staging
    raw_prefixes = { temp = "tui/legacy/staging/temp/" }

    # credentials with a path
    servicenow_credentials = { url = "https://example.service-now.com/api", username = "u", password = "p" }
  }

  expect_failures = [
    var.application_account_id,
    var.landing_batch_window_seconds,
    var.job_settings,
    var.classify_schedule,
    var.bucket_names,
    var.raw_prefixes,
    var.servicenow_credentials,
  ]
}

run "third_round" {
  command = plan

  variables {
    # a visibility timeout that is too short
    landing_visibility_timeout_seconds = 419
    landing_batch_window_seconds       = 60

    # a job without a timeout
    job_settings = { ingest = { timeout_minutes = 0 } }

    # what Glue does not do for a table
    table_optimizers = { "legacy.bookings" = ["sorting"] }

    # a time zone that is an offset
    classify_schedule = { timezone = "+01:00" }

    # no wait at all
    reconcile_patience = { event_grace_seconds = 0 }
  }

  expect_failures = [
    var.landing_visibility_timeout_seconds,
    var.job_settings,
    var.table_optimizers,
    var.classify_schedule,
    var.reconcile_patience,
  ]
}

# Further rules about the same variable, each broken alone.
run "a_file_taken_in_while_its_event_is_gathered" {
  command = plan

  variables {
    landing_batch_window_seconds = 60
    reconcile_patience           = { landing_grace_seconds = 60 }
  }

  expect_failures = [var.reconcile_patience]
}

run "a_marker_that_is_stale_while_its_intake_lives" {
  command = plan

  variables {
    function_settings  = { support_trigger = { timeout_seconds = 100 } }
    reconcile_patience = { stale_marker_seconds = 240 }
  }

  expect_failures = [var.reconcile_patience]
}

run "a_marker_that_is_stale_while_copy_prefix_lives" {
  command = plan

  variables {
    function_settings  = { copy_prefix = { timeout_seconds = 300 }, support_trigger = { timeout_seconds = 100 } }
    reconcile_patience = { stale_marker_seconds = 300 }
  }

  expect_failures = [var.reconcile_patience]
}

run "a_marker_that_is_stale_while_support_trigger_lives" {
  command = plan

  variables {
    reconcile_patience = { stale_marker_seconds = 300 }
  }

  expect_failures = [var.reconcile_patience]
}

run "pauses_that_get_shorter" {
  command = plan

  variables {
    reconcile_patience = { first_pause_seconds = 10, longest_pause_seconds = 9 }
  }

  expect_failures = [var.reconcile_patience]
}

run "fourth_round" {
  command = plan

  variables {
    # two runs that write tables
    job_settings = { conform = { max_concurrent_runs = 2 } }
  }

  expect_failures = [
    var.job_settings,
  ]
}

run "fifth_round" {
  command = plan

  variables {
    # These are what the rules of others are measured by, and so silence them.
    # an environment that is none
    environment = "staging"

    # a data account without twelve digits
    data_account_id = "11111111111"

    # a batch that is too large
    landing_batch_size = 10001

    # a function that never ends
    function_settings = { reconcile = { timeout_seconds = 901 } }
  }

  expect_failures = [
    var.environment,
    var.data_account_id,
    var.landing_batch_size,
    var.function_settings,
  ]
}

run "sixth_round" {
  command = plan

  variables {
    # These are what the rules of others are measured by, and so silence them.
    # an empty batch
    landing_batch_size = 0

    # a function without memory
    function_settings = { reconcile = { memory_mb = 64 } }
  }

  expect_failures = [
    var.landing_batch_size,
    var.function_settings,
  ]
}

run "maintenance_with_half_a_file" {
  command = plan

  variables {
    maintenance = { manifests = 1.5 }
  }

  expect_failures = [var.maintenance]
}

run "maintenance_that_makes_one_file_of_one" {
  command = plan

  variables {
    maintenance = { small_files = 1 }
  }

  expect_failures = [var.maintenance]
}

run "maintenance_that_removes_what_is_being_written" {
  command = plan

  variables {
    maintenance = { orphan_days = 2 }
  }

  expect_failures = [var.maintenance]
}

run "maintenance_without_an_end" {
  command = plan

  variables {
    maintenance = { budget_minutes = 240 }
  }

  expect_failures = [var.maintenance]
}

run "outside_dev_readers_and_operators_are_named" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [
    var.legacy_reader_principal_arns,
    var.secured_reader_principal_arns,
    var.operator_principal_arns,
    var.reingest_principal_arns,
    var.rollback_principal_arns,
  ]
}

run "outside_dev_no_account_as_a_whole_reads_or_operates" {
  command = plan

  variables {
    environment                   = "prod"
    legacy_reader_principal_arns  = ["arn:aws:iam::222222222222:role/analyst", "arn:aws:iam::222222222222:root"]
    secured_reader_principal_arns = ["arn:aws:iam::222222222222:root"]
    operator_principal_arns       = ["arn:aws:iam::222222222222:root"]
    reingest_principal_arns       = ["arn:aws:iam::222222222222:root"]
    rollback_principal_arns       = ["arn:aws:iam::222222222222:root"]

    # secured tables around the legacy ones
    conformed_legacy_prefix  = "tables/legacy/"
    conformed_secured_prefix = "tables/"

    # an incident without a category
    servicenow_incident = { category = " " }
  }

  expect_failures = [
    var.legacy_reader_principal_arns,
    var.secured_reader_principal_arns,
    var.operator_principal_arns,
    var.reingest_principal_arns,
    var.rollback_principal_arns,
    var.conformed_secured_prefix,
    var.servicenow_incident,
  ]
}

run "secured_tables_are_in_no_datasets_folder" {
  command = plan

  variables {
    conformed_secured_prefix = "legacy/private/"

    servicenow_incident            = { urgency = 4 }
    landing_receive_wait_seconds   = 21
    listing_pass_alarm_seconds     = 60
    athena_results_noncurrent_days = 0
  }

  expect_failures = [
    var.conformed_secured_prefix,
    var.servicenow_incident,
    var.landing_receive_wait_seconds,
    var.listing_pass_alarm_seconds,
    var.athena_results_noncurrent_days,
  ]
}

# The rules of the second prefix are measured by the first, so that each has a run.
run "the_legacy_prefix_holds_no_wildcard" {
  command = plan

  variables {
    conformed_legacy_prefix = "legacy*/"
  }

  expect_failures = [var.conformed_legacy_prefix]
}

run "the_secured_prefix_holds_no_wildcard" {
  command = plan

  variables {
    conformed_secured_prefix = "secured?/"
  }

  expect_failures = [var.conformed_secured_prefix]
}

run "a_project_of_gitlab_is_named_in_full" {
  command = plan

  variables {
    gitlab = { project = "group/*" }
  }

  expect_failures = [var.gitlab]
}

run "claims_of_gitlab_are_named_in_full" {
  command = plan

  variables {
    gitlab = { project = "group/tui-etl", claims = "deployment_tier:*" }
  }

  expect_failures = [var.gitlab]
}

run "a_branch_of_gitlab_is_named_in_full" {
  command = plan

  variables {
    gitlab = { project = "group/tui-etl", branch = "*" }
  }

  expect_failures = [var.gitlab]
}

# What YAML means to Terraform, and that a plan refuses what other readers take otherwise.
# glue/tests/test_contract_yaml.py holds the checks of `make test` to the same file.
run "scalars_mean_what_the_tests_take_them_for" {
  command = plan

  assert {
    condition = length(local.contract_entries) > 0 && alltrue([for group in jsondecode(file("tests/yaml_scalars.json")) :
      alltrue([for written, meant in group : jsonencode(yamldecode("[ ${written} ]")) == jsonencode([meant])])
    ])
    error_message = "Terraform reads a scalar of yaml_scalars.json as something else."
  }

  assert {
    condition = alltrue([for group, scalars in jsondecode(file("tests/yaml_scalars.json")) : alltrue([for written in keys(scalars) :
      (can(regex(local.no_text, written)) && !can(regex(local.as_in_json, written))) == (group == "to be quoted")
    ])])
    error_message = "A plan must refuse the same scalars as the tests."
  }
}

run "names_and_values_in_quotes_are_what_they_look_like" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/quoted"
  }

  assert {
    condition     = keys(jsondecode(aws_s3_object.contracts.content).datasets.bookings.fields) == ["at", "n", "price", "y"]
    error_message = "A name in quotes must stay what it is."
  }
}

run "a_name_that_would_become_false_is_refused" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/key"
  }

  expect_failures = [aws_s3_object.contracts]
}

run "values_that_would_become_true_are_refused" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/value"
  }

  expect_failures = [aws_s3_object.contracts]
}
