# The names that are deployed, in each environment, and what its tfvars settle.

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

run "dev" {
  command = plan

  variables {
    environment            = "dev"
    data_account_id        = "111111111111"
    application_account_id = "222222222222"
  }

  assert {
    condition = output.buckets == {
      landing   = "grp2-landing-dev"
      raw       = "grp2-raw-dev"
      legacy    = "grp2-raw-tui-legacy-dev"
      secured   = "grp2-raw-tui-secured-dev"
      conformed = "grp2-confirmed-tui-dev"
      scripts   = "ingest-scripts-dev"
      state     = "ft-ingest-dev-use1-tui"
      athena    = "ft-athena-dev-use1-tui"
    }
    error_message = jsonencode(output.buckets)
  }

  assert {
    condition = output.prefixes == {
      landing    = "tui/legacy/"
      staging    = "tui/legacy/staging/"
      temp       = "tui/legacy/temp/"
      quarantine = "tui/legacy/quarantine/"
      classified = "tui/legacy/"
      legacy     = "legacy/"
      secured    = "legacy/secured/"
    }
    error_message = jsonencode(output.prefixes)
  }

  assert {
    condition = output.functions == {
      copy-prefix          = "tui-copyprefix-lambda-dev"
      clean-prefix         = "tui-cleanprefix-lambda-dev"
      optimization-trigger = "tui-glue-optimization-job-trigger-lambda-dev"
      success-fail-event   = "tui-etl-successfailevent-sns-dev"
      reconcile            = "tui-etl-reconcile-dev"
      copyglue-support     = "tui-copygluetrigger-support-dev"
      glue2-support        = "tui-glue2trigger-support-dev"
      optimization-support = "tui-glue-optimization-job-support-trigger-lambda-dev"
      support-cleanup      = "tui-cleanup-support-dev"
    }
    error_message = jsonencode(output.functions)
  }

  assert {
    condition = output.jobs == {
      ingest   = "tui-copyprefix-glue1-dev"
      classify = "glue-2-dev"
      conform  = "tui-etl-glue3-raw-to-confirmed-dev"
    }
    error_message = jsonencode(output.jobs)
  }

  assert {
    # The names that outputs tell must be those that are deployed.
    condition = (
      [for bucket in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket, module.athena_bucket] : bucket.name] ==
      [for name in ["landing", "raw", "legacy", "secured", "conformed", "scripts", "state", "athena"] : output.buckets[name]] &&
      [for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : function.name] ==
      [for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]] &&
      [for job in [module.ingest, module.classify, module.conform] : job.name] == [for name in ["ingest", "classify", "conform"] : output.jobs[name]]
    )
    error_message = "Outputs and resources disagree."
  }

  assert {
    condition = (
      [for module in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup, module.ingest, module.classify, module.conform] : module.role_name] ==
      [for name in concat([for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]], [for name in ["ingest", "classify", "conform"] : output.jobs[name]]) : "${name}-role"]
    )
    error_message = "Each function and job has a role of its own, called after it."
  }

  assert {
    condition = (
      output.ledger_table == "tui-file-ledger-dev" &&
      output.databases == { legacy = "tui_legacy_dev", secured = "tui_secured_dev" } &&
      aws_glue_catalog_database.legacy.name == "tui_legacy_dev" &&
      aws_glue_catalog_database.secured.name == "tui_secured_dev" &&
      output.workgroup == "tui-etl-dev" &&
      output.legacy_workgroup == "tui-etl-legacy-dev" &&
      output.schedule == "tui-glue2-friday-dev" &&
      output.schedule_group == "tui-etl-dev" &&
      output.secret == "tui-etl-servicenow-dev" &&
      output.mask_salt_secret == "tui-etl-mask-salt-dev"
    )
    error_message = "Ledger, databases, workgroups, schedule or secret is called otherwise."
  }

  assert {
    condition = (
      aws_sqs_queue.landing.name == "tui-landing-dev" &&
      aws_sqs_queue.landing_dlq.name == "tui-landing-dlq-dev" &&
      aws_sqs_queue.events_dlq.name == "tui-events-dlq-dev" &&
      aws_sns_topic.notifications.name == "tui-etl-notifications-dev" &&
      aws_sns_topic.alerts.name == "tui-etl-alerts-dev" &&
      aws_iam_role.reader["legacy_reader"].name == "tui-legacy-reader-dev" &&
      aws_iam_role.reader["secured_reader"].name == "tui-secured-reader-dev" &&
      aws_iam_role.operator.name == "tui-etl-operator-dev" &&
      aws_iam_role.reingest.name == "tui-reingest-dev" &&
      aws_iam_role.rollback.name == "tui-rollback-dev" &&
      output.versions_database == "tui_versions_dev" &&
      output.quarantine == { database = "tui_quarantine_dev", tables = { quarantine = "quarantine", reingested = "reingested" } }
    )
    error_message = "A queue, topic, reader, operator, or what has to do with quarantine is called otherwise."
  }

  assert {
    # What crates/etl takes for granted where nobody tells it otherwise.
    condition     = merge({ control_prefix = "tui/control/" }, output.operator_settings) == jsondecode(replace(file("../crates/etl/names.json"), "{env}", "dev"))
    error_message = jsonencode(output.operator_settings)
  }
}

run "test" {
  command = plan

  variables {
    environment            = "test"
    data_account_id        = "333333333333"
    application_account_id = "444444444444"

    legacy_reader_principal_arns  = ["arn:aws:iam::444444444444:role/analyst"]
    secured_reader_principal_arns = ["arn:aws:iam::444444444444:role/secured-analyst"]
    operator_principal_arns       = ["arn:aws:iam::444444444444:role/operator"]
    reingest_principal_arns       = ["arn:aws:iam::444444444444:role/engineer"]
    rollback_principal_arns       = ["arn:aws:iam::444444444444:role/engineer"]
  }

  assert {
    condition = output.buckets == {
      landing   = "grp2-landing-test"
      raw       = "grp2-raw-test"
      legacy    = "grp2-raw-tui-legacy-test"
      secured   = "grp2-raw-tui-secured-test"
      conformed = "grp2-confirmed-tui-test"
      scripts   = "ingest-scripts-test"
      state     = "ft-ingest-test-use1-tui"
      athena    = "ft-athena-test-use1-tui"
    }
    error_message = jsonencode(output.buckets)
  }

  assert {
    condition = output.prefixes == {
      landing    = "tui/legacy/"
      staging    = "tui/legacy/staging/"
      temp       = "tui/legacy/temp/"
      quarantine = "tui/legacy/quarantine/"
      classified = "tui/legacy/"
      legacy     = "legacy/"
      secured    = "legacy/secured/"
    }
    error_message = jsonencode(output.prefixes)
  }

  assert {
    condition = output.functions == {
      copy-prefix          = "tui-copyprefix-lambda-test"
      clean-prefix         = "tui-cleanprefix-lambda-test"
      optimization-trigger = "tui-glue-optimization-job-trigger-lambda-test"
      success-fail-event   = "tui-etl-successfailevent-sns-test"
      reconcile            = "tui-etl-reconcile-test"
      copyglue-support     = "tui-copygluetrigger-support-test"
      glue2-support        = "tui-glue2trigger-support-test"
      optimization-support = "tui-glue-optimization-job-support-trigger-lambda-test"
      support-cleanup      = "tui-cleanup-support-test"
    }
    error_message = jsonencode(output.functions)
  }

  assert {
    condition = output.jobs == {
      ingest   = "tui-copyprefix-glue1-test"
      classify = "glue-2-test"
      conform  = "tui-etl-glue3-raw-to-confirmed-test"
    }
    error_message = jsonencode(output.jobs)
  }

  assert {
    # The names that outputs tell must be those that are deployed.
    condition = (
      [for bucket in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket, module.athena_bucket] : bucket.name] ==
      [for name in ["landing", "raw", "legacy", "secured", "conformed", "scripts", "state", "athena"] : output.buckets[name]] &&
      [for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : function.name] ==
      [for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]] &&
      [for job in [module.ingest, module.classify, module.conform] : job.name] == [for name in ["ingest", "classify", "conform"] : output.jobs[name]]
    )
    error_message = "Outputs and resources disagree."
  }

  assert {
    condition = (
      [for module in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup, module.ingest, module.classify, module.conform] : module.role_name] ==
      [for name in concat([for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]], [for name in ["ingest", "classify", "conform"] : output.jobs[name]]) : "${name}-role"]
    )
    error_message = "Each function and job has a role of its own, called after it."
  }

  assert {
    condition = (
      output.ledger_table == "tui-file-ledger-test" &&
      output.databases == { legacy = "tui_legacy_test", secured = "tui_secured_test" } &&
      aws_glue_catalog_database.legacy.name == "tui_legacy_test" &&
      aws_glue_catalog_database.secured.name == "tui_secured_test" &&
      output.workgroup == "tui-etl-test" &&
      output.legacy_workgroup == "tui-etl-legacy-test" &&
      output.schedule == "tui-glue2-friday-test" &&
      output.schedule_group == "tui-etl-test" &&
      output.secret == "tui-etl-servicenow-test" &&
      output.mask_salt_secret == "tui-etl-mask-salt-test"
    )
    error_message = "Ledger, databases, workgroups, schedule or secret is called otherwise."
  }

  assert {
    condition = (
      aws_sqs_queue.landing.name == "tui-landing-test" &&
      aws_sqs_queue.landing_dlq.name == "tui-landing-dlq-test" &&
      aws_sqs_queue.events_dlq.name == "tui-events-dlq-test" &&
      aws_sns_topic.notifications.name == "tui-etl-notifications-test" &&
      aws_sns_topic.alerts.name == "tui-etl-alerts-test" &&
      aws_iam_role.reader["legacy_reader"].name == "tui-legacy-reader-test" &&
      aws_iam_role.reader["secured_reader"].name == "tui-secured-reader-test" &&
      aws_iam_role.operator.name == "tui-etl-operator-test" &&
      aws_iam_role.reingest.name == "tui-reingest-test" &&
      aws_iam_role.rollback.name == "tui-rollback-test" &&
      output.versions_database == "tui_versions_test" &&
      output.quarantine == { database = "tui_quarantine_test", tables = { quarantine = "quarantine", reingested = "reingested" } }
    )
    error_message = "A queue, topic, reader, operator, or what has to do with quarantine is called otherwise."
  }

  assert {
    # What crates/etl takes for granted where nobody tells it otherwise.
    condition     = merge({ control_prefix = "tui/control/" }, output.operator_settings) == jsondecode(replace(file("../crates/etl/names.json"), "{env}", "test"))
    error_message = jsonencode(output.operator_settings)
  }
}

run "prod" {
  command = plan

  variables {
    environment            = "prod"
    data_account_id        = "555555555555"
    application_account_id = "666666666666"

    legacy_reader_principal_arns  = ["arn:aws:iam::666666666666:role/analyst"]
    secured_reader_principal_arns = ["arn:aws:iam::666666666666:role/secured-analyst"]
    operator_principal_arns       = ["arn:aws:iam::666666666666:role/operator"]
    reingest_principal_arns       = ["arn:aws:iam::666666666666:role/engineer"]
    rollback_principal_arns       = ["arn:aws:iam::666666666666:role/engineer"]
  }

  assert {
    condition = output.buckets == {
      landing   = "grp2-landing-prod"
      raw       = "grp2-raw-prod"
      legacy    = "grp2-raw-tui-legacy-prod"
      secured   = "grp2-raw-tui-secured-prod"
      conformed = "grp2-confirmed-tui-prod"
      scripts   = "ingest-scripts-prod"
      state     = "ft-ingest-prod-use1-tui"
      athena    = "ft-athena-prod-use1-tui"
    }
    error_message = jsonencode(output.buckets)
  }

  assert {
    condition = output.prefixes == {
      landing    = "tui/legacy/"
      staging    = "tui/legacy/staging/"
      temp       = "tui/legacy/temp/"
      quarantine = "tui/legacy/quarantine/"
      classified = "tui/legacy/"
      legacy     = "legacy/"
      secured    = "legacy/secured/"
    }
    error_message = jsonencode(output.prefixes)
  }

  assert {
    condition = output.functions == {
      copy-prefix          = "tui-copyprefix-lambda-prod"
      clean-prefix         = "tui-cleanprefix-lambda-prod"
      optimization-trigger = "tui-glue-optimization-job-trigger-lambda-prod"
      success-fail-event   = "tui-etl-successfailevent-sns-prod"
      reconcile            = "tui-etl-reconcile-prod"
      copyglue-support     = "tui-copygluetrigger-support-prod"
      glue2-support        = "tui-glue2trigger-support-prod"
      optimization-support = "tui-glue-optimization-job-support-trigger-lambda-prod"
      support-cleanup      = "tui-cleanup-support-prod"
    }
    error_message = jsonencode(output.functions)
  }

  assert {
    condition = output.jobs == {
      ingest   = "tui-copyprefix-glue1-prod"
      classify = "glue-2-prod"
      conform  = "tui-etl-glue3-raw-to-confirmed-prod"
    }
    error_message = jsonencode(output.jobs)
  }

  assert {
    # The names that outputs tell must be those that are deployed.
    condition = (
      [for bucket in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket, module.athena_bucket] : bucket.name] ==
      [for name in ["landing", "raw", "legacy", "secured", "conformed", "scripts", "state", "athena"] : output.buckets[name]] &&
      [for function in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup] : function.name] ==
      [for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]] &&
      [for job in [module.ingest, module.classify, module.conform] : job.name] == [for name in ["ingest", "classify", "conform"] : output.jobs[name]]
    )
    error_message = "Outputs and resources disagree."
  }

  assert {
    condition = (
      [for module in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup, module.ingest, module.classify, module.conform] : module.role_name] ==
      [for name in concat([for crate in ["copy-prefix", "clean-prefix", "optimization-trigger", "success-fail-event", "reconcile", "copyglue-support", "glue2-support", "optimization-support", "support-cleanup"] : output.functions[crate]], [for name in ["ingest", "classify", "conform"] : output.jobs[name]]) : "${name}-role"]
    )
    error_message = "Each function and job has a role of its own, called after it."
  }

  assert {
    condition = (
      output.ledger_table == "tui-file-ledger-prod" &&
      output.databases == { legacy = "tui_legacy_prod", secured = "tui_secured_prod" } &&
      aws_glue_catalog_database.legacy.name == "tui_legacy_prod" &&
      aws_glue_catalog_database.secured.name == "tui_secured_prod" &&
      output.workgroup == "tui-etl-prod" &&
      output.legacy_workgroup == "tui-etl-legacy-prod" &&
      output.schedule == "tui-glue2-friday-prod" &&
      output.schedule_group == "tui-etl-prod" &&
      output.secret == "tui-etl-servicenow-prod" &&
      output.mask_salt_secret == "tui-etl-mask-salt-prod"
    )
    error_message = "Ledger, databases, workgroups, schedule or secret is called otherwise."
  }

  assert {
    condition = (
      aws_sqs_queue.landing.name == "tui-landing-prod" &&
      aws_sqs_queue.landing_dlq.name == "tui-landing-dlq-prod" &&
      aws_sqs_queue.events_dlq.name == "tui-events-dlq-prod" &&
      aws_sns_topic.notifications.name == "tui-etl-notifications-prod" &&
      aws_sns_topic.alerts.name == "tui-etl-alerts-prod" &&
      aws_iam_role.reader["legacy_reader"].name == "tui-legacy-reader-prod" &&
      aws_iam_role.reader["secured_reader"].name == "tui-secured-reader-prod" &&
      aws_iam_role.operator.name == "tui-etl-operator-prod" &&
      aws_iam_role.reingest.name == "tui-reingest-prod" &&
      aws_iam_role.rollback.name == "tui-rollback-prod" &&
      output.versions_database == "tui_versions_prod" &&
      output.quarantine == { database = "tui_quarantine_prod", tables = { quarantine = "quarantine", reingested = "reingested" } }
    )
    error_message = "A queue, topic, reader, operator, or what has to do with quarantine is called otherwise."
  }

  assert {
    # What crates/etl takes for granted where nobody tells it otherwise.
    condition     = merge({ control_prefix = "tui/control/" }, output.operator_settings) == jsondecode(replace(file("../crates/etl/names.json"), "{env}", "prod"))
    error_message = jsonencode(output.operator_settings)
  }
}

run "another_bucket_name_reaches_everything_that_names_it" {
  command = plan

  variables {
    bucket_names = { landing = "somebody-has-ours-{env}" }
  }

  assert {
    condition = (
      module.landing_bucket.name == "somebody-has-ours-dev" &&
      aws_s3_bucket_notification.landing.bucket == "somebody-has-ours-dev" &&
      module.copy_prefix.configuration.environment["LANDING_BUCKET"] == "somebody-has-ours-dev" &&
      module.reconcile.configuration.environment["LANDING_BUCKET"] == "somebody-has-ours-dev" &&
      module.ingest.configuration.arguments["--landing_bucket"] == "somebody-has-ours-dev" &&
      jsondecode(data.aws_iam_policy_document.queue["landing"].json).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:s3:::somebody-has-ours-dev" &&
      strcontains(module.landing_bucket.policy, "arn:aws:s3:::somebody-has-ours-dev/tui/legacy/*") &&
      !strcontains(module.landing_bucket.policy, "grp2-landing")
    )
    error_message = "The old name is left somewhere."
  }

  assert {
    condition     = output.buckets["raw"] == "grp2-raw-dev"
    error_message = "The other buckets keep their names."
  }
}
