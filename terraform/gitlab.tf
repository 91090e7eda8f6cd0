# The role with which the trigger stage of the GitLab pipeline drops its files and reads their results. Trust in GitLab
# itself, and the roles that plan and deploy, are terraform/bootstrap's.

locals {
  gitlab_issuer   = trimprefix(var.gitlab.url, "https://")
  gitlab_projects = var.gitlab.project == null ? [] : [var.gitlab.project]
}

data "aws_iam_policy_document" "gitlab_trust" {
  provider = aws.application
  count    = length(local.gitlab_projects)

  statement {
    sid     = "JobsOfTheBranch"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["${local.arn_prefix}:iam::${var.application_account_id}:oidc-provider/${local.gitlab_issuer}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.gitlab_issuer}:aud"
      values   = [var.gitlab.url]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.gitlab_issuer}:sub"
      values   = [join(":", compact(["project_path:${local.gitlab_projects[count.index]}:ref_type:branch:ref:${var.gitlab.branch}", var.gitlab.claims]))]
    }
  }
}

resource "aws_iam_role" "gitlab_trigger" {
  provider = aws.application
  count    = length(local.gitlab_projects)

  name                 = local.names.gitlab_trigger
  description          = "What the trigger stage of the GitLab pipeline may do"
  assume_role_policy   = data.aws_iam_policy_document.gitlab_trust[count.index].json
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "gitlab_trigger" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["gitlab_trigger"].json]

  statement {
    sid       = "DropTriggerFiles"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns.state}/${local.support_scripts_prefix}*"]
  }

  statement {
    sid       = "ReadResults"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.state}/${local.support_results_prefix}*"]
  }

  # Without it S3 answers AccessDenied, not NotFound, for a result that isn't there yet. It asks that of the bucket as a
  # whole: a condition on the prefix would never be met.
  statement {
    sid       = "SeeThatThereIsNoResultYet"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.state]
  }
}

resource "aws_iam_role_policy" "gitlab_trigger" {
  provider = aws.application
  count    = length(local.gitlab_projects)

  name   = "permissions"
  role   = aws_iam_role.gitlab_trigger[count.index].id
  policy = data.aws_iam_policy_document.gitlab_trigger.json
}
