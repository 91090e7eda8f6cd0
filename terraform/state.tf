# Manifests and reports of the runs, their numbers by file, and learned contracts. They are small, and the ledger points
# to most of them for ever: nothing expires.

module "state_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.application }

  name                              = local.buckets.state
  arn                               = local.bucket_arns.state
  kms_key_arn                       = aws_kms_key.application.arn
  force_destroy                     = var.buckets_force_destroy
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days
}
