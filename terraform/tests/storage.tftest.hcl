# What keeps the data safe, and how long it is kept.

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

run "buckets" {
  command = plan

  assert {
    condition = alltrue([for bucket in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket] : bucket.settings == {
      versioning          = "Enabled"
      sse_algorithm       = "aws:kms"
      kms_key_arn         = "arn:aws:kms:us-east-1:111111111111:key/data"
      bucket_key          = true
      ownership           = "BucketOwnerEnforced"
      block_public_acls   = true
      block_public_policy = true
      ignore_public_acls  = true
      restrict_public     = true
    }])
    error_message = "The data buckets must be versioned, private and encrypted with the key of the data."
  }

  assert {
    condition = alltrue([for bucket in [module.scripts_bucket, module.state_bucket, module.athena_bucket] : bucket.settings == {
      versioning          = "Enabled"
      sse_algorithm       = "aws:kms"
      kms_key_arn         = "arn:aws:kms:us-east-1:222222222222:key/application"
      bucket_key          = true
      ownership           = "BucketOwnerEnforced"
      block_public_acls   = true
      block_public_policy = true
      ignore_public_acls  = true
      restrict_public     = true
    }])
    error_message = "The application's buckets must be versioned, private and encrypted with its key."
  }

  assert {
    condition = { for id, rule in module.raw_bucket.lifecycle_rules : id => "${rule.prefix} ${rule.days}" if id != "versions-and-uploads" } == {
      staging    = "tui/legacy/staging/ 3"
      temp       = "tui/legacy/temp/ 90"
      quarantine = "tui/legacy/quarantine/ 180"
    }
    error_message = jsonencode(module.raw_bucket.lifecycle_rules)
  }

  assert {
    condition     = alltrue([for bucket in [module.landing_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket] : keys(bucket.lifecycle_rules) == ["versions-and-uploads"]])
    error_message = "Unless somebody says so, nothing current expires elsewhere: landed versions are work, tables are the product, the ledger names manifests for ever."
  }

  assert {
    condition     = module.athena_bucket.lifecycle_rules["results"].days == 14
    error_message = "Query results go after 14 days."
  }

  assert {
    condition = alltrue([for bucket in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket] :
      bucket.retention == { noncurrent_version_days = 30, aborted_upload_days = 2, expired_delete_markers = true }
    ])
    error_message = "Noncurrent versions, unfinished uploads and bare delete markers must go in every bucket."
  }
}

run "retention_is_settable" {
  command = plan

  variables {
    staging_retention_days            = 1
    temp_retention_days               = 60
    quarantine_retention_days         = 400
    landing_retention_days            = 365
    classified_retention_days         = 45
    athena_results_retention_days     = 2
    noncurrent_version_retention_days = 8
    aborted_upload_retention_days     = 5
  }

  assert {
    condition = { for id, rule in merge(module.raw_bucket.lifecycle_rules, module.landing_bucket.lifecycle_rules, module.legacy_bucket.lifecycle_rules, module.athena_bucket.lifecycle_rules) : id => rule.days if id != "versions-and-uploads" } == {
      staging    = 1
      temp       = 60
      quarantine = 400
      landed     = 365
      classified = 45
      results    = 2
    }
    error_message = "A lifetime does not follow its variable."
  }

  assert {
    condition     = module.secured_bucket.lifecycle_rules["classified"].days == 45 && module.landing_bucket.retention.noncurrent_version_days == 8 && module.landing_bucket.retention.aborted_upload_days == 5
    error_message = "A lifetime does not follow its variable."
  }
}

run "ledger_keys_and_queries" {
  command = plan

  assert {
    condition = (
      aws_dynamodb_table.ledger.billing_mode == "PAY_PER_REQUEST" &&
      aws_dynamodb_table.ledger.hash_key == "pk" &&
      aws_dynamodb_table.ledger.range_key == "sk" &&
      aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.ledger.deletion_protection_enabled &&
      aws_dynamodb_table.ledger.server_side_encryption[0].kms_key_arn == "arn:aws:kms:us-east-1:222222222222:key/application" &&
      length(aws_dynamodb_table.ledger.global_secondary_index) == 0
    )
    error_message = "The ledger must be recoverable, protected and encrypted."
  }

  assert {
    condition     = aws_dynamodb_table.ledger.name == "tui-file-ledger-dev" && !strcontains(file("ledger.tf"), "ttl {")
    error_message = "The protocol rests on items that never go by themselves."
  }

  assert {
    condition     = alltrue([for key in [aws_kms_key.data, aws_kms_key.application, aws_kms_key.messaging] : key.enable_key_rotation && key.deletion_window_in_days == 30])
    error_message = "Keys must rotate, and take their time to be deleted."
  }

  assert {
    condition = { for name, group in aws_athena_workgroup.this : name => "${group.name} ${group.configuration[0].result_configuration[0].output_location}" } == {
      secured = "tui-etl-dev s3://ft-athena-dev-use1-tui/results/"
      legacy  = "tui-etl-legacy-dev s3://ft-athena-dev-use1-tui/legacy/"
    }
    error_message = "Each workgroup keeps its results apart: what somebody selected from secured tables is secured too."
  }

  assert {
    condition = alltrue([for group in values(aws_athena_workgroup.this) : (
      group.configuration[0].enforce_workgroup_configuration &&
      group.configuration[0].bytes_scanned_cutoff_per_query == 107374182400 &&
      group.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS" &&
      group.configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == "arn:aws:kms:us-east-1:222222222222:key/application"
    )])
    error_message = "Workgroups enforce encrypted results and a limit on what a query scans."
  }

  assert {
    condition = (
      aws_glue_catalog_database.legacy.location_uri == "s3://grp2-confirmed-tui-dev/legacy" &&
      aws_glue_catalog_database.secured.location_uri == "s3://grp2-confirmed-tui-dev/legacy/secured"
    )
    error_message = "Databases point to where their tables lie."
  }
}
