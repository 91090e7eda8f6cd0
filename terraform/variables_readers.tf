# Who may read the conformed tables, and who may land again what is in quarantine.

variable "legacy_reader_principal_arns" {
  type        = list(string)
  description = "Principals that may take the role of the legacy reader; empty, which dev alone may be, leaves it to IAM in the application account."
  default     = []

  validation {
    condition     = alltrue([for arn in var.legacy_reader_principal_arns : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:.+$", arn))])
    error_message = "legacy_reader_principal_arns must hold ARNs of IAM principals."
  }

  validation {
    condition     = var.environment == "dev" || length(var.legacy_reader_principal_arns) > 0
    error_message = "legacy_reader_principal_arns must name somebody outside dev: without it, whoever may assume roles in the application account could read."
  }

  validation {
    condition     = var.environment == "dev" || !anytrue([for arn in var.legacy_reader_principal_arns : endswith(arn, ":root")])
    error_message = "legacy_reader_principal_arns must not name a whole account (:root) outside dev."
  }
}

variable "secured_reader_principal_arns" {
  type        = list(string)
  description = "Principals that may take the role of the secured reader; empty, which dev alone may be, leaves it to IAM in the application account."
  default     = []

  validation {
    condition     = alltrue([for arn in var.secured_reader_principal_arns : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:.+$", arn))])
    error_message = "secured_reader_principal_arns must hold ARNs of IAM principals."
  }

  validation {
    condition     = var.environment == "dev" || length(var.secured_reader_principal_arns) > 0
    error_message = "secured_reader_principal_arns must name somebody outside dev: without it, whoever may assume roles in the application account could read."
  }

  validation {
    condition     = var.environment == "dev" || !anytrue([for arn in var.secured_reader_principal_arns : endswith(arn, ":root")])
    error_message = "secured_reader_principal_arns must not name a whole account (:root) outside dev."
  }
}

variable "reingest_principal_arns" {
  type        = list(string)
  description = "Principals that may take the role of who lands quarantined records again; empty, which dev alone may be, leaves it to IAM in the application account."
  default     = []

  validation {
    condition     = alltrue([for arn in var.reingest_principal_arns : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:.+$", arn))])
    error_message = "reingest_principal_arns must hold ARNs of IAM principals."
  }

  validation {
    condition     = var.environment == "dev" || length(var.reingest_principal_arns) > 0
    error_message = "reingest_principal_arns must name somebody outside dev: without it, whoever may assume roles in the application account could read quarantine and land files."
  }

  validation {
    condition     = var.environment == "dev" || !anytrue([for arn in var.reingest_principal_arns : endswith(arn, ":root")])
    error_message = "reingest_principal_arns must not name a whole account (:root) outside dev."
  }
}

variable "reader_session_hours" {
  type        = number
  description = "Longest session of a reader's role, and of the role that lands quarantined records again."
  default     = 8

  validation {
    condition     = var.reader_session_hours >= 1 && var.reader_session_hours <= 12
    error_message = "reader_session_hours must be 1 to 12."
  }
}

variable "athena_scan_limit_mb" {
  type        = number
  description = "Most that one Athena query may scan."
  default     = 102400

  validation {
    condition     = var.athena_scan_limit_mb >= 10
    error_message = "athena_scan_limit_mb must be 10 or more (Athena's own least)."
  }
}

variable "gitlab" {
  type = object({
    url     = optional(string, "https://gitlab.com")
    project = optional(string)
    branch  = optional(string, "main")
    claims  = optional(string, "")
  })
  description = "The GitLab project (group/project) whose jobs of this branch may drop trigger files, those alone with these claims in their token's subject, if there are any (gitlab_claims of terraform/bootstrap); project null: none may. The instance's tokens must be trusted already (terraform/bootstrap)."
  default     = {}
  nullable    = false

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*[A-Za-z0-9])?$", var.gitlab.url))
    error_message = "gitlab.url must be an https:// address without a slash at its end: AWS trusts no other issuer."
  }

  validation {
    condition     = var.gitlab.project == null || can(regex("^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", var.gitlab.project))
    error_message = "gitlab.project must be group/project; a wildcard would let other projects in."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_.][A-Za-z0-9_./-]*$", var.gitlab.branch))
    error_message = "gitlab.branch must be one branch; a wildcard would let any branch in."
  }

  validation {
    condition     = can(regex("^([a-z_]+:[A-Za-z0-9_.-]+(:[a-z_]+:[A-Za-z0-9_.-]+)*)?$", var.gitlab.claims))
    error_message = "gitlab.claims must be claim:value, and more of them behind a colon; a wildcard would let jobs of other environments in."
  }
}
