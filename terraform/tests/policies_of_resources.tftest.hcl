# Whom buckets, queues, topics and keys let in, and whom they keep out.
# The real provider plans without AWS, so these are the very documents that would be deployed. A statement that is
# added, lost or changed shows up here as a difference from the tables below, which are meant to be read.

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
    # Who may do what on the landing bucket.
    condition = jsonencode({
      for statement in jsondecode(module.landing_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
      }) == jsonencode({
      IngestReadLandedVersions        = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:GetObjectVersion on arn:aws:s3:::grp2-landing-dev/tui/legacy/*"
      IngestTellVanishedFromForbidden = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:ListBucketVersions s3:ListBucket on arn:aws:s3:::grp2-landing-dev"
      OperatorListLanding             = "arn:aws:iam::222222222222:role/tui-etl-operator-dev : s3:ListBucketVersions on arn:aws:s3:::grp2-landing-dev if tui/legacy/*"
      ReconcileListLanding            = "arn:aws:iam::222222222222:role/tui-etl-reconcile-dev-role : s3:ListBucketVersions on arn:aws:s3:::grp2-landing-dev if tui/legacy/*"
      ReingestLand                    = "arn:aws:iam::222222222222:role/tui-reingest-dev : s3:PutObject on arn:aws:s3:::grp2-landing-dev/tui/legacy/*/reingested/*"
      ReingestReadLandedVersions      = "arn:aws:iam::222222222222:role/tui-reingest-dev : s3:GetObjectVersion on arn:aws:s3:::grp2-landing-dev/tui/legacy/*"
      SupportCleanupListLanding       = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:ListBucketVersions on arn:aws:s3:::grp2-landing-dev if tui/legacy/*"
      SupportCleanupMoveLanded        = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:PutObject s3:GetObjectVersion s3:DeleteObjectVersion on arn:aws:s3:::grp2-landing-dev/tui/legacy/*"
      SupportTriggerLandAgain         = "arn:aws:iam::222222222222:role/tui-copygluetrigger-support-dev-role : s3:PutObject s3:GetObject on arn:aws:s3:::grp2-landing-dev/tui/legacy/*"
      SupportTriggerListLanding       = "arn:aws:iam::222222222222:role/tui-copygluetrigger-support-dev-role : s3:ListBucketVersions s3:ListBucket on arn:aws:s3:::grp2-landing-dev"
    })
    error_message = "Who may do what on the landing bucket: ${jsonencode({
      for statement in jsondecode(module.landing_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
    })}"
  }

  assert {
    # Who may do what on the raw bucket.
    condition = jsonencode({
      for statement in jsondecode(module.raw_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
      }) == jsonencode({
      ClassifyListTemp            = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-dev if tui/legacy/temp/*"
      ClassifyReadTemp            = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"
      CleanPrefixDeleteTemp       = "arn:aws:iam::222222222222:role/tui-cleanprefix-lambda-dev-role : s3:DeleteObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"
      ConformListQuarantine       = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-dev if tui/legacy/quarantine/* tui/ tui/legacy/ tui/legacy/quarantine/"
      ConformReadQuarantine       = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine arn:aws:s3:::grp2-raw-dev/tui/legacy arn:aws:s3:::grp2-raw-dev/tui"
      ConformWriteQuarantine      = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:PutObject s3:DeleteObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"
      IngestListRaw               = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-dev if tui/legacy/quarantine/* tui/legacy/staging/* tui/legacy/temp/* tui/ tui/legacy/ tui/legacy/quarantine/ tui/legacy/temp/"
      IngestReadRaw               = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/* arn:aws:s3:::grp2-raw-dev/tui/legacy/temp arn:aws:s3:::grp2-raw-dev/tui/legacy/staging/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine arn:aws:s3:::grp2-raw-dev/tui/legacy arn:aws:s3:::grp2-raw-dev/tui"
      IngestStageCopies           = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:PutObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-raw-dev/tui/legacy/staging/*"
      IngestWriteRaw              = "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role : s3:PutObject s3:DeleteObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"
      ReingestListQuarantine      = "arn:aws:iam::222222222222:role/tui-reingest-dev : s3:ListBucket on arn:aws:s3:::grp2-raw-dev if tui/legacy/quarantine/committed-rows/* tui/legacy/quarantine/reingested-rows/*"
      ReingestNote                = "arn:aws:iam::222222222222:role/tui-reingest-dev : s3:PutObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingested-rows/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingest-plans/*"
      ReingestReadQuarantine      = "arn:aws:iam::222222222222:role/tui-reingest-dev : s3:GetObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"
      SecuredReaderListQuarantine = "arn:aws:iam::222222222222:role/tui-secured-reader-dev : s3:ListBucket on arn:aws:s3:::grp2-raw-dev if tui/legacy/quarantine/committed-rows/* tui/legacy/quarantine/reingested-rows/*"
      SecuredReaderReadQuarantine = "arn:aws:iam::222222222222:role/tui-secured-reader-dev : s3:GetObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingested-rows/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/committed-rows/*"
      SupportCleanupKeepCopies    = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:PutObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/_cleanup/*"
      SupportCleanupListRaw       = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:ListBucketVersions on arn:aws:s3:::grp2-raw-dev if tui/legacy/quarantine/* tui/legacy/staging/* tui/legacy/temp/*"
      SupportCleanupRemoveRaw     = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:GetObjectVersion s3:DeleteObjectVersion s3:DeleteObject on arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/* arn:aws:s3:::grp2-raw-dev/tui/legacy/staging/* arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"
    })
    error_message = "Who may do what on the raw bucket: ${jsonencode({
      for statement in jsondecode(module.raw_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
    })}"
  }

  assert {
    # Who may do what on the legacy bucket.
    condition = jsonencode({
      for statement in jsondecode(module.legacy_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
      }) == jsonencode({
      ClassifyListLegacy         = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-tui-legacy-dev if tui/legacy/* tui/ tui/legacy/"
      ClassifyReadLegacy         = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/* arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy arn:aws:s3:::grp2-raw-tui-legacy-dev/tui"
      ClassifyWriteLegacy        = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:PutObject s3:DeleteObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"
      ConformListLegacy          = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-tui-legacy-dev if tui/legacy/*"
      ConformReadLegacy          = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"
      SupportCleanupListLegacy   = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:ListBucketVersions on arn:aws:s3:::grp2-raw-tui-legacy-dev if tui/legacy/*"
      SupportCleanupRemoveLegacy = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:GetObjectVersion s3:DeleteObjectVersion s3:DeleteObject on arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"
    })
    error_message = "Who may do what on the legacy bucket: ${jsonencode({
      for statement in jsondecode(module.legacy_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
    })}"
  }

  assert {
    # Who may do what on the secured bucket.
    condition = jsonencode({
      for statement in jsondecode(module.secured_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
      }) == jsonencode({
      ClassifyListSecured         = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-tui-secured-dev if tui/legacy/* tui/ tui/legacy/"
      ClassifyReadSecured         = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/* arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy arn:aws:s3:::grp2-raw-tui-secured-dev/tui"
      ClassifyWriteSecured        = "arn:aws:iam::222222222222:role/glue-2-dev-role : s3:PutObject s3:DeleteObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"
      ConformListSecured          = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:ListBucket on arn:aws:s3:::grp2-raw-tui-secured-dev if tui/legacy/*"
      ConformReadSecured          = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:GetObject on arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"
      SupportCleanupListSecured   = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:ListBucketVersions on arn:aws:s3:::grp2-raw-tui-secured-dev if tui/legacy/*"
      SupportCleanupRemoveSecured = "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role : s3:GetObjectVersion s3:DeleteObjectVersion s3:DeleteObject on arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"
    })
    error_message = "Who may do what on the secured bucket: ${jsonencode({
      for statement in jsondecode(module.secured_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
    })}"
  }

  assert {
    # Who may do what on the conformed bucket.
    condition = jsonencode({
      for statement in jsondecode(module.conformed_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
      }) == jsonencode({
      ConformListTables       = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:ListBucket on arn:aws:s3:::grp2-confirmed-tui-dev if legacy/*"
      ConformReadTables       = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:GetObject on arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"
      ConformWriteTables      = "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role : s3:PutObject s3:DeleteObject s3:AbortMultipartUpload on arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"
      LegacyReaderListTables  = "arn:aws:iam::222222222222:role/tui-legacy-reader-dev : s3:ListBucket on arn:aws:s3:::grp2-confirmed-tui-dev if legacy/?*/*"
      LegacyReaderReadTables  = "arn:aws:iam::222222222222:role/tui-legacy-reader-dev : s3:GetObject on arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"
      SecuredReaderListTables = "arn:aws:iam::222222222222:role/tui-secured-reader-dev : s3:ListBucket on arn:aws:s3:::grp2-confirmed-tui-dev if legacy/*"
      SecuredReaderReadTables = "arn:aws:iam::222222222222:role/tui-secured-reader-dev : s3:GetObject on arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"
    })
    error_message = "Who may do what on the conformed bucket: ${jsonencode({
      for statement in jsondecode(module.conformed_bucket.policy).Statement : statement.Sid => join(" ", flatten([
        statement.Condition.ArnEquals["aws:PrincipalArn"], ":", statement.Action, "on", statement.Resource, try(["if", statement.Condition.StringLike["s3:prefix"]], []),
      ])) if statement.Effect == "Allow"
    })}"
  }
}

run "denials" {
  command = plan

  assert {
    # The legacy reader's own role, first half of the fence around legacy/secured/.
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement if statement.Effect == "Deny"]) == jsonencode([
      {
        Action   = "s3:*"
        Effect   = "Deny"
        Resource = "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/secured/*"
        Sid      = "DenySecuredObjects"
      },
      {
        Action    = ["s3:ListBucketVersions", "s3:ListBucket"]
        Condition = { StringLike = { "s3:prefix" = "legacy/secured/*" } }
        Effect    = "Deny"
        Resource  = "arn:aws:s3:::grp2-confirmed-tui-dev"
        Sid       = "DenySecuredListing"
      },
      {
        Action = "glue:*"
        Effect = "Deny"
        Resource = [
          "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured_files",
          "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured",
          "arn:aws:glue:us-east-1:222222222222:table/tui_secured_dev/*",
          "arn:aws:glue:us-east-1:222222222222:database/tui_secured_dev",
        ]
        Sid = "DenySecuredTables"
      },
      {
        Action   = "s3:*"
        Effect   = "Deny"
        Resource = ["arn:aws:s3:::grp2-raw-dev/*", "arn:aws:s3:::grp2-raw-dev"]
        Sid      = "DenyRaw"
      },
      {
        Action = "glue:*"
        Effect = "Deny"
        Resource = [
          "arn:aws:glue:us-east-1:222222222222:table/tui_quarantine_dev/reingested",
          "arn:aws:glue:us-east-1:222222222222:table/tui_quarantine_dev/quarantine",
          "arn:aws:glue:us-east-1:222222222222:database/tui_quarantine_dev",
        ]
        Sid = "DenyQuarantine"
      },
    ])
    error_message = data.aws_iam_policy_document.reader["legacy_reader"].json
  }

  assert {
    # The conformed bucket, second half.
    condition = jsonencode([for statement in jsondecode(module.conformed_bucket.policy).Statement : statement if statement.Effect == "Deny"]) == jsonencode([
      {
        Action    = "s3:*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::222222222222:role/tui-legacy-reader-dev" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/secured/*"
        Sid       = "DenyLegacyReaderSecuredObjects"
      },
      {
        Action = ["s3:ListBucketVersions", "s3:ListBucket"]
        Condition = {
          ArnEquals  = { "aws:PrincipalArn" = "arn:aws:iam::222222222222:role/tui-legacy-reader-dev" }
          StringLike = { "s3:prefix" = "legacy/secured/*" }
        }
        Effect    = "Deny"
        Principal = "*"
        Resource  = "arn:aws:s3:::grp2-confirmed-tui-dev"
        Sid       = "DenyLegacyReaderSecuredListing"
      },
      {
        Action    = "s3:*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = ["arn:aws:s3:::grp2-confirmed-tui-dev/*", "arn:aws:s3:::grp2-confirmed-tui-dev"]
        Sid       = "DenyPlainHttp"
      },
    ])
    error_message = module.conformed_bucket.policy
  }

  assert {
    # The raw bucket, where quarantine lies.
    condition = jsonencode([for statement in jsondecode(module.raw_bucket.policy).Statement : statement if statement.Effect == "Deny" && statement.Sid != "DenyPlainHttp"]) == jsonencode([
      {
        Action    = "s3:*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = "arn:aws:iam::222222222222:role/tui-legacy-reader-dev" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = ["arn:aws:s3:::grp2-raw-dev/*", "arn:aws:s3:::grp2-raw-dev"]
        Sid       = "DenyLegacyReader"
      },
    ])
    error_message = module.raw_bucket.policy
  }

  assert {
    condition = alltrue([for bucket, policy in {
      grp2-landing-dev         = module.landing_bucket.policy
      grp2-raw-dev             = module.raw_bucket.policy
      grp2-raw-tui-legacy-dev  = module.legacy_bucket.policy
      grp2-raw-tui-secured-dev = module.secured_bucket.policy
      grp2-confirmed-tui-dev   = module.conformed_bucket.policy
      ingest-scripts-dev       = module.scripts_bucket.policy
      ft-ingest-dev-use1-tui   = module.state_bucket.policy
      ft-athena-dev-use1-tui   = module.athena_bucket.policy
      } : contains([for statement in jsondecode(policy).Statement : jsonencode(statement)], jsonencode({
        Action    = "s3:*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = ["arn:aws:s3:::${bucket}/*", "arn:aws:s3:::${bucket}"]
        Sid       = "DenyPlainHttp"
    }))])
    error_message = "Every bucket must refuse plain HTTP."
  }

  assert {
    condition = alltrue([for policy in concat(
      [for document in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup, module.ingest, module.classify, module.conform] : document.policy],
      [for document in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket, module.scripts_bucket, module.state_bucket, module.athena_bucket] : document.policy],
      values(data.aws_iam_policy_document.reader)[*].json,
      [data.aws_iam_policy_document.reingest.json, data.aws_iam_policy_document.rollback.json, data.aws_iam_policy_document.optimizer.json],
      values(data.aws_iam_policy_document.queue)[*].json,
      values(data.aws_iam_policy_document.topic)[*].json,
      [data.aws_iam_policy_document.operator.json, data.aws_iam_policy_document.schedule.json, data.aws_iam_policy_document.job_failures.json],
      [data.aws_iam_policy_document.data_key.json, data.aws_iam_policy_document.application_key.json, data.aws_iam_policy_document.messaging_key.json],
      ) : alltrue([for statement in jsondecode(policy).Statement :
        can(statement.Sid) && !can(statement.NotAction) && !can(statement.NotResource) && !can(statement.NotPrincipal) &&
        (statement.Effect == "Deny" || !strcontains(join(" ", flatten([statement.Action])), "*"))
    ])])
    error_message = "Every statement has a sid, and none that allows has a wildcard in its actions."
  }

  assert {
    # Inline policies of a role may have 10,240 characters together, a bucket policy 20,480.
    condition = alltrue(concat(
      [for document in [module.copy_prefix, module.clean_prefix, module.optimization_trigger, module.success_fail_event, module.reconcile, module.support_trigger["copyglue"], module.support_trigger["glue2"], module.support_trigger["optimization"], module.support_cleanup, module.ingest, module.classify, module.conform] : length(jsonencode(jsondecode(document.policy))) < 10240],
      [for document in values(data.aws_iam_policy_document.reader) : length(jsonencode(jsondecode(document.json))) < 10240],
      [length(jsonencode(jsondecode(data.aws_iam_policy_document.operator.json))) < 10240],
      [for document in [module.landing_bucket, module.raw_bucket, module.legacy_bucket, module.secured_bucket, module.conformed_bucket] : length(jsonencode(jsondecode(document.policy))) < 20480],
    ))
    error_message = "A policy is too long for IAM or S3."
  }
}

run "queues_topics_and_keys" {
  command = plan

  assert {
    condition = jsonencode(jsondecode(data.aws_iam_policy_document.queue["landing"].json).Statement) == jsonencode([
      {
        Action = "sqs:SendMessage"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::grp2-landing-dev" }
          StringEquals = { "aws:SourceAccount" = "111111111111" }
        }
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Resource  = "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"
        Sid       = "LandingBucketSends"
      },
      {
        Action    = "sqs:*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"
        Sid       = "DenyPlainHttp"
      },
    ])
    error_message = data.aws_iam_policy_document.queue["landing"].json
  }

  assert {
    condition = jsonencode(jsondecode(data.aws_iam_policy_document.queue["events_dlq"].json).Statement) == jsonencode([
      {
        Action = "sqs:SendMessage"
        Condition = { ArnEquals = { "aws:SourceArn" = [
          "arn:aws:events:us-east-1:222222222222:rule/glue-2-dev-failed",
          "arn:aws:events:us-east-1:222222222222:rule/tui-copyprefix-glue1-dev-failed",
          "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-classify-succeeded",
          "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-glue-state-change",
          "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-job-state-change",
          "arn:aws:events:us-east-1:222222222222:rule/tui-etl-dev-reconcile-interval",
          "arn:aws:events:us-east-1:222222222222:rule/tui-etl-glue3-raw-to-confirmed-dev-failed",
        ] } }
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Resource  = "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"
        Sid       = "RulesSend"
      },
      {
        Action    = "sqs:*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
        Effect    = "Deny"
        Principal = "*"
        Resource  = "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"
        Sid       = "DenyPlainHttp"
      },
    ])
    error_message = data.aws_iam_policy_document.queue["events_dlq"].json
  }

  assert {
    condition     = [for statement in jsondecode(data.aws_iam_policy_document.queue["landing_dlq"].json).Statement : statement.Effect] == ["Deny"]
    error_message = "Nobody gets into the landing dead-letter queue by its policy."
  }

  assert {
    condition = alltrue([for pair in [
      [aws_sqs_queue_policy.landing.policy, data.aws_iam_policy_document.queue["landing"].json],
      [aws_sqs_queue_policy.landing_dlq.policy, data.aws_iam_policy_document.queue["landing_dlq"].json],
      [aws_sqs_queue_policy.events_dlq.policy, data.aws_iam_policy_document.queue["events_dlq"].json],
      [aws_sns_topic_policy.notifications.policy, data.aws_iam_policy_document.topic["notifications"].json],
      [aws_sns_topic_policy.alerts.policy, data.aws_iam_policy_document.topic["alerts"].json],
      [aws_kms_key.data.policy, data.aws_iam_policy_document.data_key.json],
      [aws_kms_key.application.policy, data.aws_iam_policy_document.application_key.json],
      [aws_kms_key.messaging.policy, data.aws_iam_policy_document.messaging_key.json],
      [aws_iam_role_policy.schedule.policy, data.aws_iam_policy_document.schedule.json],
      [aws_iam_role_policy.operator.policy, data.aws_iam_policy_document.operator.json],
      [aws_iam_role_policy.reader["legacy_reader"].policy, data.aws_iam_policy_document.reader["legacy_reader"].json],
      [aws_iam_role_policy.reader["secured_reader"].policy, data.aws_iam_policy_document.reader["secured_reader"].json],
      [aws_iam_role_policy.reingest.policy, data.aws_iam_policy_document.reingest.json],
      [aws_iam_role_policy.rollback.policy, data.aws_iam_policy_document.rollback.json],
      [aws_cloudwatch_log_resource_policy.job_failures.policy_document, data.aws_iam_policy_document.job_failures.json],
    ] : jsondecode(pair[0]) == jsondecode(pair[1])])
    error_message = "Each queue, topic, key and role must be given its own policy."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.topic["alerts"].json).Statement : statement if statement.Effect == "Allow"]) == jsonencode([{
      Action    = "sns:Publish"
      Condition = { StringEquals = { "aws:SourceAccount" = "222222222222" } }
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"
      Sid       = "AlarmsOfThisAccount"
    }])
    error_message = "Only alarms of the application account publish to the alerts topic by its policy."
  }

  assert {
    condition     = length([for statement in jsondecode(data.aws_iam_policy_document.topic["notifications"].json).Statement : statement if statement.Effect == "Allow"]) == 0
    error_message = "Nobody publishes to the notifications topic by its policy."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.data_key.json).Statement : statement if statement.Sid != "OwningAccountDecides"]) == jsonencode([
      {
        Action = "kms:Decrypt"
        Condition = {
          ArnEquals = { "aws:PrincipalArn" = [
            "arn:aws:iam::222222222222:role/glue-2-dev-role",
            "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role",
            "arn:aws:iam::222222222222:role/tui-copygluetrigger-support-dev-role",
            "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role",
            "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role",
            "arn:aws:iam::222222222222:role/tui-legacy-reader-dev",
            "arn:aws:iam::222222222222:role/tui-reingest-dev",
            "arn:aws:iam::222222222222:role/tui-secured-reader-dev",
          ] }
          StringEquals = { "kms:ViaService" = "s3.us-east-1.amazonaws.com" }
        }
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::222222222222:root" }
        Resource  = "*"
        Sid       = "ApplicationRolesRead"
      },
      {
        Action = "kms:GenerateDataKey"
        Condition = {
          ArnEquals = { "aws:PrincipalArn" = [
            "arn:aws:iam::222222222222:role/glue-2-dev-role",
            "arn:aws:iam::222222222222:role/tui-cleanup-support-dev-role",
            "arn:aws:iam::222222222222:role/tui-copygluetrigger-support-dev-role",
            "arn:aws:iam::222222222222:role/tui-copyprefix-glue1-dev-role",
            "arn:aws:iam::222222222222:role/tui-etl-glue3-raw-to-confirmed-dev-role",
            "arn:aws:iam::222222222222:role/tui-reingest-dev",
          ] }
          StringEquals = { "kms:ViaService" = "s3.us-east-1.amazonaws.com" }
        }
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::222222222222:root" }
        Resource  = "*"
        Sid       = "ApplicationRolesWrite"
      },
    ])
    error_message = data.aws_iam_policy_document.data_key.json
  }

  assert {
    condition = { for statement in jsondecode(data.aws_iam_policy_document.messaging_key.json).Statement : statement.Sid => "${join(" ", sort(flatten([statement.Principal.Service])))}: ${join(" ", sort(statement.Action))} for ${statement.Condition.StringEquals["aws:SourceAccount"]}" if statement.Sid != "OwningAccountDecides" } == {
      LandingBucketNotifies        = "s3.amazonaws.com: kms:Decrypt kms:GenerateDataKey for 111111111111"
      EventsAndAlarmsOfThisAccount = "cloudwatch.amazonaws.com events.amazonaws.com: kms:Decrypt kms:GenerateDataKey for 222222222222"
    }
    error_message = "Without these, notifications of the landing bucket, dead letters and alarms are lost in silence: ${data.aws_iam_policy_document.messaging_key.json}"
  }

  assert {
    condition = [for statement in jsondecode(data.aws_iam_policy_document.application_key.json).Statement : "${statement.Principal.Service} ${statement.Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"]}" if statement.Sid != "OwningAccountDecides"] == [
      "logs.us-east-1.amazonaws.com arn:aws:logs:us-east-1:222222222222:log-group:*"
    ]
    error_message = data.aws_iam_policy_document.application_key.json
  }

  assert {
    condition = {
      data        = [for statement in jsondecode(data.aws_iam_policy_document.data_key.json).Statement : statement.Principal.AWS if statement.Sid == "OwningAccountDecides"]
      application = [for statement in jsondecode(data.aws_iam_policy_document.application_key.json).Statement : statement.Principal.AWS if statement.Sid == "OwningAccountDecides"]
      messaging   = [for statement in jsondecode(data.aws_iam_policy_document.messaging_key.json).Statement : statement.Principal.AWS if statement.Sid == "OwningAccountDecides"]
      } == {
      data        = ["arn:aws:iam::111111111111:root"]
      application = ["arn:aws:iam::222222222222:root"]
      messaging   = ["arn:aws:iam::222222222222:root"]
    }
    error_message = "Each key is its own account's."
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.schedule_trust.json).Statement[0] == {
      Action = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:us-east-1:222222222222:schedule-group/tui-etl-dev" }
        StringEquals = { "aws:SourceAccount" = "222222222222" }
      }
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Sid       = "SchedulesOfThisGroup"
    }
    error_message = data.aws_iam_policy_document.schedule_trust.json
  }

  assert {
    condition = alltrue([for role in [
      { trust = module.copy_prefix.trust, service = "lambda" },
      { trust = module.clean_prefix.trust, service = "lambda" },
      { trust = module.optimization_trigger.trust, service = "lambda" },
      { trust = module.success_fail_event.trust, service = "lambda" },
      { trust = module.reconcile.trust, service = "lambda" },
      { trust = module.support_trigger["copyglue"].trust, service = "lambda" },
      { trust = module.support_trigger["glue2"].trust, service = "lambda" },
      { trust = module.support_trigger["optimization"].trust, service = "lambda" },
      { trust = module.support_cleanup.trust, service = "lambda" },
      { trust = module.ingest.trust, service = "glue" },
      { trust = module.classify.trust, service = "glue" },
      { trust = module.conform.trust, service = "glue" },
      ] : [for statement in jsondecode(role.trust).Statement : [statement.Action, statement.Principal]] == [[
        "sts:AssumeRole",
        { Service = "${role.service}.amazonaws.com" },
    ]]])
    error_message = "Only the service that runs it may take a role: ${module.copy_prefix.trust} ${module.ingest.trust}"
  }

  assert {
    condition     = alltrue([for document in concat(values(data.aws_iam_policy_document.reader_trust), [data.aws_iam_policy_document.operator_trust]) : jsondecode(document.json).Statement[0].Principal.AWS == "arn:aws:iam::222222222222:root"])
    error_message = "Unless principals are named, IAM of the application account decides who reads and operates."
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.job_failures.json).Statement[0].Condition.ArnEquals["aws:SourceArn"] == [
      for job in ["glue-2-dev", "tui-etl-glue3-raw-to-confirmed-dev", "tui-copyprefix-glue1-dev"] : "arn:aws:events:us-east-1:222222222222:rule/${job}-failed"
    ]
    error_message = data.aws_iam_policy_document.job_failures.json
  }
}

# The denials follow the prefixes, also when secured tables lie beside the legacy ones.
run "secured_tables_may_lie_elsewhere" {
  command = plan

  variables {
    conformed_legacy_prefix  = "open/"
    conformed_secured_prefix = "closed/"
  }

  assert {
    condition = [for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : [statement.Resource, try(statement.Condition.StringLike["s3:prefix"], "")] if statement.Effect == "Deny" && startswith(statement.Sid, "DenySecured") && statement.Action != "glue:*"] == [
      ["arn:aws:s3:::grp2-confirmed-tui-dev/closed/*", ""],
      ["arn:aws:s3:::grp2-confirmed-tui-dev", "closed/*"],
    ]
    error_message = data.aws_iam_policy_document.reader["legacy_reader"].json
  }

  assert {
    condition = [for statement in jsondecode(data.aws_iam_policy_document.data_bucket["conformed"].json).Statement : [statement.Resource, try(statement.Condition.StringLike["s3:prefix"], "")] if statement.Effect == "Deny" && startswith(statement.Sid, "DenyLegacyReader")] == [
      ["arn:aws:s3:::grp2-confirmed-tui-dev/closed/*", ""],
      ["arn:aws:s3:::grp2-confirmed-tui-dev", "closed/*"],
    ]
    error_message = data.aws_iam_policy_document.data_bucket["conformed"].json
  }

  assert {
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.data_bucket["conformed"].json).Statement : statement.Sid => sort(flatten([statement.Resource])) if statement.Effect == "Allow" && statement.Action != "s3:ListBucket" }) == jsonencode({
      ConformReadTables       = ["arn:aws:s3:::grp2-confirmed-tui-dev/closed/*", "arn:aws:s3:::grp2-confirmed-tui-dev/open/*"]
      ConformWriteTables      = ["arn:aws:s3:::grp2-confirmed-tui-dev/closed/*", "arn:aws:s3:::grp2-confirmed-tui-dev/open/*"]
      LegacyReaderReadTables  = ["arn:aws:s3:::grp2-confirmed-tui-dev/open/*"]
      SecuredReaderReadTables = ["arn:aws:s3:::grp2-confirmed-tui-dev/closed/*", "arn:aws:s3:::grp2-confirmed-tui-dev/open/*"]
    })
    error_message = data.aws_iam_policy_document.data_bucket["conformed"].json
  }
}
