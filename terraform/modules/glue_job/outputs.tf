output "arn" {
  description = "ARN of the job."
  value       = aws_glue_job.this.arn
}

output "name" {
  description = "Name of the job."
  value       = aws_glue_job.this.name
}

output "role_name" {
  description = "Name of its role."
  value       = aws_iam_role.this.name
}

output "policy" {
  description = "What the role may do (JSON)."
  value       = data.aws_iam_policy_document.this.json
}

output "trust" {
  description = "Who may take the role (JSON)."
  value       = data.aws_iam_policy_document.trust.json
}

output "configuration" {
  description = "The job as configured."
  value = {
    arguments           = aws_glue_job.this.default_arguments
    script_location     = one(aws_glue_job.this.command[*].script_location)
    glue_version        = aws_glue_job.this.glue_version
    max_retries         = aws_glue_job.this.max_retries
    worker_type         = aws_glue_job.this.worker_type
    workers             = aws_glue_job.this.number_of_workers
    execution_class     = aws_glue_job.this.execution_class
    timeout_minutes     = aws_glue_job.this.timeout
    max_concurrent_runs = one(aws_glue_job.this.execution_property[*].max_concurrent_runs)
    log_groups          = [for group in aws_cloudwatch_log_group.this : group.name]
    failure_pattern     = aws_cloudwatch_event_rule.failed.event_pattern
    alarm_actions       = aws_cloudwatch_metric_alarm.failed.alarm_actions
    ok_actions          = aws_cloudwatch_metric_alarm.failed.ok_actions
    alarm_dimensions    = aws_cloudwatch_metric_alarm.failed.dimensions
  }
}
