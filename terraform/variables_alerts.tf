# Who is told what, and when an alarm goes off.

variable "notification_emails" {
  type        = list(string)
  description = "Addresses that are told of each successful run."
  default     = []

  validation {
    condition     = alltrue([for address in var.notification_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "notification_emails must hold e-mail addresses."
  }
}

variable "alert_emails" {
  type        = list(string)
  description = "Addresses that get alarms, and failures that ServiceNow could not be told of."
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alert_emails must hold e-mail addresses."
  }
}

variable "servicenow_credentials" {
  type = object({
    url      = string
    username = string
    password = string
  })
  description = "ServiceNow instance and its user, written to the secret and never to the state. Set TF_VAR_servicenow_credentials; a new value needs a new servicenow_credentials_version."
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^(https://[^/]+|http://127\\.0\\.0\\.1:[0-9]+)$", var.servicenow_credentials.url))
    error_message = "servicenow_credentials.url must be the instance's base URL, https://<host>, without a path. Plain http is for loopback only."
  }
}

variable "servicenow_credentials_version" {
  type        = number
  description = "Raise it to have servicenow_credentials written again."
  default     = 1

  validation {
    condition     = var.servicenow_credentials_version >= 1 && floor(var.servicenow_credentials_version) == var.servicenow_credentials_version
    error_message = "servicenow_credentials_version must be a whole number of 1 or more."
  }
}

variable "servicenow_incident" {
  type = object({
    category             = optional(string, "software")
    subcategory          = optional(string)
    assignment_group     = optional(string)
    urgency              = optional(number, 2)
    impact               = optional(number, 2)
    urgency_after_commit = optional(number, 3)
    impact_after_commit  = optional(number, 3)
  })
  description = "Fields of the incidents. Without an assignment_group (name or sys_id) ServiceNow's own rules assign them. Urgency and impact go from 1 (high) to 3 (low); those after_commit are of a run whose work was complete before it failed."
  default     = {}
  nullable    = false

  validation {
    condition     = trimspace(var.servicenow_incident.category) != ""
    error_message = "servicenow_incident.category must not be empty."
  }

  validation {
    condition = alltrue([for level in [
      var.servicenow_incident.urgency, var.servicenow_incident.impact,
      var.servicenow_incident.urgency_after_commit, var.servicenow_incident.impact_after_commit,
    ] : contains([1, 2, 3], level)])
    error_message = "Urgency and impact of servicenow_incident must be 1, 2 or 3."
  }
}

variable "secret_recovery_window_days" {
  type        = number
  description = "Days that a deleted secret can be brought back; 0 deletes at once."
  default     = 7

  validation {
    condition     = var.secret_recovery_window_days == 0 || (var.secret_recovery_window_days >= 7 && var.secret_recovery_window_days <= 30)
    error_message = "secret_recovery_window_days must be 0, or 7 to 30."
  }
}

variable "alarm_period_seconds" {
  type        = number
  description = "Period over which errors are added up."
  default     = 300

  validation {
    condition     = var.alarm_period_seconds >= 60 && var.alarm_period_seconds % 60 == 0
    error_message = "alarm_period_seconds must be a multiple of 60."
  }
}

variable "landing_age_alarm_seconds" {
  type        = number
  description = "Age of the oldest message on the landing queue that raises an alarm."
  default     = 1800

  validation {
    condition     = var.landing_age_alarm_seconds >= 300
    error_message = "landing_age_alarm_seconds must be 300 or more."
  }
}

variable "reconcile_absence_intervals" {
  type        = number
  description = "Intervals without a run of reconcile that raise an alarm."
  default     = 3

  validation {
    condition     = var.reconcile_absence_intervals >= 2
    error_message = "reconcile_absence_intervals must be 2 or more: one late run is nothing."
  }
}

variable "listing_pass_alarm_seconds" {
  type        = number
  description = "Time that reconcile's pass over the landing bucket may take before an alarm is raised: a file that no event brought is found by the next pass."
  default     = 86400

  validation {
    condition     = var.listing_pass_alarm_seconds >= 3600
    error_message = "listing_pass_alarm_seconds must be 3600 or more."
  }
}

variable "open_work_alarm_seconds" {
  type = object({
    ingest   = optional(number, 21600)
    classify = optional(number, 691200)
    conform  = optional(number, 21600)
  })
  description = "Time that work of each job may wait without a run that holds it before an alarm is raised. Classify works once a week, so its work waits for a week anyway. Well below temp_retention_days: what temp no longer has can't be classified."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for seconds in values(var.open_work_alarm_seconds) : seconds >= 3600])
    error_message = "open_work_alarm_seconds must be 3600 or more for each job."
  }

  validation {
    condition     = var.open_work_alarm_seconds.classify < var.temp_retention_days * 86400
    error_message = "open_work_alarm_seconds.classify must be shorter than temp_retention_days, or what it warns of is gone by then."
  }
}
