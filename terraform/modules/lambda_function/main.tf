# A Lambda function with what belongs to it: role, log group, answers to failing invocations, an alarm.

locals {
  asynchronous = var.asynchronous == null ? [] : [var.asynchronous]
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LambdaRunsAsThisRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  description          = "Execution role of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = var.policy_documents

  statement {
    sid       = "WriteOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_group_arn_prefix}:/aws/lambda/${var.name}:*"]
  }

  dynamic "statement" {
    for_each = local.asynchronous
    content {
      sid       = "SendFailedEventsToDeadLetterQueue"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value.on_failure_queue_arn]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_key_arn
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]

  timeout                        = var.settings.timeout_seconds
  memory_size                    = var.settings.memory_mb
  reserved_concurrent_executions = coalesce(var.settings.reserved_concurrency, -1)

  environment {
    variables = merge(var.environment, { RUST_LOG = var.log_level })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  # Without its permissions the first invocation fails.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = length(local.asynchronous)

  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = local.asynchronous[0].max_attempts
  maximum_event_age_in_seconds = local.asynchronous[0].max_age_seconds

  destination_config {
    on_failure {
      destination = local.asynchronous[0].on_failure_queue_arn
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name        = "${var.name}-errors"
  alarm_description = "${var.name} failed. Its log group is ${aws_cloudwatch_log_group.this.name}."
  namespace         = "AWS/Lambda"
  metric_name       = "Errors"
  dimensions        = { FunctionName = var.name }

  statistic           = "Sum"
  period              = var.alarm.period_seconds
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [var.alarm.topic_arn]
  ok_actions    = [var.alarm.topic_arn]
}
