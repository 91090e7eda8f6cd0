# What each role may do.
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

run "roles" {
  command = plan

  assert {
    # What copy-prefix may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                     = "dynamodb:BatchGetItem dynamodb:PutItem"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                      = "glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                    = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                      = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-copyprefix-lambda-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"                                    = "sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage"
      "arn:aws:sqs:us-east-1:222222222222:tui-landing-dlq-dev"                                = "sqs:SendMessage"
    })
    error_message = "What copy-prefix may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions copy-prefix may do it.
    condition = jsonencode({ for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com"
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions copy-prefix may do it: ${jsonencode({ for statement in jsondecode(module.copy_prefix.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What clean-prefix may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                      = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:UpdateItem"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                     = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-cleanprefix-lambda-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=1/*"                                = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=2/*"                                = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"                                            = "s3:DeleteObject"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                  = "sqs:SendMessage"
    })
    error_message = "What clean-prefix may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions clean-prefix may do it.
    condition = jsonencode({ for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions clean-prefix may do it: ${jsonencode({ for statement in jsondecode(module.clean_prefix.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What optimization-trigger may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                                        = "dynamodb:GetItem"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"                               = "glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                                       = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                                         = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-glue-optimization-job-trigger-lambda-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                                    = "sqs:SendMessage"
    })
    error_message = "What optimization-trigger may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions optimization-trigger may do it.
    condition = jsonencode({ for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com"
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions optimization-trigger may do it: ${jsonencode({ for statement in jsondecode(module.optimization_trigger.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What success-fail-event may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                            = "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                           = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                             = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-etl-successfailevent-sns-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/reports/*"                                                = "s3:GetObject"
      "arn:aws:secretsmanager:us-east-1:222222222222:secret:tui-etl-servicenow-dev-AbCdEf"           = "secretsmanager:GetSecretValue"
      "arn:aws:sns:us-east-1:222222222222:tui-etl-alerts-dev"                                        = "sns:Publish"
      "arn:aws:sns:us-east-1:222222222222:tui-etl-notifications-dev"                                 = "sns:Publish"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                        = "sqs:SendMessage"
    })
    error_message = "What success-fail-event may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions success-fail-event may do it.
    condition = jsonencode({ for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "secretsmanager.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = ["sqs.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com"]
        }
      }
    })
    error_message = "Under which conditions success-fail-event may do it: ${jsonencode({ for statement in jsondecode(module.success_fail_event.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What reconcile may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.reconcile.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.reconcile.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                 = "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:events:us-east-1:222222222222:event-bus/default"                           = "events:PutEvents"
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"                                = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                  = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"        = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                  = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-etl-reconcile-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::grp2-landing-dev"                                                     = "s3:ListBucketVersions"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                             = "sqs:SendMessage"
    })
    error_message = "What reconcile may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.reconcile.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.reconcile.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions reconcile may do it.
    condition = jsonencode({ for statement in jsondecode(module.reconcile.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com"
        }
      }
      ReconcileListLanding = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
      TellOfUntoldRuns = {
        StringEquals = {
          "events:source" = "tui-etl.reconcile"
        }
      }
    })
    error_message = "Under which conditions reconcile may do it: ${jsonencode({ for statement in jsondecode(module.reconcile.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What support-trigger of copyglue may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                           = "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                            = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:kms:us-east-1:111111111111:key/data"                                                 = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                          = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                            = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-copygluetrigger-support-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/requests/*"                                 = "s3:GetObjectVersion s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/copyglue/*"                         = "s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/copyglue/*"                         = "s3:GetObjectVersion"
      "arn:aws:s3:::grp2-landing-dev"                                                               = "s3:ListBucket s3:ListBucketVersions"
      "arn:aws:s3:::grp2-landing-dev/tui/legacy/*"                                                  = "s3:GetObject s3:PutObject"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                       = "sqs:SendMessage"
    })
    error_message = "What support-trigger of copyglue may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions support-trigger of copyglue may do it.
    condition = jsonencode({ for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions support-trigger of copyglue may do it: ${jsonencode({ for statement in jsondecode(module.support_trigger["copyglue"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What support-trigger of glue2 may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                        = "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"                                       = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                         = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-glue2trigger-support-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/requests/*"                              = "s3:GetObjectVersion s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/glue2/*"                         = "s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/glue2/*"                         = "s3:GetObjectVersion"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                    = "sqs:SendMessage"
    })
    error_message = "What support-trigger of glue2 may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions support-trigger of glue2 may do it.
    condition = jsonencode({ for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions support-trigger of glue2 may do it: ${jsonencode({ for statement in jsondecode(module.support_trigger["glue2"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What support-trigger of optimization may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                                                = "dynamodb:BatchGetItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"                                       = "glue:GetJobRun glue:GetJobRuns glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                                               = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                                                 = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-glue-optimization-job-support-trigger-lambda-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/requests/*"                                                      = "s3:GetObjectVersion s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/optimization/*"                                          = "s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/optimization/*"                                          = "s3:GetObjectVersion"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                                                            = "sqs:SendMessage"
    })
    error_message = "What support-trigger of optimization may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions support-trigger of optimization may do it.
    condition = jsonencode({ for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions support-trigger of optimization may do it: ${jsonencode({ for statement in jsondecode(module.support_trigger["optimization"].policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What support-cleanup may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                   = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"                                  = "glue:GetJobRun"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                    = "glue:GetJobRun"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"          = "glue:GetJobRun"
      "arn:aws:kms:us-east-1:111111111111:key/data"                                         = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                  = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                    = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/tui-cleanup-support-dev:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/requests/*"                         = "s3:GetObjectVersion s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/cleanup/*"                  = "s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/cleanup/*"                  = "s3:GetObjectVersion"
      "arn:aws:s3:::grp2-landing-dev"                                                       = "s3:ListBucketVersions"
      "arn:aws:s3:::grp2-landing-dev/tui/legacy/*"                                          = "s3:DeleteObjectVersion s3:GetObjectVersion s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev"                                                           = "s3:ListBucketVersions"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"                                   = "s3:DeleteObject s3:DeleteObjectVersion s3:GetObjectVersion"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/_cleanup/*"                          = "s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/staging/*"                                      = "s3:DeleteObject s3:DeleteObjectVersion s3:GetObjectVersion"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"                                         = "s3:DeleteObject s3:DeleteObjectVersion s3:GetObjectVersion"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev"                                                = "s3:ListBucketVersions"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"                                   = "s3:DeleteObject s3:DeleteObjectVersion s3:GetObjectVersion"
      "arn:aws:s3:::grp2-raw-tui-secured-dev"                                               = "s3:ListBucketVersions"
      "arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"                                  = "s3:DeleteObject s3:DeleteObjectVersion s3:GetObjectVersion"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                               = "sqs:SendMessage"
    })
    error_message = "What support-cleanup may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions support-cleanup may do it.
    condition = jsonencode({ for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
      SupportCleanupListLanding = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      SupportCleanupListLegacy = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      SupportCleanupListRaw = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/quarantine/*", "tui/legacy/staging/*", "tui/legacy/temp/*"]
        }
      }
      SupportCleanupListSecured = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions support-cleanup may do it: ${jsonencode({ for statement in jsondecode(module.support_cleanup.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What Glue 1 may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.ingest.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.ingest.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "*"                                                                                              = "cloudwatch:PutMetricData"
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                              = "dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                               = "glue:GetJobRun"
      "arn:aws:kms:us-east-1:111111111111:key/data"                                                    = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                             = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/tui-copyprefix-glue1-dev/error:*"  = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/tui-copyprefix-glue1-dev/output:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=1/*"                                        = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/reports/stage=1/*"                                          = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-landing-dev"                                                                  = "s3:ListBucket s3:ListBucketVersions"
      "arn:aws:s3:::grp2-landing-dev/tui/legacy/*"                                                     = "s3:GetObjectVersion"
      "arn:aws:s3:::grp2-raw-dev"                                                                      = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-dev/tui"                                                                  = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy"                                                           = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine"                                                = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"                                              = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/staging/*"                                                 = "s3:AbortMultipartUpload s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/temp"                                                      = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"                                                    = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::ingest-scripts-dev/jobs/ingest.py"                                                 = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/lib/*"                                                          = "s3:GetObject"
    })
    error_message = "What Glue 1 may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.ingest.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.ingest.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions Glue 1 may do it.
    condition = jsonencode({ for statement in jsondecode(module.ingest.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      IngestListRaw = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/quarantine/*", "tui/legacy/staging/*", "tui/legacy/temp/*", "tui/", "tui/legacy/", "tui/legacy/quarantine/", "tui/legacy/temp/"]
        }
      }
      PublishJobMetrics = {
        StringEquals = {
          "cloudwatch:namespace" = "Glue"
        }
      }
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions Glue 1 may do it: ${jsonencode({ for statement in jsondecode(module.ingest.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What Glue 2 may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.classify.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.classify.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "*"                                                                                 = "cloudwatch:PutMetricData"
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                 = "dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"                                = "glue:GetJobRun"
      "arn:aws:kms:us-east-1:111111111111:key/data"                                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/glue-2-dev/error:*"   = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/glue-2-dev/output:*"  = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui"                                               = "s3:ListBucket"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage"                                       = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage/stage=2"                               = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage/stage=2/*"                             = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=1/*"                           = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=2/*"                           = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/reports/stage=2/*"                             = "s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev"                                                         = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/temp/*"                                       = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev"                                              = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev/tui"                                          = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy"                                   = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"                                 = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-raw-tui-secured-dev"                                             = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-tui-secured-dev/tui"                                         = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy"                                  = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"                                = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::ingest-scripts-dev/contracts/contracts.json"                          = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/jobs/classify.py"                                  = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/lib/*"                                             = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/rules/classification.json"                         = "s3:GetObject"
      "arn:aws:secretsmanager:us-east-1:222222222222:secret:tui-etl-mask-salt-dev-AbCdEf" = "secretsmanager:GetSecretValue"
    })
    error_message = "What Glue 2 may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.classify.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.classify.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions Glue 2 may do it.
    condition = jsonencode({ for statement in jsondecode(module.classify.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ClassifyListLegacy = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/*", "tui/", "tui/legacy/"]
        }
      }
      ClassifyListSecured = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/*", "tui/", "tui/legacy/"]
        }
      }
      ClassifyListTemp = {
        StringLike = {
          "s3:prefix" = "tui/legacy/temp/*"
        }
      }
      ListLineage = {
        StringLike = {
          "s3:prefix" = ["lineage/stage=2/*", "lineage/"]
        }
      }
      PublishJobMetrics = {
        StringEquals = {
          "cloudwatch:namespace" = "Glue"
        }
      }
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "secretsmanager.us-east-1.amazonaws.com"]
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions Glue 2 may do it: ${jsonencode({ for statement in jsondecode(module.classify.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What Glue 3 may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.conform.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.conform.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "*"                                                                                                        = "cloudwatch:PutMetricData"
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                                        = "dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
      "arn:aws:glue:us-east-1:222222222222:catalog"                                                              = "glue:CreateTable glue:DeleteTable glue:GetDatabase glue:GetTable glue:GetTables glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:database/tui_legacy_dev"                                              = "glue:CreateTable glue:DeleteTable glue:GetDatabase glue:GetTable glue:GetTables glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:database/tui_secured_dev"                                             = "glue:CreateTable glue:DeleteTable glue:GetDatabase glue:GetTable glue:GetTables glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:database/tui_versions_dev"                                            = "glue:CreateTable glue:GetDatabase glue:GetTable glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"                               = "glue:GetJobRun"
      "arn:aws:glue:us-east-1:222222222222:table/tui_legacy_dev/*"                                               = "glue:CreateTable glue:GetDatabase glue:GetTable glue:GetTables glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_legacy_dev/*_current"                                       = "glue:DeleteTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_secured_dev/*"                                              = "glue:CreateTable glue:GetDatabase glue:GetTable glue:GetTables glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_secured_dev/*_current"                                      = "glue:DeleteTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy"                                        = "glue:CreateTable glue:GetDatabase glue:GetTable glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy_files"                                  = "glue:CreateTable glue:GetDatabase glue:GetTable glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured"                                       = "glue:CreateTable glue:GetDatabase glue:GetTable glue:UpdateTable"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured_files"                                 = "glue:CreateTable glue:GetDatabase glue:GetTable glue:UpdateTable"
      "arn:aws:kms:us-east-1:111111111111:key/data"                                                              = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/tui-etl-glue3-raw-to-confirmed-dev/error:*"  = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:logs:us-east-1:222222222222:log-group:/aws-glue/jobs/tui-etl-glue3-raw-to-confirmed-dev/output:*" = "logs:CreateLogStream logs:PutLogEvents"
      "arn:aws:s3:::ft-ingest-dev-use1-tui"                                                                      = "s3:ListBucket s3:ListBucket"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/contracts/learned/*"                                                  = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage"                                                              = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage/stage=3"                                                      = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage/stage=3/*"                                                    = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=2/*"                                                  = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/stage=3/*"                                                  = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/reports/stage=3/*"                                                    = "s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-confirmed-tui-dev"                                                                      = "s3:ListBucket"
      "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"                                                             = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev"                                                                                = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-dev/tui"                                                                            = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy"                                                                     = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine"                                                          = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"                                                        = "s3:AbortMultipartUpload s3:DeleteObject s3:GetObject s3:PutObject"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev"                                                                     = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-tui-legacy-dev/tui/legacy/*"                                                        = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-tui-secured-dev"                                                                    = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-tui-secured-dev/tui/legacy/*"                                                       = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/contracts/contracts.json"                                                 = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/jobs/conform.py"                                                          = "s3:GetObject"
      "arn:aws:s3:::ingest-scripts-dev/lib/*"                                                                    = "s3:GetObject"
    })
    error_message = "What Glue 3 may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(module.conform.policy).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(module.conform.policy).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions Glue 3 may do it.
    condition = jsonencode({ for statement in jsondecode(module.conform.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ConformListLegacy = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      ConformListQuarantine = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/quarantine/*", "tui/", "tui/legacy/", "tui/legacy/quarantine/"]
        }
      }
      ConformListSecured = {
        StringLike = {
          "s3:prefix" = "tui/legacy/*"
        }
      }
      ConformListTables = {
        StringLike = {
          "s3:prefix" = "legacy/*"
        }
      }
      ListLearnedContracts = {
        StringLike = {
          "s3:prefix" = "contracts/learned/*"
        }
      }
      ListLineage = {
        StringLike = {
          "s3:prefix" = ["lineage/stage=3/*", "lineage/"]
        }
      }
      PublishJobMetrics = {
        StringEquals = {
          "cloudwatch:namespace" = "Glue"
        }
      }
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions Glue 3 may do it: ${jsonencode({ for statement in jsondecode(module.conform.policy).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What the schedule may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"    = "glue:StartJobRun"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"      = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev" = "sqs:SendMessage"
    })
    error_message = "What the schedule may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions the schedule may do it.
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      SendWithMessagingKey = {
        StringEquals = {
          "kms:ViaService" = "sqs.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions the schedule may do it: ${jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What the operator may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Resource])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Action if contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev"                  = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query"
      "arn:aws:glue:us-east-1:222222222222:job/glue-2-dev"                                 = "glue:GetJobRuns"
      "arn:aws:glue:us-east-1:222222222222:job/tui-copyprefix-glue1-dev"                   = "glue:GetJobRuns"
      "arn:aws:glue:us-east-1:222222222222:job/tui-etl-glue3-raw-to-confirmed-dev"         = "glue:GetJobRuns"
      "arn:aws:kms:us-east-1:222222222222:key/application"                                 = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/messaging"                                   = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:s3:::ft-ingest-dev-use1-tui"                                                = "s3:ListBucket"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/*"                         = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/*"                         = "s3:PutObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/lineage/*"                                      = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/manifests/*"                                    = "s3:GetObject"
      "arn:aws:s3:::ft-ingest-dev-use1-tui/reports/*"                                      = "s3:GetObject"
      "arn:aws:s3:::grp2-landing-dev"                                                      = "s3:ListBucketVersions"
      "arn:aws:scheduler:us-east-1:222222222222:schedule/tui-etl-dev/tui-glue2-friday-dev" = "scheduler:GetSchedule"
      "arn:aws:sqs:us-east-1:222222222222:tui-events-dlq-dev"                              = "sqs:ChangeMessageVisibility sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ReceiveMessage"
      "arn:aws:sqs:us-east-1:222222222222:tui-landing-dev"                                 = "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:SendMessage"
      "arn:aws:sqs:us-east-1:222222222222:tui-landing-dlq-dev"                             = "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListMessageMoveTasks sqs:ReceiveMessage sqs:StartMessageMoveTask"
    })
    error_message = "What the operator may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Resource])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Action if contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions the operator may do it.
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Sid => statement.Condition if can(statement.Condition) }) == jsonencode({
      OperatorListLanding     = { StringLike = { "s3:prefix" = "tui/legacy/*" } }
      ReadWithApplicationKey  = { StringEquals = { "kms:ViaService" = ["dynamodb.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"] } }
      SendWithMessagingKey    = { StringEquals = { "kms:ViaService" = "sqs.us-east-1.amazonaws.com" } }
      WriteWithApplicationKey = { StringEquals = { "kms:ViaService" = "s3.us-east-1.amazonaws.com" } }
    })
    error_message = "Under which conditions the operator may do it: ${jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.operator.json).Statement : statement.Sid => statement.Condition if can(statement.Condition) })}"
  }

  assert {
    # What the legacy reader may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:athena:us-east-1:222222222222:workgroup/tui-etl-legacy-dev"      = "athena:BatchGetNamedQuery athena:GetNamedQuery athena:GetQueryExecution athena:GetQueryResults athena:GetWorkGroup athena:ListNamedQueries athena:StartQueryExecution athena:StopQueryExecution"
      "arn:aws:glue:us-east-1:222222222222:catalog"                             = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_legacy_dev"             = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_versions_dev"           = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_legacy_dev/*"              = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy"       = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy_files" = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:kms:us-east-1:111111111111:key/data"                             = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/application"                      = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:s3:::ft-athena-dev-use1-tui"                                     = "s3:GetBucketLocation"
      "arn:aws:s3:::ft-athena-dev-use1-tui/legacy/*"                            = "s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject"
      "arn:aws:s3:::grp2-confirmed-tui-dev"                                     = "s3:ListBucket"
      "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"                            = "s3:GetObject"
    })
    error_message = "What the legacy reader may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions the legacy reader may do it.
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      LegacyReaderListTables = {
        StringLike = {
          "s3:prefix" = "legacy/?*/*"
        }
      }
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions the legacy reader may do it: ${jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.reader["legacy_reader"].json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What the secured reader may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:athena:us-east-1:222222222222:workgroup/tui-etl-dev"              = "athena:BatchGetNamedQuery athena:GetNamedQuery athena:GetQueryExecution athena:GetQueryResults athena:GetWorkGroup athena:ListNamedQueries athena:StartQueryExecution athena:StopQueryExecution"
      "arn:aws:glue:us-east-1:222222222222:catalog"                              = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_legacy_dev"              = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_quarantine_dev"          = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_secured_dev"             = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:database/tui_versions_dev"            = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_legacy_dev/*"               = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_quarantine_dev/quarantine"  = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_quarantine_dev/reingested"  = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_secured_dev/*"              = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy"        = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/legacy_files"  = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured"       = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:glue:us-east-1:222222222222:table/tui_versions_dev/secured_files" = "glue:GetDatabase glue:GetTable glue:GetTables"
      "arn:aws:kms:us-east-1:111111111111:key/data"                              = "kms:Decrypt"
      "arn:aws:kms:us-east-1:222222222222:key/application"                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:s3:::ft-athena-dev-use1-tui"                                      = "s3:GetBucketLocation"
      "arn:aws:s3:::ft-athena-dev-use1-tui/results/*"                            = "s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject"
      "arn:aws:s3:::grp2-confirmed-tui-dev"                                      = "s3:ListBucket"
      "arn:aws:s3:::grp2-confirmed-tui-dev/legacy/*"                             = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev"                                                = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/committed-rows/*"         = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingested-rows/*"        = "s3:GetObject"
    })
    error_message = "What the secured reader may do: ${jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
    })}"
  }

  assert {
    # Under which conditions the secured reader may do it.
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      SecuredReaderListQuarantine = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/quarantine/committed-rows/*", "tui/legacy/quarantine/reingested-rows/*"]
        }
      }
      SecuredReaderListTables = {
        StringLike = {
          "s3:prefix" = "legacy/*"
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
      WriteWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions the secured reader may do it: ${jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.reader["secured_reader"].json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" })}"
  }

  assert {
    # What the role that lands quarantined records again may do.
    condition = jsonencode({
      for arn in distinct(flatten([for statement in jsondecode(data.aws_iam_policy_document.reingest.json).Statement : statement.Resource if statement.Effect == "Allow"])) : arn => join(" ", sort(flatten([
        for statement in jsondecode(data.aws_iam_policy_document.reingest.json).Statement : statement.Action if statement.Effect == "Allow" && contains(flatten([statement.Resource]), arn)
      ])))
      }) == jsonencode({
      "arn:aws:dynamodb:us-east-1:222222222222:table/tui-file-ledger-dev" = "dynamodb:GetItem dynamodb:UpdateItem"
      "arn:aws:kms:us-east-1:111111111111:key/data"                       = "kms:Decrypt kms:GenerateDataKey"
      "arn:aws:kms:us-east-1:222222222222:key/application"                = "kms:Decrypt"
      "arn:aws:s3:::grp2-landing-dev/tui/legacy/*"                        = "s3:GetObjectVersion"
      "arn:aws:s3:::grp2-landing-dev/tui/legacy/*/reingested/*"           = "s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev"                                         = "s3:ListBucket"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/*"                 = "s3:GetObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingest-plans/*"  = "s3:PutObject"
      "arn:aws:s3:::grp2-raw-dev/tui/legacy/quarantine/reingested-rows/*" = "s3:PutObject"
    })
    error_message = "What the role that lands quarantined records again may do: ${data.aws_iam_policy_document.reingest.json}"
  }

  assert {
    # Under which conditions that role may do it.
    condition = jsonencode({ for statement in jsondecode(data.aws_iam_policy_document.reingest.json).Statement : statement.Sid => statement.Condition if can(statement.Condition) && statement.Effect == "Allow" }) == jsonencode({
      ReadWithApplicationKey = {
        StringEquals = {
          "kms:ViaService" = "dynamodb.us-east-1.amazonaws.com"
        }
      }
      ReingestListQuarantine = {
        StringLike = {
          "s3:prefix" = ["tui/legacy/quarantine/committed-rows/*", "tui/legacy/quarantine/reingested-rows/*"]
        }
      }
      UseKeyOfTheData = {
        StringEquals = {
          "kms:ViaService" = "s3.us-east-1.amazonaws.com"
        }
      }
    })
    error_message = "Under which conditions that role may do it: ${data.aws_iam_policy_document.reingest.json}"
  }
}

run "a_project_of_gitlab_drops_trigger_files_and_reads_their_answers" {
  command = plan

  variables {
    gitlab = { url = "https://gitlab.example.com", project = "group/tui-etl", branch = "release" }
  }

  assert {
    condition = jsondecode(data.aws_iam_policy_document.gitlab_trust[0].json).Statement == [{
      Sid       = "JobsOfTheBranch"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::222222222222:oidc-provider/gitlab.example.com" }
      Condition = {
        StringEquals = {
          "gitlab.example.com:aud" = "https://gitlab.example.com"
          "gitlab.example.com:sub" = "project_path:group/tui-etl:ref_type:branch:ref:release"
        }
      }
    }]
    error_message = "The trigger role trusts the tokens of one project's one branch."
  }

  assert {
    condition = [for statement in jsondecode(data.aws_iam_policy_document.gitlab_trigger.json).Statement : statement if !startswith(statement.Sid, "ReadWith") && !startswith(statement.Sid, "WriteWith")] == [
      { Sid = "DropTriggerFiles", Effect = "Allow", Action = "s3:PutObject", Resource = "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/scripts/*" },
      { Sid = "ReadResults", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::ft-ingest-dev-use1-tui/intermediary/results/*" },
      { Sid = "SeeThatThereIsNoResultYet", Effect = "Allow", Action = "s3:ListBucket", Resource = "arn:aws:s3:::ft-ingest-dev-use1-tui" },
    ]
    error_message = "The trigger role puts trigger files and reads answers."
  }
}

run "with_claims_only_jobs_of_the_environment_drop_trigger_files" {
  command = plan

  variables {
    gitlab = { project = "group/tui-etl", claims = "environment_protected:true:deployment_tier:production" }
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.gitlab_trust[0].json).Statement[0].Condition.StringEquals["gitlab.com:sub"] == "project_path:group/tui-etl:ref_type:branch:ref:main:environment_protected:true:deployment_tier:production"
    error_message = "The trigger role must ask for the claims of the environment."
  }
}

run "without_a_project_of_gitlab_nobody_comes_in_from_there" {
  command = plan

  assert {
    condition     = length(aws_iam_role.gitlab_trigger) == 0
    error_message = "There is a trigger role although no project is named."
  }
}
