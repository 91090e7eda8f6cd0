# Intake, functions, jobs, schedule.

variable "landing_batch_size" {
  type        = number
  description = "Most messages that copy-prefix gets at once. 1 gives a Glue start a file."
  default     = 1000

  validation {
    condition     = var.landing_batch_size >= 1 && var.landing_batch_size <= 10000 && floor(var.landing_batch_size) == var.landing_batch_size
    error_message = "landing_batch_size must be a whole number from 1 to 10000."
  }
}

variable "landing_batch_window_seconds" {
  type        = number
  description = "Longest time that messages are gathered for a batch."
  default     = 60

  validation {
    condition     = var.landing_batch_window_seconds >= 0 && var.landing_batch_window_seconds <= 300
    error_message = "landing_batch_window_seconds must be 0 to 300."
  }

  validation {
    condition     = var.landing_batch_size <= 10 || var.landing_batch_window_seconds >= 1
    error_message = "A batch of more than 10 messages needs landing_batch_window_seconds of 1 or more."
  }
}

variable "landing_max_concurrency" {
  type        = number
  description = "Most copy-prefix invocations that the landing queue keeps busy."
  default     = 5

  validation {
    condition     = var.landing_max_concurrency >= 2 && var.landing_max_concurrency <= 1000
    error_message = "landing_max_concurrency must be 2 to 1000."
  }
}

variable "landing_visibility_timeout_seconds" {
  type        = number
  description = "Visibility time-out of the landing queue; null takes six times the time-out of copy-prefix plus the batch window."
  default     = null

  validation {
    condition = var.landing_visibility_timeout_seconds == null ? true : (
      var.landing_visibility_timeout_seconds <= 43200 &&
      var.landing_visibility_timeout_seconds >= 6 * var.function_settings.copy_prefix.timeout_seconds + var.landing_batch_window_seconds
    )
    error_message = "landing_visibility_timeout_seconds must be at least six times the time-out of copy-prefix plus the batch window, or a message is delivered again while it is being worked on."
  }
}

variable "landing_receive_wait_seconds" {
  type        = number
  description = "Longest time that a call for messages of the landing queue waits for one; more is fewer empty answers, which are paid for too."
  default     = 20

  validation {
    condition     = var.landing_receive_wait_seconds >= 0 && var.landing_receive_wait_seconds <= 20 && floor(var.landing_receive_wait_seconds) == var.landing_receive_wait_seconds
    error_message = "landing_receive_wait_seconds must be a whole number from 0 to 20."
  }
}

variable "landing_max_receive_count" {
  type        = number
  description = "Deliveries after which a message goes to the dead-letter queue."
  default     = 5

  validation {
    condition     = var.landing_max_receive_count >= 5 && var.landing_max_receive_count <= 1000
    error_message = "landing_max_receive_count must be 5 to 1000: fewer, and a throttled function loses messages to the dead-letter queue."
  }
}

variable "queue_retention_days" {
  type = object({
    landing     = optional(number, 7)
    dead_letter = optional(number, 14)
  })
  description = "Days that a message stays. A redriven message keeps its age, so dead letters are kept longer."
  default     = {}
  nullable    = false

  validation {
    condition = (
      var.queue_retention_days.landing >= 1 && var.queue_retention_days.dead_letter <= 14 &&
      var.queue_retention_days.dead_letter > var.queue_retention_days.landing
    )
    error_message = "Retention must be 1 to 14 days, and longer for dead letters than for the landing queue."
  }
}

variable "lambda_architecture" {
  type        = string
  description = "Architecture that the functions were built for."
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.lambda_architecture)
    error_message = "lambda_architecture must be x86_64 or arm64."
  }
}

variable "function_settings" {
  type = object({
    copy_prefix = optional(object({
      timeout_seconds      = optional(number, 60)
      memory_mb            = optional(number, 512)
      reserved_concurrency = optional(number)
    }), {})
    clean_prefix = optional(object({
      timeout_seconds      = optional(number, 300)
      memory_mb            = optional(number, 512)
      reserved_concurrency = optional(number)
    }), {})
    optimization_trigger = optional(object({
      timeout_seconds      = optional(number, 30)
      memory_mb            = optional(number, 256)
      reserved_concurrency = optional(number)
    }), {})
    success_fail_event = optional(object({
      timeout_seconds      = optional(number, 60)
      memory_mb            = optional(number, 256)
      reserved_concurrency = optional(number)
    }), {})
    reconcile = optional(object({
      timeout_seconds      = optional(number, 240)
      memory_mb            = optional(number, 512)
      reserved_concurrency = optional(number)
    }), {})
  })
  description = "Time-out, memory and reserved concurrency of each function. More memory is also more CPU, which a TLS handshake wants."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for function in values(var.function_settings) : function.timeout_seconds >= 1 && function.timeout_seconds <= 900])
    error_message = "timeout_seconds must be 1 to 900."
  }

  validation {
    condition     = alltrue([for function in values(var.function_settings) : function.memory_mb >= 128 && function.memory_mb <= 10240])
    error_message = "memory_mb must be 128 to 10240."
  }
}

variable "log_level" {
  type        = string
  description = "Log level of the functions (RUST_LOG)."
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "log_level must be error, warn, info, debug or trace."
  }
}

variable "event_retry" {
  type = object({
    target_max_attempts    = optional(number, 60)
    target_max_age_seconds = optional(number, 21600)
    lambda_max_attempts    = optional(number, 2)
    lambda_max_age_seconds = optional(number, 3600)
  })
  description = "How often and how long an event is tried again: by EventBridge when a target can't be reached, by Lambda when a function fails."
  default     = {}
  nullable    = false

  validation {
    condition     = var.event_retry.target_max_attempts >= 0 && var.event_retry.target_max_attempts <= 185
    error_message = "target_max_attempts must be 0 to 185."
  }

  validation {
    condition     = var.event_retry.target_max_age_seconds >= 60 && var.event_retry.target_max_age_seconds <= 86400
    error_message = "target_max_age_seconds must be 60 to 86400."
  }

  validation {
    condition     = contains([0, 1, 2], var.event_retry.lambda_max_attempts)
    error_message = "lambda_max_attempts must be 0, 1 or 2."
  }

  validation {
    condition     = var.event_retry.lambda_max_age_seconds >= 60 && var.event_retry.lambda_max_age_seconds <= 21600
    error_message = "lambda_max_age_seconds must be 60 to 21600."
  }
}

variable "glue_version" {
  type        = string
  description = "Glue version of the jobs. Log settings and the Iceberg classes are those of Glue 5."
  default     = "5.1"

  validation {
    condition     = can(regex("^5\\.[0-9]+$", var.glue_version))
    error_message = "glue_version must be a Glue 5 version, such as 5.1."
  }
}

variable "job_settings" {
  type = object({
    ingest = optional(object({
      worker_type         = optional(string, "G.1X")
      workers             = optional(number, 2)
      auto_scaling        = optional(bool, true)
      execution_class     = optional(string, "STANDARD")
      timeout_minutes     = optional(number, 120)
      max_concurrent_runs = optional(number, 1)
    }), {})
    classify = optional(object({
      worker_type         = optional(string, "G.1X")
      workers             = optional(number, 5)
      auto_scaling        = optional(bool, true)
      execution_class     = optional(string, "STANDARD")
      timeout_minutes     = optional(number, 240)
      max_concurrent_runs = optional(number, 1)
    }), {})
    conform = optional(object({
      worker_type         = optional(string, "G.1X")
      workers             = optional(number, 5)
      auto_scaling        = optional(bool, true)
      execution_class     = optional(string, "STANDARD")
      timeout_minutes     = optional(number, 240)
      max_concurrent_runs = optional(number, 1)
    }), {})
  })
  description = <<-EOT
    Size, time-out and concurrency of each Glue job; docs/cost.md says what they cost.
    worker_type: 4 vCPUs and 16 GB are enough, as no task holds more than some records of its input. Larger workers cost
    the same a vCPU; they are for a merge of Glue 3 that spills, whose tasks then share more memory. AWS has more types
    (G.12X, G.16X, R.1X to R.8X) than the provider of this version knows.
    workers: all that there are, the driver's among them. Glue 1 runs many times a day on what has just landed, so two
    do; Glue 2 and 3 have a week before them.
    auto_scaling: workers is then the most, and what a small run doesn't need is not paid for.
    execution_class: FLEX costs a third less, starts whenever there is room and may lose its workers on the way, which
    fails the run; the next one takes its files. That is for what nobody waits for, so not for the Friday's jobs in
    prod. Glue 1 there can be FLEX, too, if files that land shortly before Friday noon may wait for another week.
    timeout_minutes: far above what a run needs, since one that is cut off has to begin again, but not for ever:
    work that a hung run holds is taken over only when Glue has ended it.
    max_concurrent_runs: one run at a time takes all that is open. Glue 3 writes tables and can't have more.
  EOT
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for job in values(var.job_settings) : contains(["G.1X", "G.2X", "G.4X", "G.8X"], job.worker_type)])
    error_message = "worker_type must be G.1X, G.2X, G.4X or G.8X."
  }

  validation {
    condition     = alltrue([for job in values(var.job_settings) : job.workers >= 2 && floor(job.workers) == job.workers])
    error_message = "A Spark job needs 2 workers or more, a whole number."
  }

  validation {
    condition     = alltrue([for job in values(var.job_settings) : contains(["STANDARD", "FLEX"], job.execution_class)])
    error_message = "execution_class must be STANDARD or FLEX."
  }

  validation {
    condition     = alltrue([for job in values(var.job_settings) : job.execution_class != "FLEX" || contains(["G.1X", "G.2X"], job.worker_type)])
    error_message = "AWS has FLEX for the worker types G.1X and G.2X only."
  }

  validation {
    # Taking over from a dead run rests on every run ending some day.
    condition     = alltrue([for job in values(var.job_settings) : job.timeout_minutes >= 1 && job.timeout_minutes <= 2880])
    error_message = "timeout_minutes must be 1 to 2880."
  }

  validation {
    condition     = alltrue([for job in values(var.job_settings) : job.max_concurrent_runs >= 1])
    error_message = "max_concurrent_runs must be 1 or more."
  }

  validation {
    condition     = var.job_settings.conform.max_concurrent_runs == 1
    error_message = "Glue 3 runs one at a time: two runs would write the same tables."
  }
}

variable "ingest_max_files" {
  type        = number
  description = "Most files that one Glue 1 run takes; the next run takes the rest."
  default     = 5000

  validation {
    condition     = var.ingest_max_files >= 1 && floor(var.ingest_max_files) == var.ingest_max_files
    error_message = "ingest_max_files must be a whole number of 1 or more."
  }
}

variable "spark_conf" {
  type        = map(string)
  description = "Further Spark settings of all three jobs (key => value)."
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.spark_conf : startswith(key, "spark.") && !strcontains("${key}${value}", " ")])
    error_message = "A Spark setting begins with spark. and holds no blanks: Glue splits its --conf argument at them."
  }
}

variable "classify_schedule" {
  type = object({
    weekday  = optional(string, "FRI")
    time     = optional(string, "12:00")
    timezone = optional(string, "Europe/London")
    enabled  = optional(bool, true)
  })
  description = "When Glue 2 runs: day of the week, time of day (HH:MM) and IANA time zone. While enabled is false, neither the schedule nor reconcile starts it."
  default     = {}
  nullable    = false

  validation {
    condition     = contains(["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], var.classify_schedule.weekday)
    error_message = "weekday must be MON, TUE, WED, THU, FRI, SAT or SUN."
  }

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.classify_schedule.time))
    error_message = "time must be HH:MM of a 24 hour day."
  }

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$", var.classify_schedule.timezone))
    error_message = "timezone must be UTC or an IANA name such as Europe/London."
  }
}

variable "schedule_retry" {
  type = object({
    max_attempts    = optional(number, 20)
    max_age_seconds = optional(number, 7200)
  })
  description = "How often and how long the scheduler tries to start Glue 2 again. A start is harmless when it is doubled."
  default     = {}
  nullable    = false

  validation {
    condition     = var.schedule_retry.max_attempts >= 0 && var.schedule_retry.max_attempts <= 185
    error_message = "max_attempts must be 0 to 185."
  }

  validation {
    condition     = var.schedule_retry.max_age_seconds >= 60 && var.schedule_retry.max_age_seconds <= 86400
    error_message = "max_age_seconds must be 60 to 86400."
  }
}

variable "reconcile_interval_minutes" {
  type        = number
  description = "Minutes between two looks of reconcile for what no event told."
  default     = 5

  validation {
    condition     = var.reconcile_interval_minutes >= 1 && var.reconcile_interval_minutes <= 60 && floor(var.reconcile_interval_minutes) == var.reconcile_interval_minutes
    error_message = "reconcile_interval_minutes must be a whole number from 1 to 60."
  }
}

variable "reconcile_lookback_hours" {
  type        = number
  description = "Hours that reconcile looks back at job runs at least. It looks back further, to the oldest run that is not told of yet."
  default     = 72

  validation {
    condition     = var.reconcile_lookback_hours >= 1 && var.reconcile_lookback_hours <= 2160
    error_message = "reconcile_lookback_hours must be 1 to 2160: Glue keeps the history of a run for 90 days."
  }
}

variable "reconcile_patience" {
  type = object({
    event_grace_seconds    = optional(number, 180)
    landing_grace_seconds  = optional(number, 360)
    telling_lease_seconds  = optional(number, 300)
    schedule_grace_seconds = optional(number, 1800)
    stale_marker_seconds   = optional(number, 86400)
    first_pause_seconds    = optional(number, 300)
    longest_pause_seconds  = optional(number, 3600)
  })
  description = <<-EOT
    How long reconcile waits before it steps in. A test may set seconds; production wants the defaults, for the reason given.
    event_grace: for the event of a run's end before it is sent again (else each run is told of by two events).
    landing_grace: for a landed file's own event before the file is taken in without it (else the file has no sequencer, and of two versions with one time stamp the wrong one may win).
    telling_lease: for whoever tells of a run before another may try (shorter than the time-out of success-fail-event, and a mail may come twice).
    schedule_grace: for the schedule to start Glue 2 before reconcile does (else there are two runs, of which one finds nothing).
    stale_marker: before a marker without an item counts as a crash's left-over. Not shorter than an intake can last, or a file loses its marker between its two writes.
    first_pause, longest_pause: between runs of a job that commit nothing, doubled each time (else each failure brings the next, and each a ticket).
  EOT
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for seconds in values(var.reconcile_patience) : seconds >= 1 && seconds <= 31536000 && floor(seconds) == seconds
    ])
    error_message = "Each wait of reconcile_patience must be a whole number of seconds from 1 to 31536000 (a year)."
  }

  validation {
    condition     = var.reconcile_patience.landing_grace_seconds > var.landing_batch_window_seconds
    error_message = "landing_grace_seconds must be more than landing_batch_window_seconds, or files are taken in while their own events are still being gathered."
  }

  validation {
    condition = var.reconcile_patience.stale_marker_seconds > max(
      var.function_settings.copy_prefix.timeout_seconds, var.function_settings.reconcile.timeout_seconds
    )
    error_message = "stale_marker_seconds must be more than the time-outs of copy-prefix and of reconcile: a younger marker may belong to an intake that has yet to write its item."
  }

  validation {
    condition     = var.reconcile_patience.longest_pause_seconds >= var.reconcile_patience.first_pause_seconds
    error_message = "longest_pause_seconds must not be less than first_pause_seconds."
  }
}

variable "reconcile_listing_pages" {
  type        = number
  description = "Pages (1,000 versions each) of the landing bucket that reconcile lists at a time, if its time-out leaves the time; the next time it goes on from there. 150 every 5 minutes are 43 million versions a day."
  default     = 150

  validation {
    condition     = var.reconcile_listing_pages >= 1 && floor(var.reconcile_listing_pages) == var.reconcile_listing_pages
    error_message = "reconcile_listing_pages must be a whole number of 1 or more."
  }
}

variable "mask_salt" {
  type        = string
  description = "Salt of the columns that classification rules hash, written to a secret and never to the state: 32 random characters or more. Set TF_VAR_mask_salt when mask_salt_version is raised; nothing else reads it."
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.mask_salt == null || try(length(var.mask_salt) >= 32, false)
    error_message = "mask_salt must have 32 characters or more."
  }
}

variable "mask_salt_version" {
  type        = number
  description = "Raise it to have mask_salt written; 0 if no rule hashes, and there is no salt."
  default     = 0
  nullable    = false

  validation {
    condition     = var.mask_salt_version >= 0 && floor(var.mask_salt_version) == var.mask_salt_version
    error_message = "mask_salt_version must be a whole number of 0 or more."
  }
}
