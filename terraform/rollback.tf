# The role of who rolls a dataset back: starts Glue 3, which alone writes tables and runs one at a time, and reads its report.

data "aws_iam_policy_document" "rollback_trust" {
  provider = aws.application

  statement {
    sid     = "Engineers"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(var.rollback_principal_arns) == 0 ? [local.application_root_arn] : var.rollback_principal_arns
    }
  }
}

resource "aws_iam_role" "rollback" {
  provider = aws.application

  name                 = local.role_names.rollback
  description          = "Rolls conformed tables back"
  assume_role_policy   = data.aws_iam_policy_document.rollback_trust.json
  max_session_duration = var.reader_session_hours * 3600
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "rollback" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["rollback"].json]

  statement {
    sid       = "HaveGlue3RollBack"
    actions   = ["glue:GetJobRun", "glue:StartJobRun"]
    resources = [local.job_arns.conform]
  }

  statement {
    sid       = "ReadItsReports"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.state}/reports/stage=3/*"]
  }
}

resource "aws_iam_role_policy" "rollback" {
  provider = aws.application

  name   = "permissions"
  role   = aws_iam_role.rollback.id
  policy = data.aws_iam_policy_document.rollback.json
}
