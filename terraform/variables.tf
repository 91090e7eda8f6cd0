# What concerns the whole root. The other variables stand in variables_<flow>.tf.

variable "environment" {
  type        = string
  description = "Environment this root is applied for; part of almost every name."

  validation {
    condition     = contains(["dev", "test", "prod"], var.environment)
    error_message = "environment must be dev, test or prod."
  }
}

variable "region" {
  type        = string
  description = "AWS region of both accounts."
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like us-east-1."
  }
}

variable "partition" {
  type        = string
  description = "AWS partition of both accounts; part of every ARN."
  default     = "aws"

  validation {
    condition     = contains(["aws", "aws-cn", "aws-us-gov"], var.partition)
    error_message = "partition must be aws, aws-cn or aws-us-gov."
  }
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
  description = "Account that owns queue, functions, jobs, ledger and catalog."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.application_account_id))
    error_message = "application_account_id must be 12 digits."
  }

  validation {
    condition     = var.application_account_id != var.data_account_id
    error_message = "The application account and the data account must be two accounts."
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

variable "data_deploy_role_arn" {
  type        = string
  description = "Role to assume for deploying into the data account (a CI runner's way in); null assumes none."
  default     = null

  validation {
    condition     = var.data_deploy_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.data_deploy_role_arn))
    error_message = "data_deploy_role_arn must be the ARN of a role."
  }
}

variable "application_deploy_role_arn" {
  type        = string
  description = "Role to assume for deploying into the application account (a CI runner's way in); null assumes none."
  default     = null

  validation {
    condition     = var.application_deploy_role_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.application_deploy_role_arn))
    error_message = "application_deploy_role_arn must be the ARN of a role."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of every role in the application account; null for none."
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a policy."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource, beside product, environment and managed_by."
  default     = {}
}

variable "kms_deletion_window_days" {
  type        = number
  description = "Days between a key's destruction being asked for and its being done."
  default     = 30

  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days must be 7 to 30."
  }
}

variable "log_retention_days" {
  type        = number
  description = "Days that the logs of functions and jobs are kept."
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of the retentions that CloudWatch Logs knows (1, 3, 5, 7, 14, 30, 60, 90 ...)."
  }
}

variable "encrypt_logs" {
  type        = bool
  description = "Encrypt log groups with the application key instead of CloudWatch's own."
  default     = true
}

variable "lambda_package_dir" {
  type        = string
  description = "Folder that holds <crate>.zip of each function."
  default     = "../target/lambda"
}

variable "glue_package_dir" {
  type        = string
  description = "Folder that holds tui_etl.zip, the library of the jobs."
  default     = "../target/glue"
}

variable "glue_source_dir" {
  type        = string
  description = "Folder that holds jobs/ingest.py, jobs/classify.py and jobs/conform.py."
  default     = "../glue"
}

variable "contracts_dir" {
  type        = string
  description = "Folder of the dataset contracts (<dataset>.yaml) and of classification.yaml."
  default     = "../contracts"
}
