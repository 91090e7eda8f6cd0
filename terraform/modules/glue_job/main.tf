# A Glue job with what belongs to it: role, log groups, and an alarm when a run fails.

locals {
  # Glue 5 appends /output and /error itself.
  log_group_prefix = "/aws-glue/jobs/${var.name}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "GlueRunsAsThisRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  description          = "Role of the Glue job ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = var.policy_documents

  statement {
    sid       = "WriteOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for stream in ["output", "error"] : "${var.log_group_arn_prefix}:${local.log_group_prefix}/${stream}:*"]
  }

  statement {
    sid       = "PublishJobMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # metrics have no ARN; the namespace is the limit

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["output", "error"])

  name              = "${local.log_group_prefix}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_key_arn
}

resource "aws_glue_job" "this" {
  name        = var.name
  description = var.description
  role_arn    = aws_iam_role.this.arn

  glue_version      = var.glue_version
  worker_type       = var.settings.worker_type
  number_of_workers = var.settings.workers
  execution_class   = var.settings.execution_class
  timeout           = var.settings.timeout_minutes

  # A retry is a second run under the same id: it would meet its own item in the ledger. The next run
  # takes the work instead.
  max_retries = 0

  execution_property {
    max_concurrent_runs = var.settings.max_concurrent_runs
  }

  command {
    name            = "glueetl"
    python_version  = "3"
    script_location = var.script_location
  }

  default_arguments = merge({
    "--extra-py-files"                   = var.library_location
    "--job-language"                     = "python"
    "--enable-metrics"                   = "true"
    "--enable-observability-metrics"     = "true"
    "--enable-continuous-cloudwatch-log" = "true"
    "--custom-logGroup-prefix"           = local.log_group_prefix
  }, var.settings.auto_scaling ? { "--enable-auto-scaling" = "true" } : {}, var.arguments)

  depends_on = [aws_iam_role_policy.this, aws_cloudwatch_log_group.this]
}

# Runs that fail are ticketed by success-fail-event. This alarm goes off even if that function, the ledger or
# ServiceNow is what is broken.
resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${var.name}-failed"
  description = "A run of ${var.name} failed"

  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Job State Change"]
    detail = {
      jobName = [var.name]
      state   = ["FAILED", "TIMEOUT", "STOPPED"]
    }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule      = aws_cloudwatch_event_rule.failed.name
  target_id = "failure-log"
  arn       = var.failure_log_group_arn

  retry_policy {
    maximum_retry_attempts       = var.event_retry.max_attempts
    maximum_event_age_in_seconds = var.event_retry.max_age_seconds
  }

  dead_letter_config {
    arn = var.event_retry.dead_letter_queue_arn
  }
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  alarm_name        = "${var.name}-failed"
  alarm_description = "A run of ${var.name} failed, timed out or was stopped. Its log groups begin with ${local.log_group_prefix}/."
  namespace         = "AWS/Events"
  metric_name       = "TriggeredRules"
  dimensions        = { RuleName = aws_cloudwatch_event_rule.failed.name }

  statistic           = "Sum"
  period              = var.alarm.period_seconds
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [var.alarm.topic_arn]
  ok_actions    = [var.alarm.topic_arn]
}
