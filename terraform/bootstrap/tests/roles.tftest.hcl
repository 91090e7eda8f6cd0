# Who may come in from GitLab, and what a deployment may do. Planned against the real provider, offline.

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
  environment            = "prod"
  data_account_id        = "111111111111"
  application_account_id = "222222222222"
  gitlab_project         = "group/sub/tui-etl"
  gitlab_url             = "https://gitlab.example.com"
}

run "only_the_projects_branch_deploys" {
  command = plan

  assert {
    condition = alltrue([for name in ["data deploy", "application deploy"] :
      jsondecode(data.aws_iam_policy_document.trust[name].json).Statement[0].Condition == {
        StringEquals = {
          "gitlab.example.com:aud" = "https://gitlab.example.com"
          "gitlab.example.com:sub" = "project_path:group/sub/tui-etl:ref_type:branch:ref:main"
        }
    }])
    error_message = "The deploy roles must trust the tokens of one project's one branch, made for AWS to read."
  }

  assert {
    condition = alltrue([for name in ["data plan", "application plan"] :
      jsondecode(data.aws_iam_policy_document.trust[name].json).Statement[0].Condition == {
        StringEquals = { "gitlab.example.com:aud" = "https://gitlab.example.com" }
        StringLike   = { "gitlab.example.com:sub" = "project_path:group/sub/tui-etl:ref_type:branch:ref:*" }
    }])
    error_message = "The plan roles must trust the tokens of one project's branches."
  }

  assert {
    condition = alltrue([for name in ["data look", "application look"] :
      toset(jsondecode(data.aws_iam_policy_document.trust[name].json).Statement[0].Condition.StringLike["gitlab.example.com:sub"]) == toset([
        "project_path:group/sub/tui-etl:ref_type:branch:ref:main",
        "project_path:group/sub/tui-etl:ref_type:branch:ref:main:*",
    ])])
    error_message = "The look roles must trust the tokens of one project's one branch, in whichever environment its jobs run."
  }

  assert {
    condition = alltrue([for name, document in data.aws_iam_policy_document.trust :
      jsondecode(document.json).Statement[0].Principal == {
        Federated = "arn:aws:iam::${startswith(name, "data") ? "111111111111" : "222222222222"}:oidc-provider/gitlab.example.com"
    }])
    error_message = "A role trusts the GitLab instance of its own account's provider, and nobody else."
  }
}

run "with_claims_only_jobs_of_the_environment_deploy" {
  command = plan

  variables {
    gitlab_claims = "environment_protected:true:deployment_tier:production"
  }

  assert {
    condition = alltrue([for name in ["data deploy", "application deploy"] :
      jsondecode(data.aws_iam_policy_document.trust[name].json).Statement[0].Condition.StringEquals["gitlab.example.com:sub"]
      == "project_path:group/sub/tui-etl:ref_type:branch:ref:main:environment_protected:true:deployment_tier:production"
    ])
    error_message = "The deploy roles must ask for the claims of the environment."
  }
}

run "a_look_changes_nothing_but_locks" {
  command = plan

  assert {
    condition = alltrue(flatten([for document in [data.aws_iam_policy_document.data_look, data.aws_iam_policy_document.application_look, data.aws_iam_policy_document.named["look"]] :
      [for statement in jsondecode(document.json).Statement :
        [for action in flatten([statement.Action]) : can(regex("^[a-z0-9]+:(Describe|Get|List)", action)) || action == "kms:Decrypt"]
    if statement.Sid != "LockState"]]))
    error_message = "What compares the accounts with the code reads them."
  }

  assert {
    condition = one([for statement in jsondecode(data.aws_iam_policy_document.application_look.json).Statement : statement if statement.Sid == "LockState"]) == {
      Sid      = "LockState"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject"]
      Resource = "arn:aws:s3:::tui-etl-terraform-state-prod/*.tflock"
    }
    error_message = "A plan writes its lock, and no state."
  }

  assert {
    condition = [for statement in jsondecode(data.aws_iam_policy_document.data_look.json).Statement : statement
    if length([for action in flatten([statement.Action]) : action if can(regex("^(s3:GetObject|s3:\\*|\\*$|kms:Decrypt|kms:\\*)", action))]) > 0] == []
    error_message = "In the data account a look opens nothing that is in buckets."
  }
}

run "a_plan_reads_the_state_and_nothing_else" {
  command = plan

  assert {
    condition = jsondecode(data.aws_iam_policy_document.plan.json).Statement == [
      { Sid = "FindState", Effect = "Allow", Action = "s3:ListBucket", Resource = "arn:aws:s3:::tui-etl-terraform-state-prod" },
      { Sid = "ReadState", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::tui-etl-terraform-state-prod/*" },
    ]
    error_message = "Any branch may take the plan role."
  }

  assert {
    condition     = keys(aws_iam_role_policy.data) == ["deploy", "look"]
    error_message = "A branch's plan has no business in the data account."
  }
}

run "a_deployment_reads_no_data" {
  command = plan

  assert {
    condition = length([for statement in jsondecode(data.aws_iam_policy_document.data_deploy.json).Statement : statement
    if length([for action in flatten([statement.Action]) : action if can(regex("^(s3:GetObject|s3:\\*|\\*$|kms:Decrypt|kms:\\*)", action))]) > 0]) == 0
    error_message = "In the data account a deployment settles buckets and keys; it opens nothing that is in them."
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(data.aws_iam_policy_document.application_deploy.json).Statement :
      [for resource in flatten([statement.Resource]) : resource == "arn:aws:s3:::tui-etl-terraform-state-prod/*" || startswith(resource, "arn:aws:s3:::ingest-scripts-prod/")]
    if contains(flatten([statement.Action]), "s3:GetObject")]))
    error_message = "The objects that a deployment reads are the state and the scripts."
  }

  assert {
    condition = length([for statement in concat(
      jsondecode(data.aws_iam_policy_document.named["look"].json).Statement,
      jsondecode(data.aws_iam_policy_document.named["settle"].json).Statement,
    ) : statement if contains(flatten([statement.Resource]), "*")]) == 0
    error_message = "What has a name is granted by its name."
  }
}

run "a_deployment_cannot_let_itself_in" {
  command = plan

  assert {
    condition = one([for statement in jsondecode(data.aws_iam_policy_document.application_deploy.json).Statement : statement if statement.Sid == "LeaveOwnRolesAlone"]) == {
      Sid      = "LeaveOwnRolesAlone"
      Effect   = "Deny"
      Action   = "iam:*"
      Resource = ["arn:aws:iam::222222222222:role/tui-etl-plan-prod", "arn:aws:iam::222222222222:role/tui-etl-look-prod", "arn:aws:iam::222222222222:role/tui-etl-deploy-prod"]
    }
    error_message = "The deploy roles match the names that a deployment may change, so they are denied to it."
  }
}

run "with_a_boundary_no_role_is_made_without_it" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::222222222222:policy/boundary"
  }

  assert {
    condition = one([for statement in jsondecode(data.aws_iam_policy_document.application_deploy.json).Statement : statement if statement.Sid == "GrantToRoles"]).Condition == {
      StringEquals = { "iam:PermissionsBoundary" = "arn:aws:iam::222222222222:policy/boundary" }
    }
    error_message = "Making a role, and giving it rights, must want the boundary."
  }
}

run "policies_are_no_longer_than_aws_takes" {
  command = plan

  assert {
    condition     = alltrue([for document in data.aws_iam_policy_document.named : length(jsonencode(jsondecode(document.minified_json))) <= 6144])
    error_message = "A managed policy has 6,144 characters at most."
  }

  assert {
    condition     = length(data.aws_iam_policy_document.application_deploy.minified_json) <= 10240
    error_message = "A role's inline policies have 10,240 characters at most."
  }
}

run "a_project_is_named_in_full" {
  command = plan

  variables {
    gitlab_project = "group/*"
  }

  expect_failures = [var.gitlab_project]
}

run "a_branch_is_named_in_full" {
  command = plan

  variables {
    gitlab_branch = "*"
  }

  expect_failures = [var.gitlab_branch]
}

run "claims_are_named_in_full" {
  command = plan

  variables {
    gitlab_claims = "deployment_tier:*"
  }

  expect_failures = [var.gitlab_claims]
}

run "the_issuer_is_https" {
  command = plan

  variables {
    gitlab_url = "http://gitlab.example.com"
  }

  expect_failures = [var.gitlab_url]
}

run "a_pattern_names_the_environment" {
  command = plan

  variables {
    name_patterns = ["tui-*"]
  }

  expect_failures = [var.name_patterns]
}
