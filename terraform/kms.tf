# Three keys: the data's in the data account; in the application account one for what lies still (ledger, secrets,
# logs, its own buckets) and one for what is sent (queues, topics), as that one is used by AWS services too.

locals {
  # By way of a local, so that a policy that names a key can be read in a plan: Terraform puts a document off that
  # refers to a resource yet to be made, even when the value is known.
  key_arns = {
    data        = aws_kms_key.data.arn
    application = aws_kms_key.application.arn
    messaging   = aws_kms_key.messaging.arn
  }

  # What an account's own IAM may grant on its keys: all that kms:* would be for a symmetric key.
  key_owner_actions = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
  ]
}

data "aws_iam_policy_document" "data_key" {
  provider = aws.data

  statement {
    sid       = "OwningAccountDecides"
    actions   = local.key_owner_actions
    resources = ["*"] # in a key policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.data_root_arn]
    }
  }

  statement {
    sid       = "ApplicationRolesRead"
    actions   = ["kms:Decrypt"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.application_root_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = local.data_key_readers
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "ApplicationRolesWrite"
    actions   = ["kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.application_root_arn]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = local.data_key_writers
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_kms_key" "data" {
  provider = aws.data

  description             = "tui-etl ${var.environment}: the data"
  policy                  = data.aws_iam_policy_document.data_key.json
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
}

resource "aws_kms_alias" "data" {
  provider = aws.data

  name          = "alias/${local.names.key_prefix}-data"
  target_key_id = aws_kms_key.data.key_id
}

data "aws_iam_policy_document" "application_key" {
  provider = aws.application

  statement {
    sid       = "OwningAccountDecides"
    actions   = local.key_owner_actions
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.application_root_arn]
    }
  }

  statement {
    sid = "LogsOfThisAccount"
    actions = [
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["${local.log_group_arn_prefix}:*"]
    }
  }
}

resource "aws_kms_key" "application" {
  provider = aws.application

  description             = "tui-etl ${var.environment}: ledger, secrets, logs, scripts and state"
  policy                  = data.aws_iam_policy_document.application_key.json
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
}

resource "aws_kms_alias" "application" {
  provider = aws.application

  name          = "alias/${local.names.key_prefix}-application"
  target_key_id = aws_kms_key.application.key_id
}

data "aws_iam_policy_document" "messaging_key" {
  provider = aws.application

  statement {
    sid       = "OwningAccountDecides"
    actions   = local.key_owner_actions
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.application_root_arn]
    }
  }

  statement {
    # Without this, S3 can't write to the encrypted landing queue and drops its notifications in silence.
    sid       = "LandingBucketNotifies"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.data_account_id]
    }
  }

  statement {
    sid       = "EventsAndAlarmsOfThisAccount"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.application_account_id]
    }
  }
}

resource "aws_kms_key" "messaging" {
  provider = aws.application

  description             = "tui-etl ${var.environment}: queues and topics"
  policy                  = data.aws_iam_policy_document.messaging_key.json
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
}

resource "aws_kms_alias" "messaging" {
  provider = aws.application

  name          = "alias/${local.names.key_prefix}-messaging"
  target_key_id = aws_kms_key.messaging.key_id
}
