# Roles of analysts: one sees legacy tables, the other all.

locals {
  readers = {
    legacy_reader = {
      description = "Reads conformed legacy tables through Athena"
      principals  = var.legacy_reader_principal_arns
      workgroup   = local.workgroups.legacy
      databases   = ["legacy"]
    }
    secured_reader = {
      description = "Reads all conformed tables through Athena"
      principals  = var.secured_reader_principal_arns
      workgroup   = local.workgroups.secured
      databases   = ["legacy", "secured"]
    }
  }
}

data "aws_iam_policy_document" "reader_trust" {
  provider = aws.application
  for_each = local.readers

  statement {
    sid     = "Analysts"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(each.value.principals) == 0 ? [local.application_root_arn] : each.value.principals
    }
  }
}

resource "aws_iam_role" "reader" {
  provider = aws.application
  for_each = local.readers

  name                 = local.role_names[each.key]
  description          = each.value.description
  assume_role_policy   = data.aws_iam_policy_document.reader_trust[each.key].json
  max_session_duration = var.reader_session_hours * 3600
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "reader" {
  provider = aws.application
  for_each = local.readers

  source_policy_documents = [
    data.aws_iam_policy_document.data_access[each.key].json,
    data.aws_iam_policy_document.key_use[each.key].json,
  ]

  statement {
    sid = "Query"
    actions = [
      "athena:BatchGetNamedQuery",
      "athena:GetNamedQuery",
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:GetWorkGroup",
      "athena:ListNamedQueries",
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
    ]
    resources = ["${local.arn_prefix}:athena:${local.application_arn}:workgroup/${each.value.workgroup.name}"]
  }

  statement {
    sid     = "ReadCatalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
    resources = concat(
      [local.catalog_arn, local.versions_database_arn],
      [for name in each.value.databases : local.database_arns[name]],
      [for name in each.value.databases : local.table_arns[name]],
      flatten([for name in each.value.databases : local.versions_table_arns[name]]),
      contains(each.value.databases, "secured") ? concat([local.quarantine_database_arn], local.quarantine_table_arns) : [],
    )
  }

  statement {
    sid       = "FindResults"
    actions   = ["s3:GetBucketLocation"]
    resources = [local.bucket_arns.athena]
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${local.bucket_arns.athena}/${each.value.workgroup.prefix}*"]
  }

  dynamic "statement" {
    for_each = each.key == "legacy_reader" ? [1] : []
    content {
      sid       = "DenySecuredObjects"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = ["${local.bucket_arns.conformed}/${var.conformed_secured_prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "legacy_reader" ? [1] : []
    content {
      sid       = "DenySecuredListing"
      effect    = "Deny"
      actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
      resources = [local.bucket_arns.conformed]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["${var.conformed_secured_prefix}*"]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "legacy_reader" ? [1] : []
    content {
      sid       = "DenySecuredTables"
      effect    = "Deny"
      actions   = ["glue:*"]
      resources = concat([local.database_arns.secured, local.table_arns.secured], local.versions_table_arns.secured)
    }
  }

  dynamic "statement" {
    for_each = each.key == "legacy_reader" ? [1] : []
    content {
      sid       = "DenyRaw"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [local.bucket_arns.raw, "${local.bucket_arns.raw}/*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "legacy_reader" ? [1] : []
    content {
      sid       = "DenyQuarantine"
      effect    = "Deny"
      actions   = ["glue:*"]
      resources = concat([local.quarantine_database_arn], local.quarantine_table_arns)
    }
  }
}

resource "aws_iam_role_policy" "reader" {
  provider = aws.application
  for_each = local.readers

  name   = "permissions"
  role   = aws_iam_role.reader[each.key].id
  policy = data.aws_iam_policy_document.reader[each.key].json
}
