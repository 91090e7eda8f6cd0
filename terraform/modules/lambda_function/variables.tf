variable "name" {
  type        = string
  description = "Name of the function."
}

variable "role_name" {
  type        = string
  description = "Name of its role."
}

variable "description" {
  type        = string
  description = "What the function does, in one line."
}

variable "package" {
  type        = string
  description = "Path of the zip that holds the binary as bootstrap."
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64."
}

variable "settings" {
  type = object({
    timeout_seconds      = number
    memory_mb            = number
    reserved_concurrency = optional(number)
  })
  description = "Time-out, memory and reserved concurrency (null: none is reserved)."
}

variable "environment" {
  type        = map(string)
  description = "Environment variables: the names in the crate's environment.txt."
}

variable "log_level" {
  type        = string
  description = "Value of RUST_LOG."
}

variable "log_retention_days" {
  type        = number
  description = "Days that logs are kept."
}

variable "log_key_arn" {
  type        = string
  description = "Key of the log group; null for CloudWatch's own."
}

variable "log_group_arn_prefix" {
  type        = string
  description = "ARN of a log group of this account and region, up to its name."
}

variable "policy_documents" {
  type        = list(string)
  description = "What the function may do (JSON), beside writing its logs and its failed events."
}

variable "permissions_boundary_arn" {
  type        = string
  description = "Permissions boundary of the role; null for none."
}

variable "asynchronous" {
  type = object({
    max_attempts         = number
    max_age_seconds      = number
    on_failure_queue_arn = string
  })
  description = "How failing asynchronous invocations are tried again, and where the event goes in the end. Null for a function that is only called by a queue."
  default     = null
}

variable "alarm" {
  type = object({
    topic_arn      = string
    period_seconds = number
  })
  description = "Where errors are told, and over which period they are added up."
}
