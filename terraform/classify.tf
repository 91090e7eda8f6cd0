# Friday -> Glue 2 splits what Glue 1 committed into legacy and secured.

module "legacy_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.data }

  name                              = local.buckets.legacy
  arn                               = local.bucket_arns.legacy
  kms_key_arn                       = aws_kms_key.data.arn
  force_destroy                     = var.buckets_force_destroy
  policy_documents                  = [data.aws_iam_policy_document.data_bucket["legacy"].json]
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days
  expirations                       = local.classified_expirations
}

module "secured_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.data }

  name                              = local.buckets.secured
  arn                               = local.bucket_arns.secured
  kms_key_arn                       = aws_kms_key.data.arn
  force_destroy                     = var.buckets_force_destroy
  policy_documents                  = [data.aws_iam_policy_document.data_bucket["secured"].json]
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days
  expirations                       = local.classified_expirations
}

locals {
  classified_expirations = var.classified_retention_days == null ? {} : {
    classified = { prefix = var.classified_prefix, days = var.classified_retention_days }
  }
}

data "aws_iam_policy_document" "classify" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.job["classify"].json,
    data.aws_iam_policy_document.data_access["classify"].json,
    data.aws_iam_policy_document.key_use["classify"].json,
  ]

  statement {
    sid       = "ReadRules"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.scripts}/${local.rules_key}"]
  }

  statement {
    # Rules that mask the key of a dataset are refused.
    sid       = "ReadContracts"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.scripts}/${local.contracts_key}"]
  }

  statement {
    sid       = "ReadSaltOfHashes"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.mask_salt_arn]
  }
}

# Without a salt, the few values that a bank account or a birthday can have would be hashed by anyone, and compared.
resource "aws_secretsmanager_secret" "mask_salt" {
  provider = aws.application

  name                    = local.names.mask_salt
  description             = "What Glue 2 puts before a value that it hashes"
  kms_key_id              = aws_kms_key.application.arn
  recovery_window_in_days = var.secret_recovery_window_days
}

resource "aws_secretsmanager_secret_version" "mask_salt" {
  provider = aws.application
  count    = var.mask_salt_version > 0 ? 1 : 0

  secret_id                = aws_secretsmanager_secret.mask_salt.id
  secret_string_wo         = var.mask_salt
  secret_string_wo_version = var.mask_salt_version
}

locals {
  mask_salt_arn = aws_secretsmanager_secret.mask_salt.arn
}

module "classify" {
  source    = "./modules/glue_job"
  providers = { aws = aws.application }

  name             = local.jobs.classify
  role_name        = local.role_names.classify
  description      = "Glue 2: classifies records as legacy or secured"
  glue_version     = var.glue_version
  settings         = var.job_settings.classify
  script_location  = local.script_locations.classify
  library_location = local.library_location
  policy_documents = [data.aws_iam_policy_document.classify.json]

  arguments = merge(local.job_arguments, {
    "--raw_bucket"        = local.buckets.raw
    "--legacy_bucket"     = local.buckets.legacy
    "--secured_bucket"    = local.buckets.secured
    "--classified_prefix" = var.classified_prefix
    "--rules_uri"         = local.rules_uri
    "--contracts_uri"     = local.contracts_uri
    "--salt_secret"       = aws_secretsmanager_secret.mask_salt.name
  }, local.spark_conf_argument)

  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  failure_log_group_arn    = aws_cloudwatch_log_group.job_failures.arn
  event_retry              = local.event_retry
  alarm                    = local.alarm
}

# Schedule rules of EventBridge know UTC only, so that noon would move twice a year. The Scheduler knows time zones.
resource "aws_scheduler_schedule_group" "this" {
  provider = aws.application

  name = local.names.schedule_group
}

resource "aws_scheduler_schedule" "classify" {
  provider = aws.application

  name        = local.names.schedule
  group_name  = aws_scheduler_schedule_group.this.name
  description = "Starts Glue 2 on ${var.classify_schedule.weekday} at ${var.classify_schedule.time}"
  state       = var.classify_schedule.enabled ? "ENABLED" : "DISABLED"

  # cron(minute hour day-of-month month day-of-week year)
  schedule_expression = format(
    "cron(%d %d ? * %s *)",
    tonumber(split(":", var.classify_schedule.time)[1]),
    tonumber(split(":", var.classify_schedule.time)[0]),
    var.classify_schedule.weekday,
  )
  schedule_expression_timezone = var.classify_schedule.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local.arn_prefix}:scheduler:::aws-sdk:glue:startJobRun"
    role_arn = aws_iam_role.schedule.arn

    # The scheduled time stays the same when the start is tried again; the execution id would not.
    # Not jsonencode: it would write the angle brackets as \u003c and \u003e, and the Scheduler would not know them.
    input = replace(replace(jsonencode({
      JobName   = module.classify.name
      Arguments = { "--started_by" = "schedule <aws.scheduler.scheduled-time>" }
    }), "\\u003c", "<"), "\\u003e", ">")

    retry_policy {
      maximum_retry_attempts       = var.schedule_retry.max_attempts
      maximum_event_age_in_seconds = var.schedule_retry.max_age_seconds
    }

    dead_letter_config {
      arn = aws_sqs_queue.events_dlq.arn
    }
  }
}

data "aws_iam_policy_document" "schedule_trust" {
  provider = aws.application

  statement {
    sid     = "SchedulesOfThisGroup"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.application_account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["${local.arn_prefix}:scheduler:${local.application_arn}:schedule-group/${local.names.schedule_group}"]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["schedule"].json]

  statement {
    sid       = "StartGlue2"
    actions   = ["glue:StartJobRun"]
    resources = [local.job_arns.classify]
  }

  statement {
    sid       = "KeepWhatCouldNotBeStarted"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns.events_dlq]
  }
}

resource "aws_iam_role" "schedule" {
  provider = aws.application

  name                 = local.role_names.schedule
  description          = "Role of the schedule ${local.names.schedule}"
  assume_role_policy   = data.aws_iam_policy_document.schedule_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "schedule" {
  provider = aws.application

  name   = "permissions"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.schedule.json
}
