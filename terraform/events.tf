# Which event calls which function. An event is a hint: whoever is not called by one is called by reconcile.

locals {
  # reconcile sends events of the same shape for runs that no event told of. Nobody may send in the name of aws.glue.
  reconcile_source = "tui-etl.reconcile"
  state_change     = "Glue Job State Change"

  event_rules = {
    job-state-change = {
      description = "Any state change of the three jobs, from Glue or sent again by reconcile"
      pattern = {
        source      = ["aws.glue", local.reconcile_source]
        detail-type = [local.state_change]
        detail      = { jobName = values(local.jobs) }
      }
      schedule = null
    }
    glue-state-change = {
      description = "Any state change of the three jobs, from Glue itself"
      pattern = {
        source      = ["aws.glue"]
        detail-type = [local.state_change]
        detail      = { jobName = values(local.jobs) }
      }
      schedule = null
    }
    classify-succeeded = {
      description = "A Glue 2 run succeeded, from Glue or sent again by reconcile"
      pattern = {
        source      = ["aws.glue", local.reconcile_source]
        detail-type = [local.state_change]
        detail      = { jobName = [local.jobs.classify], state = ["SUCCEEDED"] }
      }
      schedule = null
    }
    reconcile-interval = {
      description = "Time for reconcile to look"
      pattern     = null
      schedule    = var.reconcile_interval_minutes == 1 ? "rate(1 minute)" : "rate(${var.reconcile_interval_minutes} minutes)"
    }
  }

  # target => the rule and the function
  event_targets = merge({
    success-fail-event     = { rule = "job-state-change", function = module.success_fail_event }
    clean-prefix           = { rule = "classify-succeeded", function = module.clean_prefix }
    optimization-trigger   = { rule = "classify-succeeded", function = module.optimization_trigger }
    reconcile-state-change = { rule = "glue-state-change", function = module.reconcile }
    reconcile-interval     = { rule = "reconcile-interval", function = module.reconcile }
    }, {
    # Requests that wait for the end of a run.
    for kind, trigger in local.support_triggers : "support-${kind}" => { rule = "job-state-change", function = module.support_trigger[kind] }
  })

  event_retry = {
    max_attempts          = var.event_retry.target_max_attempts
    max_age_seconds       = var.event_retry.target_max_age_seconds
    dead_letter_queue_arn = aws_sqs_queue.events_dlq.arn
  }

  asynchronous = {
    max_attempts         = var.event_retry.lambda_max_attempts
    max_age_seconds      = var.event_retry.lambda_max_age_seconds
    on_failure_queue_arn = local.queue_arns.events_dlq
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  provider = aws.application
  for_each = local.event_rules

  name                = "${local.names.rule_prefix}-${each.key}"
  description         = each.value.description
  event_pattern       = each.value.pattern == null ? null : jsonencode(each.value.pattern)
  schedule_expression = each.value.schedule
}

resource "aws_cloudwatch_event_target" "this" {
  provider = aws.application
  for_each = local.event_targets

  rule      = aws_cloudwatch_event_rule.this[each.value.rule].name
  target_id = each.key
  arn       = each.value.function.arn

  retry_policy {
    maximum_retry_attempts       = local.event_retry.max_attempts
    maximum_event_age_in_seconds = local.event_retry.max_age_seconds
  }

  dead_letter_config {
    arn = local.event_retry.dead_letter_queue_arn
  }
}

resource "aws_lambda_permission" "event" {
  provider = aws.application
  for_each = local.event_targets

  statement_id   = "rule-${each.key}"
  action         = "lambda:InvokeFunction"
  function_name  = each.value.function.name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.this[each.value.rule].arn
  source_account = var.application_account_id
}

# Events that no target could be given, that a function failed on for good, and starts the Scheduler gave up.
resource "aws_sqs_queue" "events_dlq" {
  provider = aws.application

  name                      = local.queues.events_dlq
  message_retention_seconds = var.queue_retention_days.dead_letter * 86400
  kms_master_key_id         = aws_kms_key.messaging.arn
}

data "aws_iam_policy_document" "events_dlq" {
  provider = aws.application

  statement {
    # Lambda and the Scheduler send under their own roles; only rules send as the service.
    sid       = "RulesSend"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns.events_dlq]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.event_rule_arns
    }
  }
}

locals {
  event_rule_arns = [
    for name in sort(concat(
      [for rule in keys(local.event_rules) : "${local.names.rule_prefix}-${rule}"],
      [for job in values(local.jobs) : "${job}-failed"],
    )) : "${local.arn_prefix}:events:${local.application_arn}:rule/${name}"
  ]
}

resource "aws_sqs_queue_policy" "events_dlq" {
  provider = aws.application

  queue_url = aws_sqs_queue.events_dlq.id
  policy    = data.aws_iam_policy_document.queue["events_dlq"].json
}

# Events of failed runs, word for word, for whoever looks into an alarm.
resource "aws_cloudwatch_log_group" "job_failures" {
  provider = aws.application

  name              = "/aws/events/${local.names.rule_prefix}-job-failures"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.log_key_arn
}

data "aws_iam_policy_document" "job_failures" {
  provider = aws.application

  statement {
    sid       = "RulesWrite"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn_prefix}:/aws/events/${local.names.rule_prefix}-job-failures:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for job in values(local.jobs) : "${local.arn_prefix}:events:${local.application_arn}:rule/${job}-failed"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "job_failures" {
  provider = aws.application

  policy_name     = "${local.names.rule_prefix}-job-failures"
  policy_document = data.aws_iam_policy_document.job_failures.json
}
