# Names as they are deployed. "{env}" in a name stands for the environment.
# Bucket names are global on AWS, so somebody else may own one of these already; the other names are what
# runbooks and permissions outside this repository refer to.

variable "bucket_names" {
  type = object({
    landing   = optional(string, "grp2-landing-{env}")
    raw       = optional(string, "grp2-raw-{env}")
    legacy    = optional(string, "grp2-raw-tui-legacy-{env}")
    secured   = optional(string, "grp2-raw-tui-secured-{env}")
    conformed = optional(string, "grp2-confirmed-tui-{env}")
    scripts   = optional(string, "ingest-scripts-{env}")
    state     = optional(string, "ft-ingest-{env}-use1-tui")
    athena    = optional(string, "ft-athena-{env}-use1-tui")
  })
  description = "Bucket names. The first five belong to the data account, the others to the application account."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.bucket_names) : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", replace(name, "{env}", var.environment)))])
    error_message = "A bucket name has 3 to 63 lower-case letters, digits and hyphens (no dots: they break TLS host names)."
  }

  validation {
    condition     = length(distinct(values(var.bucket_names))) == length(var.bucket_names)
    error_message = "Two buckets can't share a name."
  }
}

variable "function_names" {
  type = object({
    copy_prefix          = optional(string, "tui-copyprefix-lambda-{env}")
    clean_prefix         = optional(string, "tui-cleanprefix-lambda-{env}")
    optimization_trigger = optional(string, "tui-glue-optimization-job-trigger-lambda-{env}")
    success_fail_event   = optional(string, "tui-etl-successfailevent-sns-{env}")
    reconcile            = optional(string, "tui-etl-reconcile-{env}")
    copyglue_support     = optional(string, "tui-copygluetrigger-support-{env}")
    glue2_support        = optional(string, "tui-glue2trigger-support-{env}")
    optimization_support = optional(string, "tui-glue-optimization-job-support-trigger-lambda-{env}")
    support_cleanup      = optional(string, "tui-cleanup-support-{env}")
  })
  description = "Names of the Lambda functions, by crate; the crate support-trigger is deployed as the three <kind>_support."
  default     = {}
  nullable    = false

  validation {
    # The role's name is the function's with -role after it, and holds 64 characters.
    condition     = alltrue([for name in values(var.function_names) : can(regex("^[A-Za-z0-9_-]{1,59}$", replace(name, "{env}", var.environment)))])
    error_message = "A function name has 1 to 59 letters, digits, hyphens and underscores."
  }
}

variable "job_names" {
  type = object({
    ingest   = optional(string, "tui-copyprefix-glue1-{env}")
    classify = optional(string, "glue-2-{env}")
    conform  = optional(string, "tui-etl-glue3-raw-to-confirmed-{env}")
  })
  description = "Names of the Glue jobs."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.job_names) : can(regex("^[A-Za-z0-9_-]{1,59}$", replace(name, "{env}", var.environment)))])
    error_message = "A job name has 1 to 59 letters, digits, hyphens and underscores."
  }
}

variable "queue_names" {
  type = object({
    landing     = optional(string, "tui-landing-{env}")
    landing_dlq = optional(string, "tui-landing-dlq-{env}")
    events_dlq  = optional(string, "tui-events-dlq-{env}")
  })
  description = "Names of the queues."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.queue_names) : can(regex("^[A-Za-z0-9_-]{1,80}$", replace(name, "{env}", var.environment)))])
    error_message = "A queue name has 1 to 80 letters, digits, hyphens and underscores."
  }
}

variable "topic_names" {
  type = object({
    notifications = optional(string, "tui-etl-notifications-{env}")
    alerts        = optional(string, "tui-etl-alerts-{env}")
  })
  description = "Names of the SNS topics."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.topic_names) : can(regex("^[A-Za-z0-9_-]{1,256}$", replace(name, "{env}", var.environment)))])
    error_message = "A topic name has 1 to 256 letters, digits, hyphens and underscores."
  }
}

variable "database_names" {
  type = object({
    legacy  = optional(string, "tui_legacy_{env}")
    secured = optional(string, "tui_secured_{env}")
  })
  description = "Names of the Glue databases of the conformed tables."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.database_names) : can(regex("^[a-z0-9_]{1,255}$", replace(name, "{env}", var.environment)))])
    error_message = "A database name has 1 to 255 lower-case letters, digits and underscores."
  }
}

variable "quarantine_database_name" {
  type        = string
  description = "Name of the Glue database with the tables of what was refused."
  default     = "tui_quarantine_{env}"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", replace(var.quarantine_database_name, "{env}", var.environment)))
    error_message = "quarantine_database_name has 1 to 255 lower-case letters, digits and underscores."
  }
}

variable "names" {
  type = object({
    ledger           = optional(string, "tui-file-ledger-{env}")
    secret           = optional(string, "tui-etl-servicenow-{env}")
    mask_salt        = optional(string, "tui-etl-mask-salt-{env}")
    schedule         = optional(string, "tui-glue2-friday-{env}")
    schedule_group   = optional(string, "tui-etl-{env}")
    workgroup        = optional(string, "tui-etl-{env}")
    legacy_workgroup = optional(string, "tui-etl-legacy-{env}")
    legacy_reader    = optional(string, "tui-legacy-reader-{env}")
    secured_reader   = optional(string, "tui-secured-reader-{env}")
    operator         = optional(string, "tui-etl-operator-{env}")
    reingest         = optional(string, "tui-reingest-{env}")
    rollback         = optional(string, "tui-rollback-{env}")
    optimizer        = optional(string, "tui-table-optimizer-{env}")
    key_prefix       = optional(string, "tui-etl-{env}")
    rule_prefix      = optional(string, "tui-etl-{env}")
    gitlab_trigger   = optional(string, "tui-etl-trigger-{env}")
  })
  description = "The remaining names; key_prefix begins the aliases of the KMS keys, rule_prefix the names of event rules and alarms."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in values(var.names) : can(regex("^[A-Za-z0-9_-]{1,59}$", replace(name, "{env}", var.environment)))])
    error_message = "A name has 1 to 59 letters, digits, hyphens and underscores."
  }
}
