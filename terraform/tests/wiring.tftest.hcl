# What calls what: notifications, rules, targets, schedule, environment, arguments.
# The real provider plans without AWS, so that policies and patterns are what would be deployed.

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

# What AWS only tells once a thing exists.
override_resource {
  target          = aws_kms_key.data
  override_during = plan
  values = {
    arn = "arn:aws:kms:us-east-1:111111111111:key/data"
  }
}

override_resource {
  target          = aws_kms_key.application
  override_during = plan
  values = {
    arn = "arn:aws:kms:us-east-1:222222222222:key/application"
  }
}

override_resource {
  target          = aws_kms_key.messaging
  override_during = plan
  values = {
    arn = "arn:aws:kms:us-east-1:222222222222:key/messaging"
  }
}

override_resource {
  target          = aws_sqs_queue.landing
  override_during = plan
  values = {
    arn = "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"
    url = "https://sqs.us-east-1.amazonaws.com/222222222222/tui-landing-dev"
  }
}

override_resource {
  target          = aws_sqs_queue.landing_dlq
  override_during = plan
  values = {
    arn = "arn:aws:sqs:us-east-1:222222222222:tui-landing-dlq-dev"
    url = "https://sqs.us-east-1.amazonaws.com/222222222222/tui-landing-dlq-dev"
  }
}

override_resource {
  target          = aws_sqs_queue.events_dlq
  override_during = plan
  values = {
    arn = "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"
    url = "https://sqs.us-east-1.amazonaws.com/222222222222/tui-events-dlq-dev"
  }
}

override_resource {
  target          = aws_sns_topic.notifications
  override_during = plan
  values = {
    arn = "arn:aws:sns:us-east-1:222222222222:tui-etl-notifications-dev"
  }
}

override_resource {
  target          = aws_sns_topic.alerts
  override_during = plan
  values = {
    arn = "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.servicenow
  override_during = plan
  values = {
    arn = "arn:aws:secretsmanager:us-east-1:222222222222:secret:tui-etl-servicenow-dev-AbCdEf"
  }
}

override_resource {
  target          = aws_secretsmanager_secret.mask_salt
  override_during = plan
  values = {
    arn = "arn:aws:secretsmanager:us-east-1:222222222222:secret:tui-etl-mask-salt-dev-AbCdEf"
  }
}

override_resource {
  target          = aws_iam_role.schedule
  override_during = plan
  values = {
    arn = "arn:aws:iam::222222222222:role/tui-glue2-friday-dev-role"
  }
}

override_resource {
  target          = aws_cloudwatch_log_group.job_failures
  override_during = plan
  values = {
    arn = "arn:aws:logs:us-east-1:222222222222:log-group:/aws/events/tui-etl-dev-job-failures"
  }
}

override_resource {
  target          = module.copy_prefix.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-copyprefix-lambda-dev"
  }
}

override_resource {
  target          = module.clean_prefix.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-cleanprefix-lambda-dev"
  }
}

override_resource {
  target          = module.optimization_trigger.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-glue-optimization-job-trigger-lambda-dev"
  }
}

override_resource {
  target          = module.success_fail_event.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-etl-successfailevent-sns-dev"
  }
}

override_resource {
  target          = module.reconcile.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-etl-reconcile-dev"
  }
}

override_resource {
  target          = module.support_trigger["copyglue"].aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-copygluetrigger-support-dev"
  }
}

override_resource {
  target          = module.support_trigger["glue2"].aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-glue2trigger-support-dev"
  }
}

override_resource {
  target          = module.support_trigger["optimization"].aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-glue-optimization-job-support-trigger-lambda-dev"
  }
}

override_resource {
  target          = module.support_cleanup.aws_lambda_function.this
  override_during = plan
  values = {
    arn = "arn:aws:lambda:us-east-1:222222222222:function:tui-cleanup-support-dev"
  }
}

override_resource {
  target          = aws_cloudwatch_event_rule.this["job-state-change"]
  override_during = plan
  values = {
    arn = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change"
  }
}

override_resource {
  target          = aws_cloudwatch_event_rule.this["glue-state-change"]
  override_during = plan
  values = {
    arn = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-glue-state-change"
  }
}

override_resource {
  target          = aws_cloudwatch_event_rule.this["classify-succeeded"]
  override_during = plan
  values = {
    arn = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-classify-succeeded"
  }
}

override_resource {
  target          = aws_cloudwatch_event_rule.this["reconcile-interval"]
  override_during = plan
  values = {
    arn = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-reconcile-interval"
  }
}

run "landing" {
  command = plan

  assert {
    condition     = output.queue_url == "https://sqs.us-east-1.amazonaws.com/222222222222/tui-landing-dev"
    error_message = "queue_url must be the landing queue's."
  }

  assert {
    condition = (
      one(aws_s3_bucket_notification.landing.queue).queue_arn == "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev" &&
      one(aws_s3_bucket_notification.landing.queue).filter_prefix == "tui/legacy/" &&
      tolist(one(aws_s3_bucket_notification.landing.queue).events) == tolist(["s3:ObjectCreated:*"]) &&
      aws_s3_bucket_notification.landing.bucket == "grp2-landing-dev"
    )
    error_message = "Every object created below tui/legacy/ of the landing bucket must be told to the landing queue."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.landing.event_source_arn == "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev" &&
      aws_lambda_event_source_mapping.landing.function_name == "arn:aws:lambda:us-east-1:222222222222:function:tui-copyprefix-lambda-dev"
    )
    error_message = "The landing queue must feed copy-prefix."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.landing.batch_size == 1000 &&
      aws_lambda_event_source_mapping.landing.maximum_batching_window_in_seconds == 60 &&
      aws_lambda_event_source_mapping.landing.scaling_config[0].maximum_concurrency == 5
    )
    error_message = "Batch size, window and concurrency must be the variables' defaults."
  }

  assert {
    condition     = tolist(aws_lambda_event_source_mapping.landing.function_response_types) == tolist(["ReportBatchItemFailures"])
    error_message = "Without ReportBatchItemFailures one bad message fails its whole batch."
  }

  assert {
    condition     = aws_sqs_queue.landing.visibility_timeout_seconds == 6 * module.copy_prefix.configuration.timeout_seconds + 60
    error_message = "The visibility time-out must be six times the function's time-out plus the batch window."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue.landing.redrive_policy).deadLetterTargetArn == "arn:aws:sqs:us-east-1:222222222222:tui-landing-dlq-dev" &&
      jsondecode(aws_sqs_queue.landing.redrive_policy).maxReceiveCount == 5 &&
      jsondecode(aws_sqs_queue_redrive_allow_policy.landing_dlq.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"]
    )
    error_message = "What is delivered too often must go to the landing dead-letter queue, and only this queue may send there so."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.landing, aws_sqs_queue.landing_dlq, aws_sqs_queue.events_dlq] : queue.kms_master_key_id == "arn:aws:kms:us-east-1:222222222222:key/messaging"])
    error_message = "Every queue must be encrypted with the messaging key."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.landing_dlq, aws_sqs_queue.events_dlq] : queue.message_retention_seconds > aws_sqs_queue.landing.message_retention_seconds])
    error_message = "Dead letters must outlive the messages they were."
  }
}

run "functions" {
  command = plan

  assert {
    condition = alltrue([for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : (
      function.configuration.runtime == "provided.al2023" &&
      function.configuration.handler == "bootstrap" &&
      function.configuration.architectures == tolist(["x86_64"])
    )])
    error_message = "Every function runs bootstrap on provided.al2023."
  }

  assert {
    condition = {
      copy-prefix          = module.copy_prefix.configuration.source_code_hash
      clean-prefix         = module.clean_prefix.configuration.source_code_hash
      optimization-trigger = module.optimization_trigger.configuration.source_code_hash
      success-fail-event   = module.success_fail_event.configuration.source_code_hash
      reconcile            = module.reconcile.configuration.source_code_hash
      support-cleanup      = module.support_cleanup.configuration.source_code_hash
      support-trigger      = one(distinct([for function in values(module.support_trigger) : function.configuration.source_code_hash]))
      } == {
      for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "support-cleanup", "support-trigger"] :
      crate => filebase64sha256("tests/packages/${crate}.zip")
    }
    error_message = "Each function must be its own crate's package, and be deployed again when that changes."
  }

  assert {
    condition = alltrue([for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : (
      function.configuration.log_group == "/aws/lambda/${function.name}" && function.configuration.log_retention == 30
    )])
    error_message = "Every function has its log group, with a retention."
  }

  assert {
    condition = alltrue([for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : (
      function.configuration.alarm_dimensions == tomap({ FunctionName = function.name }) &&
      function.configuration.alarm_actions == toset(["arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"]) &&
      function.configuration.ok_actions == function.configuration.alarm_actions
    )])
    error_message = "Errors of every function must be told to the alerts topic."
  }

  assert {
    condition = alltrue([for function in [module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : (
      function.configuration.on_failure == "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev" && function.configuration.max_attempts == 2
    )])
    error_message = "Every function that events call tries again and then keeps the event in the events dead-letter queue."
  }

  assert {
    condition = module.copy_prefix.configuration.environment == tomap({
      LEDGER_TABLE   = "tui-file-ledger-dev"
      LANDING_BUCKET = "grp2-landing-dev"
      LANDING_PREFIX = "tui/legacy/"
      INGEST_JOB     = "tui-copyprefix-glue1-dev"
      DLQ_URL        = "https://sqs.us-east-1.amazonaws.com/222222222222/tui-landing-dlq-dev"
      RUST_LOG       = "info"
    })
    error_message = jsonencode(module.copy_prefix.configuration.environment)
  }

  assert {
    condition = module.clean_prefix.configuration.environment == tomap({
      LEDGER_TABLE = "tui-file-ledger-dev"
      STATE_BUCKET = "ft-ingest-dev-use1-tui"
      RAW_BUCKET   = "grp2-raw-dev"
      TEMP_PREFIX  = "tui/legacy/temp/"
      CLASSIFY_JOB = "glue-2-dev"
      RUST_LOG     = "info"
    })
    error_message = jsonencode(module.clean_prefix.configuration.environment)
  }

  assert {
    condition = module.optimization_trigger.configuration.environment == tomap({
      LEDGER_TABLE = "tui-file-ledger-dev"
      CLASSIFY_JOB = "glue-2-dev"
      CONFORM_JOB  = "tui-etl-glue3-raw-to-confirmed-dev"
      RUST_LOG     = "info"
    })
    error_message = jsonencode(module.optimization_trigger.configuration.environment)
  }

  assert {
    condition = module.success_fail_event.configuration.environment == tomap({
      LEDGER_TABLE           = "tui-file-ledger-dev"
      STATE_BUCKET           = "ft-ingest-dev-use1-tui"
      INGEST_JOB             = "tui-copyprefix-glue1-dev"
      CLASSIFY_JOB           = "glue-2-dev"
      CONFORM_JOB            = "tui-etl-glue3-raw-to-confirmed-dev"
      NOTIFICATION_TOPIC_ARN = "arn:aws:sns:us-east-1:222222222222:tui-etl-notifications-dev"
      ALERT_TOPIC_ARN        = "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"
      SERVICENOW_SECRET_ID   = "tui-etl-servicenow-dev"
      ENVIRONMENT            = "dev"
      TELLING_LEASE_SECONDS  = "300"
      RUST_LOG               = "info"

      INCIDENT_CATEGORY             = "software"
      INCIDENT_SUBCATEGORY          = ""
      INCIDENT_ASSIGNMENT_GROUP     = ""
      INCIDENT_URGENCY              = "2"
      INCIDENT_IMPACT               = "2"
      INCIDENT_URGENCY_AFTER_COMMIT = "3"
      INCIDENT_IMPACT_AFTER_COMMIT  = "3"
    })
    error_message = jsonencode(module.success_fail_event.configuration.environment)
  }

  assert {
    condition = module.reconcile.configuration.environment == tomap({
      LEDGER_TABLE      = "tui-file-ledger-dev"
      LANDING_BUCKET    = "grp2-landing-dev"
      LANDING_PREFIX    = "tui/legacy/"
      INGEST_JOB        = "tui-copyprefix-glue1-dev"
      CLASSIFY_JOB      = "glue-2-dev"
      CONFORM_JOB       = "tui-etl-glue3-raw-to-confirmed-dev"
      CLASSIFY_ENABLED  = "true"
      CLASSIFY_WEEKDAY  = "FRI"
      CLASSIFY_TIME     = "12:00"
      CLASSIFY_TIMEZONE = "Europe/London"
      EVENT_BUS_NAME    = "default"
      LOOKBACK_HOURS    = "72"
      LISTING_PAGES     = "150"
      RUST_LOG          = "info"

      EVENT_GRACE_SECONDS    = "180"
      LANDING_GRACE_SECONDS  = "360"
      TELLING_LEASE_SECONDS  = "300"
      SCHEDULE_GRACE_SECONDS = "1800"
      STALE_MARKER_SECONDS   = "86400"
      FIRST_PAUSE_SECONDS    = "300"
      LONGEST_PAUSE_SECONDS  = "3600"
    })
    error_message = jsonencode(module.reconcile.configuration.environment)
  }
}

run "trigger_files" {
  command = plan

  assert {
    condition = { for function in aws_s3_bucket_notification.state.lambda_function : "${function.filter_prefix}*${function.filter_suffix}" => "${join(" ", function.events)} -> ${function.lambda_function_arn}" } == {
      "intermediary/scripts/copyglue/*.json"     = "s3:ObjectCreated:* -> arn:aws:lambda:us-east-1:222222222222:function:tui-copygluetrigger-support-dev"
      "intermediary/scripts/glue2/*.json"        = "s3:ObjectCreated:* -> arn:aws:lambda:us-east-1:222222222222:function:tui-glue2trigger-support-dev"
      "intermediary/scripts/optimization/*.json" = "s3:ObjectCreated:* -> arn:aws:lambda:us-east-1:222222222222:function:tui-glue-optimization-job-support-trigger-lambda-dev"
      "intermediary/scripts/cleanup/*.json"      = "s3:ObjectCreated:* -> arn:aws:lambda:us-east-1:222222222222:function:tui-cleanup-support-dev"
    }
    error_message = jsonencode(aws_s3_bucket_notification.state.lambda_function)
  }

  assert {
    condition = alltrue([for kind, permission in aws_lambda_permission.trigger_file : (
      permission.principal == "s3.amazonaws.com" && permission.action == "lambda:InvokeFunction" &&
      permission.source_arn == "arn:aws:s3:::ft-ingest-dev-use1-tui" && permission.source_account == "222222222222"
    )])
    error_message = "Only the state bucket of the application account may call."
  }

  assert {
    condition = { for kind, permission in aws_lambda_permission.trigger_file : kind => permission.function_name } == {
      copyglue     = "tui-copygluetrigger-support-dev"
      glue2        = "tui-glue2trigger-support-dev"
      optimization = "tui-glue-optimization-job-support-trigger-lambda-dev"
      cleanup      = "tui-cleanup-support-dev"
    }
    error_message = "S3 may call each of the four support functions."
  }

  assert {
    condition = { for kind, function in module.support_trigger : kind => "${function.configuration.environment.KIND} ${function.configuration.environment.JOB}" } == {
      copyglue     = "copyglue tui-copyprefix-glue1-dev"
      glue2        = "glue2 glue-2-dev"
      optimization = "optimization tui-etl-glue3-raw-to-confirmed-dev"
    }
    error_message = jsonencode({ for kind, function in module.support_trigger : kind => function.configuration.environment })
  }

  assert {
    condition     = module.support_cleanup.configuration.environment.QUARANTINE_PREFIX == "tui/legacy/quarantine/" && module.support_cleanup.configuration.timeout_seconds == 900
    error_message = jsonencode(module.support_cleanup.configuration.environment)
  }
}

run "rules_schedule_and_alerts" {
  command = plan

  variables {
    notification_emails = ["etl@example.com"]
    alert_emails        = ["oncall@example.com", "lead@example.com"]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["job-state-change"].event_pattern) == {
      source      = ["aws.glue", "tui-etl.reconcile"]
      detail-type = ["Glue Job State Change"]
      detail      = { jobName = ["glue-2-dev", "tui-etl-glue3-raw-to-confirmed-dev", "tui-copyprefix-glue1-dev"] }
    }
    error_message = aws_cloudwatch_event_rule.this["job-state-change"].event_pattern
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["glue-state-change"].event_pattern) == {
      source      = ["aws.glue"]
      detail-type = ["Glue Job State Change"]
      detail      = { jobName = ["glue-2-dev", "tui-etl-glue3-raw-to-confirmed-dev", "tui-copyprefix-glue1-dev"] }
    }
    error_message = "reconcile must not be called by what it sends itself: ${aws_cloudwatch_event_rule.this["glue-state-change"].event_pattern}"
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["classify-succeeded"].event_pattern) == {
      source      = ["aws.glue", "tui-etl.reconcile"]
      detail-type = ["Glue Job State Change"]
      detail      = { jobName = ["glue-2-dev"], state = ["SUCCEEDED"] }
    }
    error_message = aws_cloudwatch_event_rule.this["classify-succeeded"].event_pattern
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this["reconcile-interval"].schedule_expression == "rate(5 minutes)"
    error_message = "reconcile is called every five minutes."
  }

  assert {
    condition = {
      for target in values(aws_cloudwatch_event_target.this) : target.target_id => "${target.rule} -> ${target.arn}"
      } == {
      success-fail-event     = "tui-etl-dev-job-state-change -> arn:aws:lambda:us-east-1:222222222222:function:tui-etl-successfailevent-sns-dev"
      clean-prefix           = "tui-etl-dev-classify-succeeded -> arn:aws:lambda:us-east-1:222222222222:function:tui-cleanprefix-lambda-dev"
      optimization-trigger   = "tui-etl-dev-classify-succeeded -> arn:aws:lambda:us-east-1:222222222222:function:tui-glue-optimization-job-trigger-lambda-dev"
      reconcile-state-change = "tui-etl-dev-glue-state-change -> arn:aws:lambda:us-east-1:222222222222:function:tui-etl-reconcile-dev"
      reconcile-interval     = "tui-etl-dev-reconcile-interval -> arn:aws:lambda:us-east-1:222222222222:function:tui-etl-reconcile-dev"
      support-copyglue       = "tui-etl-dev-job-state-change -> arn:aws:lambda:us-east-1:222222222222:function:tui-copygluetrigger-support-dev"
      support-glue2          = "tui-etl-dev-job-state-change -> arn:aws:lambda:us-east-1:222222222222:function:tui-glue2trigger-support-dev"
      support-optimization   = "tui-etl-dev-job-state-change -> arn:aws:lambda:us-east-1:222222222222:function:tui-glue-optimization-job-support-trigger-lambda-dev"
    }
    error_message = jsonencode({ for target in values(aws_cloudwatch_event_target.this) : target.target_id => "${target.rule} -> ${target.arn}" })
  }

  assert {
    condition = {
      for name, permission in aws_lambda_permission.event : name => "${permission.source_arn} may ${permission.action} ${permission.function_name}"
      } == {
      success-fail-event     = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change may lambda:InvokeFunction tui-etl-successfailevent-sns-dev"
      clean-prefix           = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-classify-succeeded may lambda:InvokeFunction tui-cleanprefix-lambda-dev"
      optimization-trigger   = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-classify-succeeded may lambda:InvokeFunction tui-glue-optimization-job-trigger-lambda-dev"
      reconcile-state-change = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-glue-state-change may lambda:InvokeFunction tui-etl-reconcile-dev"
      reconcile-interval     = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-reconcile-interval may lambda:InvokeFunction tui-etl-reconcile-dev"
      support-copyglue       = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change may lambda:InvokeFunction tui-copygluetrigger-support-dev"
      support-glue2          = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change may lambda:InvokeFunction tui-glue2trigger-support-dev"
      support-optimization   = "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change may lambda:InvokeFunction tui-glue-optimization-job-support-trigger-lambda-dev"
    }
    error_message = "Each rule, and no other, may call its function."
  }

  assert {
    condition     = alltrue([for permission in values(aws_lambda_permission.event) : permission.principal == "events.amazonaws.com" && permission.source_account == "222222222222"])
    error_message = "Only EventBridge of the application account may call."
  }

  assert {
    condition = alltrue([for target in values(aws_cloudwatch_event_target.this) : (
      target.dead_letter_config[0].arn == "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev" &&
      target.retry_policy[0].maximum_retry_attempts == 60 &&
      target.retry_policy[0].maximum_event_age_in_seconds == 21600
    )])
    error_message = "Every target has a retry policy and the events dead-letter queue."
  }

  assert {
    condition     = aws_scheduler_schedule.classify.schedule_expression == "cron(0 12 ? * FRI *)" && aws_scheduler_schedule.classify.schedule_expression_timezone == "Europe/London"
    error_message = "Glue 2 runs on Fridays at 12:00 in a time zone, not in UTC."
  }

  assert {
    condition     = aws_scheduler_schedule.classify.target[0].arn == "arn:aws:scheduler:::aws-sdk:glue:startJobRun" && aws_scheduler_schedule.classify.state == "ENABLED"
    error_message = "The schedule starts the job by the universal target."
  }

  assert {
    condition     = strcontains(aws_scheduler_schedule.classify.target[0].input, "\"schedule <aws.scheduler.scheduled-time>\"")
    error_message = "The Scheduler replaces its attribute only where it is spelled out: ${aws_scheduler_schedule.classify.target[0].input}"
  }

  assert {
    condition = jsondecode(aws_scheduler_schedule.classify.target[0].input) == {
      JobName   = "glue-2-dev"
      Arguments = { "--started_by" = "schedule <aws.scheduler.scheduled-time>" }
    }
    error_message = aws_scheduler_schedule.classify.target[0].input
  }

  assert {
    condition = (
      aws_scheduler_schedule.classify.target[0].dead_letter_config[0].arn == "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev" &&
      aws_scheduler_schedule.classify.target[0].retry_policy[0].maximum_retry_attempts == 20 &&
      aws_scheduler_schedule.classify.target[0].retry_policy[0].maximum_event_age_in_seconds == 7200 &&
      aws_scheduler_schedule.classify.target[0].role_arn == "arn:aws:iam::222222222222:role/tui-glue2-friday-dev-role"
    )
    error_message = "The schedule has retries, a dead-letter queue and a role of its own."
  }

  assert {
    condition     = output.schedule == "tui-glue2-friday-dev" && output.schedule_group == "tui-etl-dev"
    error_message = "Name and group of the schedule."
  }

  assert {
    condition     = [for subscription in aws_sns_topic_subscription.notification_email : "${subscription.topic_arn} ${subscription.endpoint}"] == ["arn:aws:sns:us-east-1:222222222222:tui-etl-notifications-dev etl@example.com"]
    error_message = "Notifications go to notification_emails."
  }

  assert {
    condition = [for subscription in aws_sns_topic_subscription.alert_email : "${subscription.topic_arn} ${subscription.endpoint}"] == [
      "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev lead@example.com",
      "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev oncall@example.com",
    ]
    error_message = "Alerts go to alert_emails."
  }

  assert {
    condition     = alltrue([for topic in [aws_sns_topic.notifications, aws_sns_topic.alerts] : topic.kms_master_key_id == "arn:aws:kms:us-east-1:222222222222:key/messaging"])
    error_message = "Topics are encrypted with the messaging key."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.dead_letter : name => "${alarm.dimensions["QueueName"]} ${alarm.metric_name} ${alarm.comparison_operator} ${alarm.threshold}" } == {
      landing_dlq = "tui-landing-dlq-dev ApproximateNumberOfMessagesVisible GreaterThanThreshold 0"
      events_dlq  = "tui-events-dlq-dev ApproximateNumberOfMessagesVisible GreaterThanThreshold 0"
    }
    error_message = "One message in either dead-letter queue raises an alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.reconcile_absent.metric_name == "Invocations" &&
      aws_cloudwatch_metric_alarm.reconcile_absent.dimensions["FunctionName"] == "tui-etl-reconcile-dev" &&
      aws_cloudwatch_metric_alarm.reconcile_absent.comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.reconcile_absent.threshold == 1 &&
      aws_cloudwatch_metric_alarm.reconcile_absent.period == 300 &&
      aws_cloudwatch_metric_alarm.reconcile_absent.treat_missing_data == "breaching"
    )
    error_message = "That reconcile does not run must raise an alarm, and no data means that it does not."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.listing_pass_age.dimensions["FunctionName"] == "tui-etl-reconcile-dev" &&
      aws_cloudwatch_metric_alarm.listing_pass_age.comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.listing_pass_age.threshold == 86400 &&
      strcontains(file("../crates/reconcile/src/metric.rs"), "NAMESPACE: &str = \"${aws_cloudwatch_metric_alarm.listing_pass_age.namespace}\"") &&
      strcontains(file("../crates/reconcile/src/metric.rs"), "LISTING_PASS_AGE: &str = \"${aws_cloudwatch_metric_alarm.listing_pass_age.metric_name}\"")
    )
    error_message = "A listing that takes longer than a day must raise an alarm, on the metric that reconcile writes."
  }

  assert {
    condition = (
      { for job, alarm in aws_cloudwatch_metric_alarm.open_work_age : job => "${alarm.dimensions["Stage"]} ${alarm.threshold} ${alarm.comparison_operator} ${alarm.dimensions["FunctionName"]}" } == {
        ingest   = "1 21600 GreaterThanThreshold tui-etl-reconcile-dev"
        classify = "2 691200 GreaterThanThreshold tui-etl-reconcile-dev"
        conform  = "3 21600 GreaterThanThreshold tui-etl-reconcile-dev"
      } &&
      strcontains(file("../crates/reconcile/src/metric.rs"), "OPEN_WORK_AGE: &str = \"${aws_cloudwatch_metric_alarm.open_work_age["ingest"].metric_name}\"")
    )
    error_message = "Work that waits for too long must raise an alarm, on the metric that reconcile writes."
  }

  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.dead_letter), [aws_cloudwatch_metric_alarm.landing_age, aws_cloudwatch_metric_alarm.reconcile_absent, aws_cloudwatch_metric_alarm.listing_pass_age], values(aws_cloudwatch_metric_alarm.open_work_age)) :
      alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"]) && alarm.ok_actions == alarm.alarm_actions
    ])
    error_message = "Every alarm is told to the alerts topic."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.servicenow.secret_string == null && aws_secretsmanager_secret_version.servicenow.secret_string_wo_version == 1
    error_message = "The credentials must be written without being kept in the state."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.mask_salt) == 0
    error_message = "A salt is written only once there is one."
  }
}

run "jobs_and_scripts" {
  command = plan

  assert {
    condition = { for name, value in module.ingest.configuration.arguments : name => value if !startswith(name, "--enable-") && !startswith(name, "--custom-") } == {
      "--environment"       = "dev"
      "--ledger_table"      = "tui-file-ledger-dev"
      "--state_bucket"      = "ft-ingest-dev-use1-tui"
      "--started_by"        = "a person"
      "--landing_bucket"    = "grp2-landing-dev"
      "--landing_prefix"    = "tui/legacy/"
      "--raw_bucket"        = "grp2-raw-dev"
      "--staging_prefix"    = "tui/legacy/staging/"
      "--temp_prefix"       = "tui/legacy/temp/"
      "--quarantine_prefix" = "tui/legacy/quarantine/"
      "--max_files"         = "5000"
      "--job-language"      = "python"
      "--extra-py-files"    = "s3://ingest-scripts-dev/lib/tui_etl-${substr(filesha256("tests/packages/tui_etl.zip"), 0, 16)}.zip"
    }
    error_message = jsonencode(module.ingest.configuration.arguments)
  }

  assert {
    condition = { for name, value in module.classify.configuration.arguments : name => value if !startswith(name, "--enable-") && !startswith(name, "--custom-") } == {
      "--environment"       = "dev"
      "--ledger_table"      = "tui-file-ledger-dev"
      "--state_bucket"      = "ft-ingest-dev-use1-tui"
      "--started_by"        = "a person"
      "--raw_bucket"        = "grp2-raw-dev"
      "--legacy_bucket"     = "grp2-raw-tui-legacy-dev"
      "--secured_bucket"    = "grp2-raw-tui-secured-dev"
      "--classified_prefix" = "tui/legacy/"
      "--rules_uri"         = "s3://ingest-scripts-dev/rules/classification.json"
      "--contracts_uri"     = "s3://ingest-scripts-dev/contracts/contracts.json"
      "--salt_secret"       = "tui-etl-mask-salt-dev"
      "--job-language"      = "python"
      "--extra-py-files"    = "s3://ingest-scripts-dev/lib/tui_etl-${substr(filesha256("tests/packages/tui_etl.zip"), 0, 16)}.zip"
    }
    error_message = jsonencode(module.classify.configuration.arguments)
  }

  assert {
    condition = { for name, value in module.conform.configuration.arguments : name => value if !startswith(name, "--enable-") && !startswith(name, "--custom-") } == {
      "--environment"       = "dev"
      "--ledger_table"      = "tui-file-ledger-dev"
      "--state_bucket"      = "ft-ingest-dev-use1-tui"
      "--started_by"        = "a person"
      "--legacy_bucket"     = "grp2-raw-tui-legacy-dev"
      "--secured_bucket"    = "grp2-raw-tui-secured-dev"
      "--conformed_bucket"  = "grp2-confirmed-tui-dev"
      "--legacy_prefix"     = "legacy/"
      "--secured_prefix"    = "legacy/secured/"
      "--legacy_database"   = "tui_legacy_dev"
      "--secured_database"  = "tui_secured_dev"
      "--contracts_uri"     = "s3://ingest-scripts-dev/contracts/contracts.json"
      "--versions_database" = "tui_versions_dev"
      "--maintenance"       = "{\"budget_minutes\":60,\"managed\":{},\"manifests\":50,\"orphan_days\":3,\"orphan_interval_days\":7,\"retain_days\":35,\"retain_snapshots\":10,\"small_files\":8,\"target_file_mb\":256}"
      "--rollback"          = "none"
      "--catalog"           = "glue_catalog"
      "--raw_bucket"        = "grp2-raw-dev"
      "--quarantine_prefix" = "tui/legacy/quarantine/"
      "--datalake-formats"  = "iceberg"
      "--job-language"      = "python"
      "--extra-py-files"    = "s3://ingest-scripts-dev/lib/tui_etl-${substr(filesha256("tests/packages/tui_etl.zip"), 0, 16)}.zip"
      "--conf" = join(" --conf ", [
        "spark.sql.catalog.glue_catalog=org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.glue_catalog.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog",
        "spark.sql.catalog.glue_catalog.glue.account-id=222222222222",
        "spark.sql.catalog.glue_catalog.io-impl=org.apache.iceberg.aws.s3.S3FileIO",
        "spark.sql.catalog.glue_catalog.warehouse=s3://grp2-confirmed-tui-dev/legacy",
        "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
      ])
    }
    error_message = jsonencode(module.conform.configuration.arguments)
  }

  assert {
    condition = {
      ingest   = module.ingest.configuration.script_location
      classify = module.classify.configuration.script_location
      conform  = module.conform.configuration.script_location
    } == { for job in ["ingest", "classify", "conform"] : job => "s3://ingest-scripts-dev/jobs/${job}.py" }
    error_message = "Each job runs its own script."
  }

  assert {
    condition = alltrue([for job in [module.ingest, module.classify, module.conform] : (
      job.configuration.max_retries == 0 &&
      job.configuration.max_concurrent_runs == 1 &&
      job.configuration.glue_version == "5.1" &&
      job.configuration.timeout_minutes > 0
    )])
    error_message = "No job retries, each has a time-out, and runs one at a time."
  }

  assert {
    condition = alltrue([for job in [module.ingest, module.classify, module.conform] : (
      job.configuration.log_groups == ["/aws-glue/jobs/${job.name}/error", "/aws-glue/jobs/${job.name}/output"] &&
      job.configuration.arguments["--custom-logGroup-prefix"] == "/aws-glue/jobs/${job.name}"
    )])
    error_message = "Each job logs to log groups of its own."
  }

  assert {
    condition = alltrue([for job in [module.ingest, module.classify, module.conform] : (
      jsondecode(job.configuration.failure_pattern) == {
        source      = ["aws.glue"]
        detail-type = ["Glue Job State Change"]
        detail      = { jobName = [job.name], state = ["FAILED", "TIMEOUT", "STOPPED"] }
      } &&
      job.configuration.alarm_dimensions == tomap({ RuleName = "${job.name}-failed" }) &&
      job.configuration.alarm_actions == toset(["arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"]) &&
      job.configuration.ok_actions == job.configuration.alarm_actions
    )])
    error_message = "A failing run of each job must raise an alarm, whatever the functions do."
  }

  assert {
    condition     = jsondecode(aws_s3_object.rules.content) == yamldecode(file("../contracts/classification.yaml")) && aws_s3_object.rules.key == "rules/classification.json"
    error_message = "The rules must be those of contracts/classification.yaml."
  }

  assert {
    condition = jsondecode(aws_s3_object.contracts.content) == {
      datasets = {
        for name in setsubtract(fileset("../contracts", "*.yaml"), ["classification.yaml"]) :
        trimsuffix(name, ".yaml") => yamldecode(file("../contracts/${name}"))
      }
    }
    error_message = "Every contract, and nothing else, must be there under its dataset's name."
  }

  assert {
    condition     = { for job, script in aws_s3_object.script : script.key => script.source_hash } == { for job in ["ingest", "classify", "conform"] : "jobs/${job}.py" => filemd5("../glue/jobs/${job}.py") }
    error_message = "Each script must be uploaded again when it changes."
  }

  assert {
    condition     = alltrue([for object in concat(values(aws_s3_object.script), [aws_s3_object.library, aws_s3_object.rules, aws_s3_object.contracts]) : object.bucket == "ingest-scripts-dev"])
    error_message = "Scripts, library, rules and contracts lie in the scripts bucket."
  }
}

run "incidents_go_where_they_are_told_to" {
  command = plan

  variables {
    servicenow_incident = {
      category             = "data platform"
      subcategory          = "etl"
      assignment_group     = "ETL operators"
      urgency              = 1
      impact               = 2
      urgency_after_commit = 3
      impact_after_commit  = 2
    }
    landing_receive_wait_seconds = 5
    listing_pass_alarm_seconds   = 7200
  }

  assert {
    condition = { for name, value in module.success_fail_event.configuration.environment : name => value if startswith(name, "INCIDENT_") } == {
      INCIDENT_CATEGORY             = "data platform"
      INCIDENT_SUBCATEGORY          = "etl"
      INCIDENT_ASSIGNMENT_GROUP     = "ETL operators"
      INCIDENT_URGENCY              = "1"
      INCIDENT_IMPACT               = "2"
      INCIDENT_URGENCY_AFTER_COMMIT = "3"
      INCIDENT_IMPACT_AFTER_COMMIT  = "2"
    }
    error_message = jsonencode(module.success_fail_event.configuration.environment)
  }

  assert {
    condition     = aws_sqs_queue.landing.receive_wait_time_seconds == 5 && aws_cloudwatch_metric_alarm.listing_pass_age.threshold == 7200
    error_message = "The queue's wait and the alarm on the listing must follow their variables."
  }
}

run "schedule_and_reconcile_agree" {
  command = plan

  variables {
    classify_schedule          = { weekday = "MON", time = "07:05", timezone = "UTC", enabled = false }
    reconcile_interval_minutes = 1
  }

  assert {
    condition     = aws_scheduler_schedule.classify.schedule_expression == "cron(5 7 ? * MON *)" && aws_scheduler_schedule.classify.schedule_expression_timezone == "UTC" && aws_scheduler_schedule.classify.state == "DISABLED"
    error_message = aws_scheduler_schedule.classify.schedule_expression
  }

  assert {
    condition = (
      module.reconcile.configuration.environment["CLASSIFY_ENABLED"] == "false" &&
      module.reconcile.configuration.environment["CLASSIFY_WEEKDAY"] == "MON" &&
      module.reconcile.configuration.environment["CLASSIFY_TIME"] == "07:05" &&
      module.reconcile.configuration.environment["CLASSIFY_TIMEZONE"] == "UTC"
    )
    error_message = "reconcile must expect Glue 2 when the schedule says so."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this["reconcile-interval"].schedule_expression == "rate(1 minute)"
    error_message = "EventBridge refuses rate(1 minutes)."
  }
}

run "impatience_is_possible_where_it_is_harmless" {
  command = plan

  variables {
    landing_batch_window_seconds = 1
    reconcile_patience = {
      event_grace_seconds    = 1
      landing_grace_seconds  = 2
      telling_lease_seconds  = 3
      schedule_grace_seconds = 4
      stale_marker_seconds   = 301
      first_pause_seconds    = 5
      longest_pause_seconds  = 6
    }
  }

  assert {
    condition = { for name, value in module.reconcile.configuration.environment : name => value if endswith(name, "_SECONDS") } == {
      EVENT_GRACE_SECONDS    = "1"
      LANDING_GRACE_SECONDS  = "2"
      TELLING_LEASE_SECONDS  = "3"
      SCHEDULE_GRACE_SECONDS = "4"
      STALE_MARKER_SECONDS   = "301"
      FIRST_PAUSE_SECONDS    = "5"
      LONGEST_PAUSE_SECONDS  = "6"
    }
    error_message = jsonencode(module.reconcile.configuration.environment)
  }

  assert {
    condition     = module.success_fail_event.configuration.environment["TELLING_LEASE_SECONDS"] == "3"
    error_message = "Who takes the lease and who respects it must mean the same."
  }
}

run "settings_are_followed" {
  command = plan

  variables {
    landing_batch_window_seconds = 300
    function_settings            = { copy_prefix = { timeout_seconds = 100 } }
    spark_conf                   = { "spark.sql.shuffle.partitions" = "64", "spark.speculation" = "false" }
  }

  assert {
    condition     = aws_sqs_queue.landing.visibility_timeout_seconds == 900
    error_message = "6 x 100 + 300 seconds."
  }

  assert {
    condition     = module.ingest.configuration.arguments["--conf"] == "spark.speculation=false --conf spark.sql.shuffle.partitions=64"
    error_message = module.ingest.configuration.arguments["--conf"]
  }

  assert {
    condition     = length(setsubtract(["spark.speculation=false", "spark.sql.shuffle.partitions=64", "spark.sql.catalog.glue_catalog=org.apache.iceberg.spark.SparkCatalog"], split(" --conf ", module.conform.configuration.arguments["--conf"]))) == 0
    error_message = module.conform.configuration.arguments["--conf"]
  }
}

run "a_file_a_run_if_somebody_wants_that" {
  command = plan

  variables {
    landing_batch_size           = 1
    landing_batch_window_seconds = 0
  }

  assert {
    condition     = aws_lambda_event_source_mapping.landing.batch_size == 1 && aws_lambda_event_source_mapping.landing.maximum_batching_window_in_seconds == 0
    error_message = "A batch size of 1 without a window must be possible."
  }
}

# Each function is given exactly the variables that its crate reads (its own test holds environment.txt against the code).
run "environment_of_each_function" {
  command = plan

  assert {
    condition     = sort(setsubtract(keys(module.copy_prefix.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/copy-prefix/environment.txt"))))
    error_message = "copy-prefix is given ${jsonencode(keys(module.copy_prefix.configuration.environment))}."
  }

  assert {
    condition     = sort(setsubtract(keys(module.clean_prefix.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/clean-prefix/environment.txt"))))
    error_message = "clean-prefix is given ${jsonencode(keys(module.clean_prefix.configuration.environment))}."
  }

  assert {
    condition     = sort(setsubtract(keys(module.optimization_trigger.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/optimization-trigger/environment.txt"))))
    error_message = "optimization-trigger is given ${jsonencode(keys(module.optimization_trigger.configuration.environment))}."
  }

  assert {
    condition     = sort(setsubtract(keys(module.success_fail_event.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/success-fail-event/environment.txt"))))
    error_message = "success-fail-event is given ${jsonencode(keys(module.success_fail_event.configuration.environment))}."
  }

  assert {
    condition     = sort(setsubtract(keys(module.reconcile.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/reconcile/environment.txt"))))
    error_message = "reconcile is given ${jsonencode(keys(module.reconcile.configuration.environment))}."
  }

  assert {
    condition = alltrue([for function in values(module.support_trigger) :
      sort(setsubtract(keys(function.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/support-trigger/environment.txt"))))
    ])
    error_message = "support-trigger is given ${jsonencode({ for kind, function in module.support_trigger : kind => keys(function.configuration.environment) })}."
  }

  assert {
    condition     = sort(setsubtract(keys(module.support_cleanup.configuration.environment), ["RUST_LOG"])) == sort(compact(split("\n", file("../crates/support-cleanup/environment.txt"))))
    error_message = "support-cleanup is given ${jsonencode(keys(module.support_cleanup.configuration.environment))}."
  }
}

run "a_salt_is_written_and_not_kept" {
  command = plan

  variables {
    mask_salt         = "00000000000000000000000000000000"
    mask_salt_version = 2
  }

  assert {
    condition     = one([for version in aws_secretsmanager_secret_version.mask_salt : version.secret_string == null && version.secret_string_wo_version == 2])
    error_message = "The salt must be written without being kept in the state."
  }
}
