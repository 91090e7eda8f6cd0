variable "name" {
  type        = string
  description = "Name of the job."
}

variable "role_name" {
  type        = string
  description = "Name of its role."
}

variable "description" {
  type        = string
  description = "What the job does, in one line."
}

variable "glue_version" {
  type        = string
  description = "Glue version."
}

variable "settings" {
  type = object({
    worker_type         = string
    workers             = number
    auto_scaling        = bool
    execution_class     = string
    timeout_minutes     = number
    max_concurrent_runs = number
  })
  description = "Size, execution class, time-out and concurrency."
}

variable "script_location" {
  type        = string
  description = "s3:// address of the script."
}

variable "library_location" {
  type        = string
  description = "s3:// address of the zip with the job's library."
}

variable "arguments" {
  type        = map(string)
  description = "Default arguments (--name => value), beside those for logs and metrics."
}

variable "policy_documents" {
  type        = list(string)
  description = "What the job may do (JSON), beside writing its logs and metrics."
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of the role; null for none."
}

variable "log_retention_days" {
  type        = number
  description = "Days that logs are kept."
}

variable "log_key_arn" {
  type        = string
  description = "Key of the log groups; null for CloudWatch's own."
}

variable "log_group_arn_prefix" {
  type        = string
  description = "ARN of a log group of this account and region, up to its name."
}

variable "failure_log_group_arn" {
  type        = string
  description = "Log group that keeps the events of failed runs."
}

variable "event_retry" {
  type = object({
    max_attempts          = number
    max_age_seconds       = number
    dead_letter_queue_arn = string
  })
  description = "How an event of a failed run is tried again, and where it goes in the end."
}

variable "alarm" {
  type = object({
    topic_arn      = string
    period_seconds = number
  })
  description = "Where failures are told, and over which period they are added up."
}
