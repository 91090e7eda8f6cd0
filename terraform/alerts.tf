# Who is told: a committed run -> mail; anything else -> ServiceNow; ServiceNow or the pipeline itself broken -> alerts.

resource "aws_sns_topic" "notifications" {
  provider = aws.application

  name              = local.topics.notifications
  kms_master_key_id = aws_kms_key.messaging.arn
}

resource "aws_sns_topic" "alerts" {
  provider = aws.application

  name              = local.topics.alerts
  kms_master_key_id = aws_kms_key.messaging.arn
}

data "aws_iam_policy_document" "topic" {
  provider = aws.application
  for_each = local.topic_arns

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # Functions publish by their roles' policies.
  dynamic "statement" {
    for_each = each.key == "alerts" ? [1] : []
    content {
      sid       = "AlarmsOfThisAccount"
      actions   = ["sns:Publish"]
      resources = [each.value]

      principals {
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.application_account_id]
      }
    }
  }
}

resource "aws_sns_topic_policy" "notifications" {
  provider = aws.application

  arn    = aws_sns_topic.notifications.arn
  policy = data.aws_iam_policy_document.topic["notifications"].json
}

resource "aws_sns_topic_policy" "alerts" {
  provider = aws.application

  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.topic["alerts"].json
}

resource "aws_sns_topic_subscription" "notification_email" {
  provider = aws.application
  for_each = toset(var.notification_emails)

  topic_arn = aws_sns_topic.notifications.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "alert_email" {
  provider = aws.application
  for_each = toset(var.alert_emails)

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_secretsmanager_secret" "servicenow" {
  provider = aws.application

  name                    = local.names.secret
  description             = "Where incidents are opened, and as whom: {url, username, password}"
  kms_key_id              = aws_kms_key.application.arn
  recovery_window_in_days = var.secret_recovery_window_days
}

resource "aws_secretsmanager_secret_version" "servicenow" {
  provider = aws.application

  secret_id                = aws_secretsmanager_secret.servicenow.id
  secret_string_wo         = jsonencode(var.servicenow_credentials)
  secret_string_wo_version = var.servicenow_credentials_version
}

data "aws_iam_policy_document" "success_fail_event" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["success_fail_event"].json]

  statement {
    sid       = "ReadRunAndMarkItTold"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "ReadReports"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.state}/reports/*"]
  }

  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = values(local.topic_arns)
  }

  statement {
    sid       = "ReadServiceNowCredentials"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.secret_arn]
  }
}

module "success_fail_event" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.success_fail_event
  role_name        = local.role_names.success_fail_event
  description      = "Tells how runs of the jobs ended: mail or ServiceNow incident"
  package          = "${var.lambda_package_dir}/success-fail-event.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.success_fail_event
  policy_documents = [data.aws_iam_policy_document.success_fail_event.json]

  environment = {
    LEDGER_TABLE           = aws_dynamodb_table.ledger.name
    STATE_BUCKET           = local.buckets.state
    INGEST_JOB             = local.jobs.ingest
    CLASSIFY_JOB           = local.jobs.classify
    CONFORM_JOB            = local.jobs.conform
    NOTIFICATION_TOPIC_ARN = aws_sns_topic.notifications.arn
    ALERT_TOPIC_ARN        = aws_sns_topic.alerts.arn
    SERVICENOW_SECRET_ID   = aws_secretsmanager_secret.servicenow.name
    ENVIRONMENT            = var.environment
    TELLING_LEASE_SECONDS  = tostring(var.reconcile_patience.telling_lease_seconds)

    INCIDENT_CATEGORY             = var.servicenow_incident.category
    INCIDENT_SUBCATEGORY          = var.servicenow_incident.subcategory == null ? "" : var.servicenow_incident.subcategory
    INCIDENT_ASSIGNMENT_GROUP     = var.servicenow_incident.assignment_group == null ? "" : var.servicenow_incident.assignment_group
    INCIDENT_URGENCY              = tostring(var.servicenow_incident.urgency)
    INCIDENT_IMPACT               = tostring(var.servicenow_incident.impact)
    INCIDENT_URGENCY_AFTER_COMMIT = tostring(var.servicenow_incident.urgency_after_commit)
    INCIDENT_IMPACT_AFTER_COMMIT  = tostring(var.servicenow_incident.impact_after_commit)
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}

locals {
  secret_arn = aws_secretsmanager_secret.servicenow.arn

  alarm = {
    topic_arn      = aws_sns_topic.alerts.arn
    period_seconds = var.alarm_period_seconds
  }

  dead_letter_queues = {
    landing_dlq = "Messages that could not be taken in. Each says why in its attribute 'reason', or was delivered too often."
    events_dlq  = "Events that a function failed on for good, or starts that the Scheduler gave up."
  }
}

# A dead letter is work for a person; one is enough.
resource "aws_cloudwatch_metric_alarm" "dead_letter" {
  provider = aws.application
  for_each = local.dead_letter_queues

  alarm_name        = "${local.queues[each.key]}-depth"
  alarm_description = each.value
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  dimensions        = { QueueName = local.queues[each.key] }

  statistic           = "Maximum"
  period              = var.alarm_period_seconds
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}

resource "aws_cloudwatch_metric_alarm" "landing_age" {
  provider = aws.application

  alarm_name        = "${local.queues.landing}-age"
  alarm_description = "Landed files have been waiting on ${local.queues.landing} for more than ${var.landing_age_alarm_seconds} seconds: copy-prefix is not keeping up, or not running."
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateAgeOfOldestMessage"
  dimensions        = { QueueName = local.queues.landing }

  statistic           = "Maximum"
  period              = var.alarm_period_seconds
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.landing_age_alarm_seconds
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}
