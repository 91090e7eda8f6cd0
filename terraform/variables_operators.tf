# Who may operate the pipeline.

variable "operator_principal_arns" {
  type        = list(string)
  description = "Principals that may take the operator's role; empty, which dev alone may be, leaves it to IAM in the application account."
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_principal_arns : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:.+$", arn))])
    error_message = "operator_principal_arns must hold ARNs of IAM principals."
  }

  validation {
    condition     = var.environment == "dev" || length(var.operator_principal_arns) > 0
    error_message = "operator_principal_arns must name somebody outside dev: without it, whoever may assume roles in the application account could start the pipeline's steps."
  }

  validation {
    condition     = var.environment == "dev" || !anytrue([for arn in var.operator_principal_arns : endswith(arn, ":root")])
    error_message = "operator_principal_arns must not name a whole account (:root) outside dev."
  }
}

variable "operator_session_hours" {
  type        = number
  description = "Longest session of the operator's role."
  default     = 8

  validation {
    condition     = var.operator_session_hours >= 1 && var.operator_session_hours <= 12
    error_message = "operator_session_hours must be 1 to 12."
  }
}
