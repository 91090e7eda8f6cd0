output "state_bucket" {
  description = "Bucket of the state of the other root."
  value       = aws_s3_bucket.state.bucket
}

output "roles" {
  description = "The roles that the GitLab project's jobs take, by account and purpose."
  value = {
    data        = { for purpose, role in aws_iam_role.data : purpose => role.arn }
    application = { for purpose, role in aws_iam_role.application : purpose => role.arn }
  }
}
