# How tables are kept, rolled back, and asked about: optimizers, the alarm, the role for roll-backs, saved queries.

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

run "glue_looks_after_what_it_is_told_to_and_glue_3_after_the_rest" {
  command = plan

  variables {
    table_optimizers = {
      "legacy.bookings"   = ["retention", "compaction"]
      "secured.customers" = ["orphan_file_deletion"]
    }
  }

  assert {
    condition = { for name, one in aws_glue_catalog_table_optimizer.this : name => join(" ", [one.catalog_id, one.database_name, one.table_name, one.type, one.configuration[0].role_arn]) } == {
      "legacy.bookings.compaction"             = "222222222222 tui_legacy_dev bookings compaction arn:aws:iam::222222222222:role/tui-table-optimizer-dev"
      "legacy.bookings.retention"              = "222222222222 tui_legacy_dev bookings retention arn:aws:iam::222222222222:role/tui-table-optimizer-dev"
      "secured.customers.orphan_file_deletion" = "222222222222 tui_secured_dev customers orphan_file_deletion arn:aws:iam::222222222222:role/tui-table-optimizer-dev"
    }
    error_message = jsonencode(aws_glue_catalog_table_optimizer.this)
  }

  assert {
    condition = (
      aws_glue_catalog_table_optimizer.this["legacy.bookings.retention"].configuration[0].retention_configuration[0].iceberg_configuration[0].snapshot_retention_period_in_days == 35 &&
      aws_glue_catalog_table_optimizer.this["legacy.bookings.retention"].configuration[0].retention_configuration[0].iceberg_configuration[0].number_of_snapshots_to_retain == 10 &&
      aws_glue_catalog_table_optimizer.this["secured.customers.orphan_file_deletion"].configuration[0].orphan_file_deletion_configuration[0].iceberg_configuration[0].orphan_file_retention_period_in_days == 3 &&
      length(aws_glue_catalog_table_optimizer.this["legacy.bookings.compaction"].configuration[0].retention_configuration) == 0
    )
    error_message = "Glue's optimizers go by the numbers that Glue 3 goes by."
  }

  assert {
    condition = jsondecode(module.conform.configuration.arguments["--maintenance"]).managed == {
      "legacy.bookings"   = ["compaction", "retention"]
      "secured.customers" = ["orphan_file_deletion"]
    }
    error_message = "Glue 3 leaves to the optimizers what is theirs."
  }

  assert {
    condition = jsonencode({
      for statement in jsondecode(data.aws_iam_policy_document.optimizer.json).Statement : statement.Sid => [sort(flatten([statement.Action])), sort(flatten([statement.Resource]))]
      }) == jsonencode({
      KeepTables = [["glue:GetTable", "glue:UpdateTable"], [
        "arn:aws:glue:us-east-1:222222222222:catalog",
        "arn:aws:glue:us-east-1:222222222222:database/tui_legacy_dev",
        "arn:aws:glue:us-east-1:222222222222:database/tui_secured_dev",
        "arn:aws:glue:us-east-1:222222222222:table/tui_legacy_dev/bookings",
        "arn:aws:glue:us-east-1:222222222222:table/tui_secured_dev/customers",
      ]]
      OptimizerListTables  = [["s3:ListBucket"], ["arn:aws:s3:::grp2-confirmed-tui-dev"]]
      OptimizerReadTables  = [["s3:GetObject"], ["arn:aws:s3:::grp2-confirmed-tui-dev/legacy/bookings/*", "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/secured/customers/*"]]
      OptimizerWriteTables = [["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"], ["arn:aws:s3:::grp2-confirmed-tui-dev/legacy/bookings/*", "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/secured/customers/*"]]
      UseKeyOfTheData      = [["kms:Decrypt", "kms:GenerateDataKey"], ["arn:aws:kms:us-east-1:111111111111:key/data"]]
      WriteOwnLogs = [["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [
        "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/iceberg-compaction/logs:*",
        "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/iceberg-orphan-file-deletion/logs:*",
        "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/iceberg-retention/logs:*",
      ]]
    })
    error_message = data.aws_iam_policy_document.optimizer.json
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.optimizer[0].assume_role_policy).Statement[0].Principal == { Service = "glue.amazonaws.com" } &&
      jsondecode(aws_iam_role_policy.optimizer[0].policy) == jsondecode(data.aws_iam_policy_document.optimizer.json) &&
      alltrue([for sid in ["OptimizerReadTables", "OptimizerWriteTables", "OptimizerListTables"] : contains(jsondecode(data.aws_iam_policy_document.data_bucket["conformed"].json).Statement[*].Sid, sid)])
    )
    error_message = "The optimizers' role is Glue's, and the bucket lets it in."
  }
}

run "no_optimizer_no_role" {
  command = plan

  assert {
    condition = (
      length(aws_glue_catalog_table_optimizer.this) == 0 && length(aws_iam_role.optimizer) == 0 &&
      !strcontains(data.aws_iam_policy_document.data_bucket["conformed"].json, "optimizer")
    )
    error_message = "Without a table to look after, nobody gets a right to."
  }
}

run "who_rolls_back_and_who_is_told_of_maintenance" {
  command = plan

  assert {
    condition = jsonencode({
      for statement in jsondecode(data.aws_iam_policy_document.rollback.json).Statement : statement.Sid => [sort(flatten([statement.Action])), sort(flatten([statement.Resource])), try(statement.Condition, null)]
      }) == jsonencode({
      HaveGlue3RollBack      = [["glue:GetJobRun", "glue:StartJobRun"], ["arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"], null]
      ReadItsReports         = [["s3:GetObject"], ["arn:aws:s3:::ft-ingest-dev-use1-tui/reports/stage=3/*"], null]
      ReadWithApplicationKey = [["kms:Decrypt"], ["arn:aws:kms:us-east-1:222222222222:key/application"], { StringEquals = { "kms:ViaService" = "s3.us-east-1.amazonaws.com" } }]
    })
    error_message = data.aws_iam_policy_document.rollback.json
  }

  assert {
    condition = (
      aws_cloudwatch_log_metric_filter.maintenance_failed.log_group_name == "/aws-glue/jobs/tui-etl-glue3-raw-to-confirmed-dev/output" &&
      contains(module.conform.configuration.log_groups, aws_cloudwatch_log_metric_filter.maintenance_failed.log_group_name) &&
      aws_cloudwatch_log_metric_filter.maintenance_failed.pattern == "{ $.message = \"maintenance failed\" }" &&
      aws_cloudwatch_log_metric_filter.maintenance_failed.metric_transformation[0].namespace == aws_cloudwatch_metric_alarm.maintenance_failed.namespace &&
      aws_cloudwatch_log_metric_filter.maintenance_failed.metric_transformation[0].name == aws_cloudwatch_metric_alarm.maintenance_failed.metric_name &&
      aws_cloudwatch_metric_alarm.maintenance_failed.threshold == 0
    )
    error_message = "What maintenance fails on must be told."
  }
}

run "saved_queries" {
  command = plan

  assert {
    condition = { for name, query in aws_athena_named_query.this : name => query.name } == {
      "legacy.freshness"             = "Freshness"
      "legacy.lineage_of_a_file"     = "Lineage of a file"
      "legacy.rescued_values"        = "Values that did not fit"
      "legacy.rows_by_load"          = "Rows by load"
      "secured.freshness"            = "Freshness"
      "secured.lineage_of_a_file"    = "Lineage of a file"
      "secured.quarantine_by_reason" = "Quarantine by reason"
      "secured.quarantine_of_a_file" = "Quarantine of a file"
      "secured.rescued_values"       = "Values that did not fit"
      "secured.rows_by_load"         = "Rows by load"
    }
    error_message = jsonencode(keys(aws_athena_named_query.this))
  }

  assert {
    condition     = !anytrue([for name, query in aws_athena_named_query.this : startswith(name, "legacy.") && can(regex("secured|quarantine", query.query))])
    error_message = "What legacy readers find asks for nothing that they may not see."
  }

  assert {
    # Athena's limit.
    condition     = alltrue([for query in aws_athena_named_query.this : length(query.query) < 262144 && length(query.description) <= 1024])
    error_message = "A query is too long for Athena."
  }
}
