# Tables that stay fast and small. Glue 3 looks after what it has changed (--maintenance); a table of which Glue shall do so
# in between is named in table_optimizers.

locals {
  optimized = merge([for table, kinds in var.table_optimizers : {
    for kind in kinds : "${table}.${kind}" => {
      kind     = kind
      database = split(".", table)[0]
      table    = split(".", table)[1]
    }
  }]...)
  optimized_prefixes = [for table in keys(var.table_optimizers) :
    "${startswith(table, "secured.") ? var.conformed_secured_prefix : var.conformed_legacy_prefix}${split(".", table)[1]}/"
  ]
  # Glue's own log groups, one a kind.
  optimizer_log_groups = ["iceberg-compaction", "iceberg-retention", "iceberg-orphan-file-deletion"]

  maintenance_argument = jsonencode(merge(var.maintenance, { managed = { for table, kinds in var.table_optimizers : table => sort(kinds) } }))
}

# The run has committed by then: what fails is told here, and tried again by the next run.
resource "aws_cloudwatch_log_metric_filter" "maintenance_failed" {
  provider = aws.application

  name           = "${local.jobs.conform}-maintenance"
  log_group_name = "/aws-glue/jobs/${local.jobs.conform}/output"
  pattern        = "{ $.message = \"maintenance failed\" }"

  metric_transformation {
    namespace = "tui-etl"
    name      = "${local.jobs.conform}-maintenance"
    value     = "1"
  }

  depends_on = [module.conform]
}

resource "aws_cloudwatch_metric_alarm" "maintenance_failed" {
  provider = aws.application

  alarm_name        = "${local.jobs.conform}-maintenance"
  alarm_description = "Glue 3 could not look after a table; its data is published and whole. The log names the table and the step."
  namespace         = "tui-etl"
  metric_name       = "${local.jobs.conform}-maintenance"

  statistic           = "Sum"
  period              = var.alarm_period_seconds
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alerts.arn]
  ok_actions    = [aws_sns_topic.alerts.arn]
}

data "aws_iam_policy_document" "optimizer_trust" {
  provider = aws.application

  statement {
    sid     = "GlueLooksAfterTables"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "optimizer" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.data_access["optimizer"].json]

  statement {
    sid     = "KeepTables"
    actions = ["glue:GetTable", "glue:UpdateTable"]
    resources = concat(
      [local.catalog_arn],
      sort(distinct([for one in values(local.optimized) : local.database_arns[one.database]])),
      sort(distinct([for one in values(local.optimized) : "${local.arn_prefix}:glue:${local.application_arn}:table/${local.databases[one.database]}/${one.table}"])),
    )
  }

  statement {
    sid     = "WriteOwnLogs"
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for name in local.optimizer_log_groups :
      "${local.log_group_arn_prefix}:/aws-glue/${name}/logs:*"
    ]
  }
}

resource "aws_iam_role" "optimizer" {
  provider = aws.application
  count    = length(local.optimized) > 0 ? 1 : 0

  name                 = local.role_names.optimizer
  description          = "Role of Glue's table optimizers"
  assume_role_policy   = data.aws_iam_policy_document.optimizer_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "optimizer" {
  provider = aws.application
  count    = length(aws_iam_role.optimizer)

  name   = "permissions"
  role   = aws_iam_role.optimizer[0].id
  policy = data.aws_iam_policy_document.optimizer.json
}

resource "aws_glue_catalog_table_optimizer" "this" {
  provider = aws.application
  for_each = local.optimized

  catalog_id    = var.application_account_id
  database_name = local.databases[each.value.database]
  table_name    = each.value.table
  type          = each.value.kind

  configuration {
    role_arn = local.role_arns.optimizer
    enabled  = true

    dynamic "retention_configuration" {
      for_each = each.value.kind == "retention" ? [1] : []
      content {
        iceberg_configuration {
          snapshot_retention_period_in_days = var.maintenance.retain_days
          number_of_snapshots_to_retain     = var.maintenance.retain_snapshots
          clean_expired_files               = true
        }
      }
    }

    dynamic "orphan_file_deletion_configuration" {
      for_each = each.value.kind == "orphan_file_deletion" ? [1] : []
      content {
        iceberg_configuration {
          orphan_file_retention_period_in_days = var.maintenance.orphan_days
        }
      }
    }
  }

  depends_on = [aws_iam_role_policy.optimizer]
}
