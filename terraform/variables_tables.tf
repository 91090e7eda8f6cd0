# How the conformed tables are kept, and who may roll them back.

variable "versions_database_name" {
  type        = string
  description = "Name of the Glue database with the tables of file versions, by which the views <table>_current go, and the views of all files."
  default     = "tui_versions_{env}"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", replace(var.versions_database_name, "{env}", var.environment)))
    error_message = "versions_database_name has 1 to 255 lower-case letters, digits and underscores."
  }
}

variable "maintenance" {
  type = object({
    small_files          = optional(number, 8)
    target_file_mb       = optional(number, 256)
    manifests            = optional(number, 50)
    retain_days          = optional(number, 35)
    retain_snapshots     = optional(number, 10)
    orphan_days          = optional(number, 3)
    orphan_interval_days = optional(number, 7)
    budget_minutes       = optional(number, 60)
  })
  description = <<-EOT
    What Glue 3 does, after its commit, for the tables that it has changed.
    small_files: a partition with so many files that are far from target_file_mb has them rewritten as few. A weekly load
    adds one or more, so this is once in two months; fewer would rewrite the same rows again and again.
    target_file_mb: large enough for few requests a query; a merge rewrites whole files, so twice as large costs it twice.
    manifests: each query reads all of them; so many and more are brought together.
    retain_days, retain_snapshots: how far back a table can be rolled: five Fridays, and never less than so many snapshots.
    A snapshot keeps the files alive that it alone has.
    orphan_days: files that no commit named, so old, are removed. A younger one may be of a commit on its way.
    orphan_interval_days: how often they are looked for; that lists all files of a table.
    budget_minutes: no step begins after so long, and the next run goes on. The job's time-out counts from its start.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for value in values(var.maintenance) : value >= 1 && floor(value) == value])
    error_message = "Each number of maintenance must be a whole one from 1 up."
  }

  validation {
    condition     = var.maintenance.small_files >= 2 && var.maintenance.target_file_mb <= 1024
    error_message = "maintenance.small_files must be 2 or more (one file can't be made fewer), target_file_mb 1024 or less."
  }

  validation {
    # Iceberg removes what a commit of that very moment is writing, if told so; a Glue job ends within two days.
    condition     = var.maintenance.orphan_days >= 3
    error_message = "maintenance.orphan_days must be 3 or more: a run may write for two days before it commits."
  }

  validation {
    condition     = var.maintenance.budget_minutes < var.job_settings.conform.timeout_minutes
    error_message = "maintenance.budget_minutes must be less than job_settings.conform.timeout_minutes, or maintenance is cut off."
  }
}

variable "table_optimizers" {
  type        = map(set(string))
  description = <<-EOT
    Tables that Glue looks after by itself, between two runs: "legacy.bookings" => some of compaction, retention and
    orphan_file_deletion. Glue 3 leaves those of them alone. For tables that many runs a day write to; the weekly ones are
    kept by Glue 3, at no cost of its own. A table must be there before it is named here.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for table in keys(var.table_optimizers) : can(regex("^(legacy|secured)\\.[a-z0-9_]+$", table))])
    error_message = "table_optimizers: a table is legacy.<dataset> or secured.<dataset>."
  }

  validation {
    condition = alltrue([for kinds in values(var.table_optimizers) :
      length(kinds) > 0 && length(setsubtract(kinds, ["compaction", "retention", "orphan_file_deletion"])) == 0
    ])
    error_message = "table_optimizers: the kinds are compaction, retention and orphan_file_deletion; one at least."
  }
}

variable "rollback_principal_arns" {
  type        = list(string)
  description = "Principals that may take the role of who rolls tables back; empty, which dev alone may be, leaves it to IAM in the application account. Starting Glue 3 with arguments of one's own is as much as being Glue 3: name as few as may do all that it does."
  default     = []

  validation {
    condition     = alltrue([for arn in var.rollback_principal_arns : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:.+$", arn))])
    error_message = "rollback_principal_arns must hold ARNs of IAM principals."
  }

  validation {
    condition     = var.environment == "dev" || length(var.rollback_principal_arns) > 0
    error_message = "rollback_principal_arns must name somebody outside dev: without it, whoever may assume roles in the application account could roll tables back."
  }

  validation {
    condition     = var.environment == "dev" || !anytrue([for arn in var.rollback_principal_arns : endswith(arn, ":root")])
    error_message = "rollback_principal_arns must not name a whole account (:root) outside dev."
  }
}
