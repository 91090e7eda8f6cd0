output "name" {
  description = "Name of the bucket, known once it exists with its policy and its encryption."
  value       = aws_s3_bucket.this.bucket

  depends_on = [
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "policy" {
  description = "The bucket's policy (JSON)."
  value       = data.aws_iam_policy_document.this.json
}

output "lifecycle_rules" {
  description = "The lifetimes: rule => prefix and days."
  value = {
    for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id => {
      prefix = one(rule.filter[*].prefix)
      days   = one(rule.expiration[*].days)
    }
  }
}

output "retention" {
  description = "What goes by itself in the whole bucket."
  value = one([
    for rule in aws_s3_bucket_lifecycle_configuration.this.rule : {
      noncurrent_version_days = one(rule.noncurrent_version_expiration[*].noncurrent_days)
      aborted_upload_days     = one(rule.abort_incomplete_multipart_upload[*].days_after_initiation)
      expired_delete_markers  = one(rule.expiration[*].expired_object_delete_marker)
    } if rule.id == "versions-and-uploads"
  ])
}

output "settings" {
  description = "What protects the bucket, as configured."
  value = {
    versioning          = aws_s3_bucket_versioning.this.versioning_configuration[0].status
    sse_algorithm       = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm
    kms_key_arn         = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id
    bucket_key          = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    ownership           = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership
    block_public_acls   = aws_s3_bucket_public_access_block.this.block_public_acls
    block_public_policy = aws_s3_bucket_public_access_block.this.block_public_policy
    ignore_public_acls  = aws_s3_bucket_public_access_block.this.ignore_public_acls
    restrict_public     = aws_s3_bucket_public_access_block.this.restrict_public_buckets
  }
}
