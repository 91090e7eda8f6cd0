# Where analysts query. Two workgroups, as results are data too: whoever may read the results of the one must not
# thereby read what somebody selected from secured tables.

module "athena_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.application }

  name                              = local.buckets.athena
  arn                               = local.bucket_arns.athena
  kms_key_arn                       = aws_kms_key.application.arn
  force_destroy                     = var.buckets_force_destroy
  noncurrent_version_retention_days = var.athena_results_noncurrent_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days

  expirations = {
    results = { prefix = "", days = var.athena_results_retention_days }
  }
}

locals {
  workgroups = {
    secured = { name = local.names.workgroup, prefix = "results/", description = "Queries on legacy and secured tables" }
    legacy  = { name = local.names.legacy_workgroup, prefix = "legacy/", description = "Queries on legacy tables only" }
  }
}

resource "aws_athena_workgroup" "this" {
  provider = aws.application
  for_each = local.workgroups

  name          = each.value.name
  description   = each.value.description
  force_destroy = var.buckets_force_destroy

  configuration {
    # What a client asks for instead (another place, no encryption) is ignored.
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_mb * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${module.athena_bucket.name}/${each.value.prefix}"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.application.arn
      }
    }
  }
}
