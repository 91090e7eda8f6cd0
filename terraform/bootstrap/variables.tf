variable "environment" {
  type        = string
  description = "Environment that the accounts are prepared for."

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment must be dev, test or prod."
  }
}

variable "region" {
  type        = string
  description = "AWS region of both accounts."
  default     = "us-east-1"
}

variable "partition" {
  type        = string
  description = "AWS partition of both accounts; part of every ARN."
  default     = "aws"
}

variable "data_account_id" {
  type        = string
  description = "Account that owns the data buckets."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.data_account_id))
    error_message = "data_account_id must be 12 digits."
  }
}

variable "application_account_id" {
  type        = string
  description = "Account that owns everything that acts on the data, and Terraform's state."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.application_account_id)) && var.application_account_id != var.data_account_id
    error_message = "application_account_id must be 12 digits, and not the data account's."
  }
}

variable "data_profile" {
  type        = string
  description = "Profile of the AWS configuration file for the data account; null takes the default credential chain."
  default     = null
}

variable "application_profile" {
  type        = string
  description = "Profile of the AWS configuration file for the application account; null takes the default credential chain."
  default     = null
}

variable "gitlab_url" {
  type        = string
  description = "The GitLab instance that issues the tokens, which is also their audience."
  default     = "https://gitlab.com"

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*[A-Za-z0-9])?$", var.gitlab_url))
    error_message = "gitlab_url must be an https:// address without a slash at its end: AWS trusts no other issuer."
  }
}

variable "gitlab_project" {
  type        = string
  description = "Path of the project whose pipelines may come in: group/project, with subgroups if there are any."

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", var.gitlab_project))
    error_message = "gitlab_project must be group/project; a wildcard would let other projects in."
  }
}

variable "gitlab_branch" {
  type        = string
  description = "The branch whose pipelines may deploy and drop trigger files. It has to be protected in GitLab: whoever can push to it can deploy."
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.][A-Za-z0-9_./-]*$", var.gitlab_branch))
    error_message = "gitlab_branch must be one branch; a wildcard would let any branch deploy."
  }
}

variable "gitlab_claims" {
  type        = string
  description = "What GitLab writes behind the branch into the subject of tokens of jobs that run in this environment, and of no others, if the project is set up so (docs/ci.md): environment_protected:true:deployment_tier:production. Only such jobs deploy then. Empty: any job of the branch may."
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z_]+:[A-Za-z0-9_.-]+(:[a-z_]+:[A-Za-z0-9_.-]+)*)?$", var.gitlab_claims))
    error_message = "gitlab_claims must be claim:value, and more of them behind a colon; a wildcard would let jobs of other environments in."
  }
}

variable "gitlab_provider_exists" {
  type        = bool
  description = "Whether the accounts trust this GitLab instance already. An account can have one provider for an issuer, so environments that share accounts make it once."
  default     = false
}

variable "state_bucket" {
  type        = string
  description = "Bucket of Terraform's state in the application account: what envs/<environment>.s3.tfbackend names."
  default     = "tui-etl-terraform-state-{env}"
}

variable "data_buckets" {
  type        = list(string)
  description = "Buckets of the data account, as the variable bucket_names of the other root has them."
  default     = ["grp2-landing-{env}", "grp2-raw-{env}", "grp2-raw-tui-legacy-{env}", "grp2-raw-tui-secured-{env}", "grp2-confirmed-tui-{env}"]
}

variable "application_buckets" {
  type        = list(string)
  description = "Buckets of the application account, as the variable bucket_names of the other root has them."
  default     = ["ingest-scripts-{env}", "ft-ingest-{env}-use1-tui", "ft-athena-{env}-use1-tui"]
}

variable "scripts_bucket" {
  type        = string
  description = "The one of them whose objects Terraform itself puts."
  default     = "ingest-scripts-{env}"
}

variable "name_patterns" {
  type        = list(string)
  description = "What the names of functions, jobs, roles, queues and so on match. Whatever does not match, a deployment can't touch."
  default     = ["tui-*-{env}*", "glue-2-{env}*"]

  validation {
    condition     = length(var.name_patterns) > 0 && alltrue([for pattern in var.name_patterns : can(regex("^[A-Za-z0-9_-]{3,}\\*?[A-Za-z0-9_-]*\\{env\\}\\*?$", pattern))])
    error_message = "A name pattern begins with three characters at least and names {env}: tui-*-{env}*."
  }
}

variable "database_patterns" {
  type        = list(string)
  description = "What the names of the Glue databases match."
  default     = ["tui_*_{env}"]
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Boundary that every role must have which a deployment makes (the variable of the same name of the other root). Null: none, and then whoever may deploy may in the end do what a role of these names could be allowed."
  default     = null
}

variable "session_hours" {
  type        = number
  description = "How long a job's credentials last."
  default     = 1

  validation {
    condition     = var.session_hours >= 1 && var.session_hours <= 12
    error_message = "session_hours must be 1 to 12: AWS allows no other."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource, beside product, environment and managed_by."
  default     = {}
}
