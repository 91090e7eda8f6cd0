output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
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
  description = "The function as configured."
  value = {
    environment      = aws_lambda_function.this.environment[0].variables
    timeout_seconds  = aws_lambda_function.this.timeout
    memory_mb        = aws_lambda_function.this.memory_size
    runtime          = aws_lambda_function.this.runtime
    handler          = aws_lambda_function.this.handler
    architectures    = aws_lambda_function.this.architectures
    source_code_hash = aws_lambda_function.this.source_code_hash
    log_group        = aws_cloudwatch_log_group.this.name
    log_retention    = aws_cloudwatch_log_group.this.retention_in_days
    on_failure       = one(aws_lambda_function_event_invoke_config.this[*].destination_config[0].on_failure[0].destination)
    max_attempts     = one(aws_lambda_function_event_invoke_config.this[*].maximum_retry_attempts)
    alarm_actions    = aws_cloudwatch_metric_alarm.errors.alarm_actions
    ok_actions       = aws_cloudwatch_metric_alarm.errors.ok_actions
    alarm_dimensions = aws_cloudwatch_metric_alarm.errors.dimensions
  }
}
