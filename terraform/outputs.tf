output "queue_url" {
  description = "URL of the landing queue."
  value       = aws_sqs_queue.landing.url
}

output "dead_letter_queue_urls" {
  description = "URLs of the dead-letter queues: landing, events."
  value = {
    landing = aws_sqs_queue.landing_dlq.url
    events  = aws_sqs_queue.events_dlq.url
  }
}

output "ledger_table" {
  description = "Name of the ledger."
  value       = aws_dynamodb_table.ledger.name
}

output "functions" {
  description = "Crate => name of its function; support-trigger is deployed as copyglue-support, glue2-support and optimization-support."
  value       = local.functions_by_crate
}

output "jobs" {
  description = "ingest, classify, conform => name of the Glue job."
  value       = local.jobs
}

output "buckets" {
  description = "landing, raw, legacy, secured, conformed, scripts, state, athena => name of the bucket."
  value       = local.buckets
}

output "prefixes" {
  description = "Where things lie in the buckets."
  value = {
    landing    = var.landing_prefix
    staging    = var.raw_prefixes.staging
    temp       = var.raw_prefixes.temp
    quarantine = var.raw_prefixes.quarantine
    classified = var.classified_prefix
    legacy     = var.conformed_legacy_prefix
    secured    = var.conformed_secured_prefix
  }
}

output "databases" {
  description = "legacy, secured => name of the Glue database."
  value       = local.databases
}

output "versions_database" {
  description = "Name of the Glue database of file versions."
  value       = aws_glue_catalog_database.versions.name
}

output "quarantine" {
  description = "database and tables (quarantine, reingested) of what was refused."
  value = {
    database = aws_glue_catalog_database.quarantine.name
    tables   = { for name, table in aws_glue_catalog_table.quarantine : name => table.name }
  }
}

output "workgroup" {
  description = "Athena workgroup for all tables."
  value       = aws_athena_workgroup.this["secured"].name
}

output "legacy_workgroup" {
  description = "Athena workgroup of those who read legacy tables only."
  value       = aws_athena_workgroup.this["legacy"].name
}

output "schedule" {
  description = "Name of the schedule of Glue 2."
  value       = aws_scheduler_schedule.classify.name
}

output "schedule_group" {
  description = "Group that the schedule belongs to."
  value       = aws_scheduler_schedule.classify.group_name
}

output "topics" {
  description = "notifications, alerts => ARN of the SNS topic."
  value = {
    notifications = aws_sns_topic.notifications.arn
    alerts        = aws_sns_topic.alerts.arn
  }
}

output "secret" {
  description = "Name of the secret with the ServiceNow credentials."
  value       = aws_secretsmanager_secret.servicenow.name
}

output "mask_salt_secret" {
  description = "Name of the secret with the salt of hashed columns."
  value       = aws_secretsmanager_secret.mask_salt.name
}

output "roles" {
  description = "Function (by crate), job, reader, reingest, rollback, schedule => name of its role."
  value       = { for name, role in local.role_names : replace(name, "_", "-") => role if !contains(["operator", "optimizer"], name) }
}

output "operator_role" {
  description = "Name of the operator's role."
  value       = aws_iam_role.operator.name
}

output "operator_settings" {
  description = "What crates/etl calls things here: `terraform output -json operator_settings` is its settings file."
  value = {
    landing_bucket         = local.buckets.landing
    landing_prefix         = var.landing_prefix
    state_bucket           = local.buckets.state
    ledger_table           = local.names.ledger
    ingest_job             = local.jobs.ingest
    classify_job           = local.jobs.classify
    conform_job            = local.jobs.conform
    landing_queue          = local.queues.landing
    landing_dlq            = local.queues.landing_dlq
    events_dlq             = local.queues.events_dlq
    schedule               = local.names.schedule
    schedule_group         = local.names.schedule_group
    workgroup              = local.names.workgroup
    ingest_late_seconds    = var.open_work_alarm_seconds.ingest
    classify_late_seconds  = var.open_work_alarm_seconds.classify
    conform_late_seconds   = var.open_work_alarm_seconds.conform
    schedule_grace_seconds = var.reconcile_patience.schedule_grace_seconds
  }
}

output "rules" {
  description = "Names of the event rules that call functions."
  value       = { for name, rule in aws_cloudwatch_event_rule.this : name => rule.name }
}
