# Looking is reading the settings of the things of our names; deploying is that, and changing them. No statement reads
# what they hold, neither an object of a data bucket nor an item of the ledger; only secrets are read, since Terraform's provider
# does, to see whether a version is there.

locals {
  bucket_settings = [
    "s3:GetAccelerateConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket", # by which Terraform asks whether a bucket is there; it shows keys, not content
  ]

  bucket_changes = [
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucket*",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
  ]

  key_settings = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]

  key_changes = [
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DisableKeyRotation",
    "kms:EnableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
  ]

  named = { for kind, prefix in {
    alarms     = "cloudwatch:${local.here}:alarm:"
    athena     = "athena:${local.here}:workgroup/"
    functions  = "lambda:${local.here}:function:"
    jobs       = "glue:${local.here}:job/"
    log_groups = "logs:${local.here}:log-group:*/"
    queues     = "sqs:${local.here}:"
    roles      = "iam::${var.application_account_id}:role/"
    rules      = "events:${local.here}:rule/"
    schedules  = "scheduler:${local.here}:*/"
    secrets    = "secretsmanager:${local.here}:secret:"
    tables     = "dynamodb:${local.here}:table/"
    topics     = "sns:${local.here}:"
  } : kind => [for name in local.names : "${local.arn}:${prefix}${name}"] }

  catalog = concat(
    ["${local.arn}:glue:${local.here}:catalog"],
    [for name in local.databases : "${local.arn}:glue:${local.here}:database/${name}"],
    [for name in local.databases : "${local.arn}:glue:${local.here}:table/${name}/*"],
  )

  state_bucket_arn        = "${local.arn}:s3:::${local.state_bucket}"
  data_bucket_arns        = [for name in local.data_buckets : "${local.arn}:s3:::${name}"]
  application_bucket_arns = [for name in local.application_buckets : "${local.arn}:s3:::${name}"]

  data_key_arns = [
    "${local.arn}:kms:${var.region}:${var.data_account_id}:key/*",
    "${local.arn}:kms:${var.region}:${var.data_account_id}:alias/tui-etl-${var.environment}*",
  ]
  application_key_arns = ["${local.arn}:kms:${local.here}:key/*", "${local.arn}:kms:${local.here}:alias/tui-etl-${var.environment}*"]
}

data "aws_iam_policy_document" "data_look" {
  provider = aws.data

  statement {
    sid       = "LookAtBuckets"
    actions   = local.bucket_settings
    resources = local.data_bucket_arns
  }

  statement {
    sid       = "FindKeys"
    actions   = ["kms:ListAliases"] # AWS lets it be granted for no particular key
    resources = ["*"]
  }

  statement {
    sid       = "LookAtKeys"
    actions   = local.key_settings
    resources = local.data_key_arns
  }
}

data "aws_iam_policy_document" "data_deploy" {
  provider                = aws.data
  source_policy_documents = [data.aws_iam_policy_document.data_look.json]

  statement {
    sid       = "SettleBuckets"
    actions   = local.bucket_changes
    resources = local.data_bucket_arns
  }

  statement {
    sid       = "MakeKeys"
    actions   = ["kms:CreateKey"] # nor this
    resources = ["*"]
  }

  statement {
    sid       = "SettleKeys"
    actions   = local.key_changes
    resources = local.data_key_arns
  }
}

# A plan of a merge request compares the code with the state, and with nothing else: any branch may have one made.
data "aws_iam_policy_document" "plan" {
  provider = aws.application

  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [local.state_bucket_arn]
  }

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject"]
    resources = ["${local.state_bucket_arn}/*"]
  }
}

locals {
  look = {
    LookAtAlarms    = { actions = ["cloudwatch:ListTagsForResource"], resources = local.named.alarms }
    LookAtAthena    = { actions = ["athena:GetNamedQuery", "athena:GetWorkGroup", "athena:ListTagsForResource"], resources = local.named.athena }
    LookAtCatalog   = { actions = ["glue:GetDatabase", "glue:GetPartitionIndexes", "glue:GetTable", "glue:GetTableOptimizer", "glue:GetTags"], resources = local.catalog }
    LookAtFunctions = { actions = ["lambda:Get*", "lambda:List*"], resources = local.named.functions }
    LookAtJobs      = { actions = ["glue:GetJob", "glue:GetTags"], resources = local.named.jobs }
    LookAtLogs      = { actions = ["logs:DescribeMetricFilters", "logs:ListTagsForResource", "logs:ListTagsLogGroup"], resources = local.named.log_groups }
    LookAtQueues    = { actions = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"], resources = local.named.queues }
    LookAtRoles     = { actions = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"], resources = local.named.roles }
    LookAtRules     = { actions = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"], resources = local.named.rules }
    LookAtSchedules = { actions = ["scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"], resources = local.named.schedules }
    LookAtSecrets   = { actions = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue"], resources = local.named.secrets }
    LookAtTables    = { actions = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"], resources = local.named.tables }
    LookAtTopics    = { actions = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"], resources = local.named.topics }
  }

  settle = {
    SettleAlarms    = { actions = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"], resources = local.named.alarms }
    SettleAthena    = { actions = ["athena:CreateNamedQuery", "athena:CreateWorkGroup", "athena:DeleteNamedQuery", "athena:DeleteWorkGroup", "athena:TagResource", "athena:UntagResource", "athena:UpdateWorkGroup"], resources = local.named.athena }
    SettleCatalog   = { actions = ["glue:CreateDatabase", "glue:CreateTable", "glue:CreateTableOptimizer", "glue:DeleteDatabase", "glue:DeleteTable", "glue:DeleteTableOptimizer", "glue:UpdateDatabase", "glue:UpdateTable", "glue:UpdateTableOptimizer", "glue:TagResource", "glue:UntagResource"], resources = local.catalog }
    SettleFunctions = { actions = ["lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction*", "lambda:PutFunction*", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateFunction*"], resources = local.named.functions }
    SettleJobs      = { actions = ["glue:CreateJob", "glue:DeleteJob", "glue:TagResource", "glue:UntagResource", "glue:UpdateJob"], resources = local.named.jobs }
    SettleLogs      = { actions = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DeleteRetentionPolicy", "logs:DisassociateKmsKey", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"], resources = local.named.log_groups }
    SettleQueues    = { actions = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"], resources = local.named.queues }
    SettleRoles     = { actions = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"], resources = local.named.roles }
    SettleRules     = { actions = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource"], resources = local.named.rules }
    SettleSchedules = { actions = ["scheduler:CreateSchedule", "scheduler:CreateScheduleGroup", "scheduler:DeleteSchedule", "scheduler:DeleteScheduleGroup", "scheduler:TagResource", "scheduler:UntagResource", "scheduler:UpdateSchedule"], resources = local.named.schedules }
    SettleSecrets   = { actions = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"], resources = local.named.secrets }
    SettleTables    = { actions = ["dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable"], resources = local.named.tables }
    SettleTopics    = { actions = ["sns:CreateTopic", "sns:DeleteTopic", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"], resources = local.named.topics }
  }
}

# What compares the accounts with the code: the plan that will be applied, and the drift check.
data "aws_iam_policy_document" "application_look" {
  provider                = aws.application
  source_policy_documents = [data.aws_iam_policy_document.plan.json]

  statement {
    sid       = "LockState"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["${local.state_bucket_arn}/*.tflock"]
  }

  statement {
    sid       = "LookAtBuckets"
    actions   = local.bucket_settings
    resources = local.application_bucket_arns
  }

  statement {
    sid       = "ReadScripts"
    actions   = ["s3:GetObject", "s3:GetObjectTagging"]
    resources = ["${local.arn}:s3:::${local.scripts_bucket}/*"]
  }

  statement {
    sid = "Find" # lists, which are of no particular thing
    actions = [
      "cloudwatch:DescribeAlarms",
      "events:ListRules",
      "kms:ListAliases",
      "lambda:GetEventSourceMapping",
      "lambda:ListEventSourceMappings",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "secretsmanager:ListSecrets",
      "sns:GetSubscriptionAttributes",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "LookAtQueueMappings"
    actions   = ["lambda:ListTags"]
    resources = ["${local.arn}:lambda:${local.here}:event-source-mapping:*"]
  }

  statement {
    sid       = "LookAtKeys"
    actions   = concat(local.key_settings, ["kms:Decrypt"]) # of the secrets and the scripts
    resources = local.application_key_arns
  }
}

data "aws_iam_policy_document" "application_deploy" {
  provider                = aws.application
  source_policy_documents = [data.aws_iam_policy_document.application_look.json]

  statement {
    sid       = "SettleBuckets"
    actions   = local.bucket_changes
    resources = local.application_bucket_arns
  }

  statement {
    sid       = "PutScripts"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject", "s3:PutObjectTagging"]
    resources = ["${local.arn}:s3:::${local.scripts_bucket}/*"]
  }

  statement {
    sid       = "WriteState"
    actions   = ["s3:PutObject"]
    resources = ["${local.state_bucket_arn}/*"]
  }

  statement {
    sid = "Make" # what has no name before it is made
    actions = [
      "kms:CreateKey",
      "lambda:CreateEventSourceMapping",
      "lambda:DeleteEventSourceMapping",
      "lambda:UpdateEventSourceMapping",
      "logs:DeleteResourcePolicy",
      "logs:PutResourcePolicy",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "TagQueueMappings"
    actions   = ["lambda:TagResource", "lambda:UntagResource"]
    resources = ["${local.arn}:lambda:${local.here}:event-source-mapping:*"]
  }

  statement {
    sid       = "SettleKeys"
    actions   = concat(local.key_changes, ["kms:CreateGrant", "kms:Encrypt", "kms:GenerateDataKey"])
    resources = local.application_key_arns
  }

  # With a boundary, no role is made or given rights that lacks it.
  statement {
    sid       = "GrantToRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = local.named.roles

    dynamic "condition" {
      for_each = var.permissions_boundary_arn == null ? [] : [var.permissions_boundary_arn]
      content {
        test     = "StringEquals"
        variable = "iam:PermissionsBoundary"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid       = "HandRolesToServices"
    actions   = ["iam:PassRole"]
    resources = local.named.roles

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["glue.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }

  # A deployment could otherwise let itself in anywhere: its own roles match our names.
  statement {
    sid       = "LeaveOwnRolesAlone"
    effect    = "Deny"
    actions   = ["iam:*"]
    resources = [for name in values(local.role_names) : "${local.arn}:iam::${var.application_account_id}:role/${name}"]
  }
}

# In policies of their own: all of it is more than a role may have inline.
data "aws_iam_policy_document" "named" {
  provider = aws.application
  for_each = { look = local.look, settle = local.settle }

  dynamic "statement" {
    for_each = each.value
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}
