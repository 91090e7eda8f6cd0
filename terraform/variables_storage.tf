# Prefixes and lifetimes of what lies in the buckets.

variable "landing_prefix" {
  type        = string
  description = "Prefix on the landing bucket below which a folder is a dataset."
  default     = "tui/legacy/"

  validation {
    condition     = can(regex("^([^/]+/)+$", var.landing_prefix))
    error_message = "landing_prefix must end with a slash and not begin with one."
  }
}

variable "raw_prefixes" {
  type = object({
    staging    = optional(string, "tui/legacy/staging/")
    temp       = optional(string, "tui/legacy/temp/")
    quarantine = optional(string, "tui/legacy/quarantine/")
  })
  description = "Prefixes on the raw bucket: copies that a Glue 1 run reads, its Parquet output, and what could not be read."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for prefix in values(var.raw_prefixes) : can(regex("^([^/]+/)+$", prefix))])
    error_message = "A prefix must end with a slash and not begin with one."
  }

  validation {
    # Lifetimes are rules on prefixes: one below another would die with it.
    condition = alltrue(flatten([for one in values(var.raw_prefixes) : [
      for other in values(var.raw_prefixes) : one == other || !startswith(one, other)
    ]])) && length(distinct(values(var.raw_prefixes))) == 3
    error_message = "The three prefixes must differ, and none may lie below another."
  }
}

variable "classified_prefix" {
  type        = string
  description = "Prefix on both classified buckets (raw-tui-legacy, raw-tui-secured)."
  default     = "tui/legacy/"

  validation {
    condition     = can(regex("^([^/]+/)+$", var.classified_prefix))
    error_message = "classified_prefix must end with a slash and not begin with one."
  }
}

variable "conformed_legacy_prefix" {
  type        = string
  description = "Prefix on the conformed bucket of the tables that every analyst may read."
  default     = "legacy/"

  validation {
    condition     = can(regex("^([A-Za-z0-9_.=-]+/)+$", var.conformed_legacy_prefix))
    error_message = "conformed_legacy_prefix must end with a slash, not begin with one, and hold letters, digits and _ . = - only: it is part of policies, which know wildcards."
  }
}

variable "conformed_secured_prefix" {
  type        = string
  description = "Prefix on the conformed bucket of the secured tables. Legacy readers are denied it explicitly, wherever it lies."
  default     = "legacy/secured/"

  validation {
    condition     = can(regex("^([A-Za-z0-9_.=-]+/)+$", var.conformed_secured_prefix))
    error_message = "conformed_secured_prefix must end with a slash, not begin with one, and hold letters, digits and _ . = - only: it is part of policies, which know wildcards."
  }

  validation {
    condition     = !startswith(var.conformed_legacy_prefix, var.conformed_secured_prefix)
    error_message = "conformed_legacy_prefix must not be conformed_secured_prefix or lie below it: what is denied to legacy readers would hold their own tables."
  }

  validation {
    # A table lies in a folder of its name, and of all names only "secured" is kept from datasets.
    condition = (
      !startswith(var.conformed_secured_prefix, var.conformed_legacy_prefix) ||
      startswith(var.conformed_secured_prefix, "${var.conformed_legacy_prefix}secured/")
    )
    error_message = "Below conformed_legacy_prefix, conformed_secured_prefix must begin with the folder secured/: any other may be the folder of a dataset's legacy table."
  }
}

variable "staging_retention_days" {
  type        = number
  description = "Days that the copies which a Glue 1 run reads are kept; a run lasts hours at most."
  default     = 3

  validation {
    condition     = var.staging_retention_days >= 1 && floor(var.staging_retention_days) == var.staging_retention_days
    error_message = "staging_retention_days must be a whole number of 1 or more."
  }
}

variable "temp_retention_days" {
  type        = number
  description = "Days after which Glue 1 output goes that no cleaning removed, such as what a run given up for dead wrote. Output of a committed run has to be classified before that, so this is far longer than a week."
  default     = 90

  validation {
    condition     = var.temp_retention_days >= 30
    error_message = "temp_retention_days must be 30 or more: Glue 2 may be held up for a few Fridays."
  }
}

variable "quarantine_retention_days" {
  type        = number
  description = "Days that quarantined records are kept for repair."
  default     = 180

  validation {
    condition     = var.quarantine_retention_days >= 7
    error_message = "quarantine_retention_days must be 7 or more, so that somebody has a chance to look."
  }
}

variable "landing_retention_days" {
  type        = number
  description = "Days after which a landed file goes; null keeps it for ever. Landed versions must stay until they are ingested."
  default     = null

  validation {
    condition     = var.landing_retention_days == null ? true : var.landing_retention_days >= 30
    error_message = "landing_retention_days must be null or 30 or more."
  }
}

variable "classified_retention_days" {
  type        = number
  description = "Days after which classified Parquet goes, that the conformed tables have long taken in; null keeps it for ever."
  default     = null

  validation {
    condition     = var.classified_retention_days == null ? true : var.classified_retention_days >= 30
    error_message = "classified_retention_days must be null or 30 or more."
  }
}

variable "athena_results_retention_days" {
  type        = number
  description = "Days that results of Athena queries are kept."
  default     = 14

  validation {
    condition     = var.athena_results_retention_days >= 1
    error_message = "athena_results_retention_days must be 1 or more."
  }
}

variable "athena_results_noncurrent_days" {
  type        = number
  description = "Days that a result of Athena that was deleted can be brought back: what somebody deleted is to be gone soon."
  default     = 1

  validation {
    condition     = var.athena_results_noncurrent_days >= 1 && floor(var.athena_results_noncurrent_days) == var.athena_results_noncurrent_days
    error_message = "athena_results_noncurrent_days must be a whole number of 1 or more."
  }
}

variable "noncurrent_version_retention_days" {
  type        = number
  description = "Days that a deleted or overwritten version can be brought back."
  default     = 30

  validation {
    # reconcile may find a landed version only hours later, and it may have been overwritten by then.
    condition     = var.noncurrent_version_retention_days >= 7
    error_message = "noncurrent_version_retention_days must be 7 or more: an overwritten landed version is work until it is ingested."
  }
}

variable "aborted_upload_retention_days" {
  type        = number
  description = "Days after which the parts of an unfinished multipart upload go."
  default     = 2

  validation {
    condition     = var.aborted_upload_retention_days >= 1
    error_message = "aborted_upload_retention_days must be 1 or more."
  }
}

variable "buckets_force_destroy" {
  type        = bool
  description = "Let terraform destroy delete buckets that are not empty."
  default     = false

  validation {
    condition     = !(var.buckets_force_destroy && var.environment == "prod")
    error_message = "Buckets of prod are never destroyed with their content."
  }
}

variable "ledger_deletion_protection" {
  type        = bool
  description = "Refuse to delete the ledger; without it nobody knows which file was ingested."
  default     = true

  validation {
    condition     = var.ledger_deletion_protection || var.environment != "prod"
    error_message = "The ledger of prod stays protected."
  }
}
