# What an account needs before a pipeline can deploy into it: a place for Terraform's state, trust in one GitLab
# project, and the roles that its jobs take. Applied by an administrator, once per environment.

locals {
  accounts = { data = var.data_account_id, application = var.application_account_id }

  state_bucket        = replace(var.state_bucket, "{env}", var.environment)
  data_buckets        = [for name in var.data_buckets : replace(name, "{env}", var.environment)]
  application_buckets = [for name in var.application_buckets : replace(name, "{env}", var.environment)]
  scripts_bucket      = replace(var.scripts_bucket, "{env}", var.environment)
  names               = [for pattern in var.name_patterns : replace(pattern, "{env}", var.environment)]
  databases           = [for pattern in var.database_patterns : replace(pattern, "{env}", var.environment)]

  arn        = "arn:${var.partition}"
  here       = "${var.region}:${var.application_account_id}"
  issuer     = trimprefix(var.gitlab_url, "https://")
  role_names = { for purpose in ["plan", "look", "deploy"] : purpose => "tui-etl-${purpose}-${var.environment}" }

  # What GitLab writes into a token's subject. A merge request's pipeline runs on its branch, so planning is open to all
  # branches of the project; looking is open to one, and deploying to those of its jobs that run in the environment, if
  # the subject tells them from the others. No branch has a colon in its name.
  of_branch = "project_path:${var.gitlab_project}:ref_type:branch:ref:${var.gitlab_branch}"
  subjects = {
    plan   = ["project_path:${var.gitlab_project}:ref_type:branch:ref:*"]
    look   = [local.of_branch, "${local.of_branch}:*"]
    deploy = [join(":", compact([local.of_branch, var.gitlab_claims]))]
  }
  provider_arns = { for account, id in local.accounts : account => "${local.arn}:iam::${id}:oidc-provider/${local.issuer}" }
}

resource "aws_s3_bucket" "state" {
  provider = aws.application

  bucket = local.state_bucket
}

resource "aws_s3_bucket_versioning" "state" {
  provider = aws.application

  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  provider = aws.application

  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  provider = aws.application

  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_iam_openid_connect_provider" "data" {
  provider = aws.data
  count    = var.gitlab_provider_exists ? 0 : 1

  url            = var.gitlab_url
  client_id_list = [var.gitlab_url]
}

resource "aws_iam_openid_connect_provider" "application" {
  provider = aws.application
  count    = var.gitlab_provider_exists ? 0 : 1

  url            = var.gitlab_url
  client_id_list = [var.gitlab_url]
}

data "aws_iam_policy_document" "trust" {
  provider = aws.application
  for_each = { for pair in setproduct(keys(local.accounts), keys(local.role_names)) : join(" ", pair) => { account = pair[0], role = pair[1] } }

  statement {
    sid     = "JobsOfTheProject"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arns[each.value.account]]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = [var.gitlab_url]
    }

    condition {
      test     = each.value.role == "deploy" ? "StringEquals" : "StringLike"
      variable = "${local.issuer}:sub"
      values   = local.subjects[each.value.role]
    }
  }
}

resource "aws_iam_role" "data" {
  provider = aws.data
  for_each = local.role_names

  name                 = each.value
  description          = "What the GitLab project's jobs may do here: ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.trust["data ${each.key}"].json
  max_session_duration = var.session_hours * 3600
}

resource "aws_iam_role" "application" {
  provider = aws.application
  for_each = local.role_names

  name                 = each.value
  description          = "What the GitLab project's jobs may do here: ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.trust["application ${each.key}"].json
  max_session_duration = var.session_hours * 3600
}

locals {
  policies = {
    data = {
      look   = data.aws_iam_policy_document.data_look.json
      deploy = data.aws_iam_policy_document.data_deploy.json
    }
    application = {
      plan   = data.aws_iam_policy_document.plan.json
      look   = data.aws_iam_policy_document.application_look.json
      deploy = data.aws_iam_policy_document.application_deploy.json
    }
  }
}

# A branch's plan asks the data account for nothing, but Terraform wants to be let in.
resource "aws_iam_role_policy" "data" {
  provider = aws.data
  for_each = local.policies.data

  name   = "permissions"
  role   = aws_iam_role.data[each.key].id
  policy = each.value
}

resource "aws_iam_role_policy" "application" {
  provider = aws.application
  for_each = local.role_names

  name   = "permissions"
  role   = aws_iam_role.application[each.key].id
  policy = local.policies.application[each.key]
}

resource "aws_iam_policy" "named" {
  provider = aws.application
  for_each = data.aws_iam_policy_document.named

  name        = "${local.role_names.deploy}-${each.key}"
  description = "What a deployment may do with the things of our names: ${each.key}"
  policy      = each.value.json
}

resource "aws_iam_role_policy_attachment" "named" {
  provider = aws.application
  for_each = aws_iam_policy.named

  role       = aws_iam_role.application["deploy"].name
  policy_arn = each.value.arn
}

resource "aws_iam_role_policy_attachment" "look" {
  provider = aws.application

  role       = aws_iam_role.application["look"].name
  policy_arn = aws_iam_policy.named["look"].arn
}
