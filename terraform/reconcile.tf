# reconcile finds what events missed. It is called at intervals and on each state change, and is missed when it isn't.

data "aws_iam_policy_document" "reconcile" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.data_access["reconcile"].json,
    data.aws_iam_policy_document.key_use["reconcile"].json,
  ]

  statement {
    sid = "ReadAndMendLedger"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "AskForRunsAndHaveJobsLook"
    actions   = ["glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
    resources = values(local.job_arns)
  }

  statement {
    sid       = "TellOfUntoldRuns"
    actions   = ["events:PutEvents"]
    resources = [local.event_bus_arn]

    condition {
      test     = "StringEquals"
      variable = "events:source"
      values   = [local.reconcile_source]
    }
  }
}

locals {
  event_bus_name = "default" # Glue sends its state changes there, and the rules stand there
  event_bus_arn  = "${local.arn_prefix}:events:${local.application_arn}:event-bus/${local.event_bus_name}"
}

module "reconcile" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.reconcile
  role_name        = local.role_names.reconcile
  description      = "Finds what events missed: files, runs, cleaning, tickets"
  package          = "${var.lambda_package_dir}/reconcile.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.reconcile
  policy_documents = [data.aws_iam_policy_document.reconcile.json]

  environment = {
    LEDGER_TABLE      = aws_dynamodb_table.ledger.name
    LANDING_BUCKET    = local.buckets.landing
    LANDING_PREFIX    = var.landing_prefix
    INGEST_JOB        = local.jobs.ingest
    CLASSIFY_JOB      = local.jobs.classify
    CONFORM_JOB       = local.jobs.conform
    CLASSIFY_ENABLED  = tostring(var.classify_schedule.enabled)
    CLASSIFY_WEEKDAY  = var.classify_schedule.weekday
    CLASSIFY_TIME     = var.classify_schedule.time
    CLASSIFY_TIMEZONE = var.classify_schedule.timezone
    EVENT_BUS_NAME    = local.event_bus_name
    LOOKBACK_HOURS    = tostring(var.reconcile_lookback_hours)
    LISTING_PAGES     = tostring(var.reconcile_listing_pages)

    EVENT_GRACE_SECONDS    = tostring(var.reconcile_patience.event_grace_seconds)
    LANDING_GRACE_SECONDS  = tostring(var.reconcile_patience.landing_grace_seconds)
    TELLING_LEASE_SECONDS  = tostring(var.reconcile_patience.telling_lease_seconds)
    SCHEDULE_GRACE_SECONDS = tostring(var.reconcile_patience.schedule_grace_seconds)
    STALE_MARKER_SECONDS   = tostring(var.reconcile_patience.stale_marker_seconds)
    FIRST_PAUSE_SECONDS    = tostring(var.reconcile_patience.first_pause_seconds)
    LONGEST_PAUSE_SECONDS  = tostring(var.reconcile_patience.longest_pause_seconds)
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}

# Without reconcile a lost event stays lost, and nobody would notice.
resource "aws_cloudwatch_metric_alarm" "reconcile_absent" {
  provider = aws.application

  alarm_name        = "${local.functions.reconcile}-absent"
  alarm_description = "${local.functions.reconcile} has not run for ${var.reconcile_absence_intervals} intervals of ${var.reconcile_interval_minutes} minutes: what events miss is no longer found."
  namespace         = "AWS/Lambda"
  metric_name       = "Invocations"
  dimensions        = { FunctionName = local.functions.reconcile }

  statistic           = "Sum"
  period              = var.reconcile_interval_minutes * 60
  evaluation_periods  = var.reconcile_absence_intervals
  datapoints_to_alarm = var.reconcile_absence_intervals
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching" # a function that isn't called has no metric at all

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}

# A file that no event brought is found by the next pass of the listing, so a pass must not take for ever. The function
# writes the number into its log in CloudWatch's embedded metric format (crates/reconcile/src/metric.rs).
resource "aws_cloudwatch_metric_alarm" "listing_pass_age" {
  provider = aws.application

  alarm_name        = "${local.functions.reconcile}-listing"
  alarm_description = "${local.functions.reconcile} has been listing ${local.buckets.landing} for more than ${var.listing_pass_alarm_seconds} seconds and is not through: raise reconcile_listing_pages, or the time-out of reconcile."
  namespace         = "tui-etl"
  metric_name       = "ListingPassAge"
  dimensions        = { FunctionName = local.functions.reconcile }

  statistic           = "Maximum"
  period              = var.reconcile_interval_minutes * 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.listing_pass_alarm_seconds
  treat_missing_data  = "ignore" # that it does not run has an alarm of its own

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}

# Glue refusing a start is no fault, so nothing else would tell that it has gone on for too long.
resource "aws_cloudwatch_metric_alarm" "open_work_age" {
  provider = aws.application
  for_each = {
    ingest   = { stage = "1", seconds = var.open_work_alarm_seconds.ingest }
    classify = { stage = "2", seconds = var.open_work_alarm_seconds.classify }
    conform  = { stage = "3", seconds = var.open_work_alarm_seconds.conform }
  }

  alarm_name        = "${local.jobs[each.key]}-open-work"
  alarm_description = "Work for ${local.jobs[each.key]} has waited for more than ${each.value.seconds} seconds, and no run holds it: see whether Glue refuses to start the job, or whether its runs fail."
  namespace         = "tui-etl"
  metric_name       = "OpenWorkAge"
  dimensions        = { FunctionName = local.functions.reconcile, Stage = each.value.stage }

  statistic           = "Maximum"
  period              = var.reconcile_interval_minutes * 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.seconds
  treat_missing_data  = "ignore" # that reconcile does not run has an alarm of its own

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}
