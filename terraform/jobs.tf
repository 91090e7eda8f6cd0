# What the three Glue jobs have in common.

locals {
  log_group_arn_prefix = "${local.arn_prefix}:logs:${local.application_arn}:log-group"
  log_key_arn          = var.encrypt_logs ? aws_kms_key.application.arn : null

  stages = { ingest = 1, classify = 2, conform = 3 }

  job_arguments = {
    "--environment"  = var.environment
    "--ledger_table" = aws_dynamodb_table.ledger.name
    "--state_bucket" = local.buckets.state
    "--started_by"   = "a person" # whoever starts a run by machine says who it is
  }

  # Glue takes one --conf; further settings are chained inside its value.
  spark_conf_argument = length(var.spark_conf) == 0 ? {} : {
    "--conf" = join(" --conf ", [for key, value in var.spark_conf : "${key}=${value}"])
  }
}

# Taking work, and committing it, is the same for each stage.
data "aws_iam_policy_document" "job" {
  provider = aws.application
  for_each = local.stages

  statement {
    sid = "TakeAndCommitWork"
    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "AskWhetherAnotherRunEnded"
    actions   = ["glue:GetJobRun"]
    resources = [local.job_arns[each.key]]
  }

  statement {
    sid       = "ReadScriptAndLibrary"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.scripts}/jobs/${each.key}.py", "${local.bucket_arns.scripts}/lib/*"]
  }

  statement {
    # A run reads the manifests of its own stage (who held this item before?) and of the stage before (its input).
    sid       = "ReadManifests"
    actions   = ["s3:GetObject"]
    resources = [for stage in range(max(1, each.value - 1), each.value + 1) : "${local.bucket_arns.state}/manifests/stage=${stage}/*"]
  }

  statement {
    sid       = "WriteManifestAndReport"
    actions   = ["s3:PutObject"]
    resources = [for kind in ["manifests", "reports"] : "${local.bucket_arns.state}/${kind}/stage=${each.value}/*"]
  }

  # A report names what its run refused: the next run publishes that for one which was cut off after its commit.
  dynamic "statement" {
    for_each = each.key == "classify" ? [] : [each.value]
    content {
      sid       = "ReadReports"
      actions   = ["s3:GetObject"]
      resources = ["${local.bucket_arns.state}/reports/stage=${statement.value}/*"]
    }
  }

  # The numbers by file of Glue 2 and Glue 3, which Spark writes: in a folder of their own, as writing takes deleting.
  dynamic "statement" {
    for_each = each.value > 1 ? [each.value] : []
    content {
      sid       = "WriteLineage"
      actions   = concat(["s3:GetObject"], local.write_actions)
      resources = ["${local.bucket_arns.state}/lineage/stage=${statement.value}/*"]
    }
  }

  dynamic "statement" {
    for_each = each.value > 1 ? [each.value] : []
    content {
      sid       = "LookAboveLineage"
      actions   = ["s3:GetObject"]
      resources = [for key in ["lineage", "lineage/stage=${statement.value}"] : "${local.bucket_arns.state}/${key}"]
    }
  }

  dynamic "statement" {
    for_each = each.value > 1 ? [each.value] : []
    content {
      sid       = "ListLineage"
      actions   = ["s3:ListBucket"]
      resources = [local.bucket_arns.state]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["lineage/stage=${statement.value}/*", "lineage/"]
      }
    }
  }
}
