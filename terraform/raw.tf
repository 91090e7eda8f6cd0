# Glue 1 reads landed versions and writes Parquet to raw's temp; clean-prefix removes from there what a committed
# Glue 2 run has consumed.

module "raw_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.data }

  name                              = local.buckets.raw
  arn                               = local.bucket_arns.raw
  kms_key_arn                       = aws_kms_key.data.arn
  force_destroy                     = var.buckets_force_destroy
  policy_documents                  = [data.aws_iam_policy_document.data_bucket["raw"].json]
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days

  expirations = {
    staging    = { prefix = var.raw_prefixes.staging, days = var.staging_retention_days }
    temp       = { prefix = var.raw_prefixes.temp, days = var.temp_retention_days }
    quarantine = { prefix = var.raw_prefixes.quarantine, days = var.quarantine_retention_days }
  }
}

data "aws_iam_policy_document" "ingest" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.job["ingest"].json,
    data.aws_iam_policy_document.data_access["ingest"].json,
    data.aws_iam_policy_document.key_use["ingest"].json,
  ]
}

module "ingest" {
  source    = "./modules/glue_job"
  providers = { aws = aws.application }

  name             = local.jobs.ingest
  role_name        = local.role_names.ingest
  description      = "Glue 1: landed JSON to Parquet"
  glue_version     = var.glue_version
  settings         = var.job_settings.ingest
  script_location  = local.script_locations.ingest
  library_location = local.library_location
  policy_documents = [data.aws_iam_policy_document.ingest.json]

  arguments = merge(local.job_arguments, {
    "--landing_bucket"    = local.buckets.landing
    "--landing_prefix"    = var.landing_prefix
    "--raw_bucket"        = local.buckets.raw
    "--staging_prefix"    = var.raw_prefixes.staging
    "--temp_prefix"       = var.raw_prefixes.temp
    "--quarantine_prefix" = var.raw_prefixes.quarantine
    "--max_files"         = tostring(var.ingest_max_files)
  }, local.spark_conf_argument)

  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  failure_log_group_arn    = aws_cloudwatch_log_group.job_failures.arn
  event_retry              = local.event_retry
  alarm                    = local.alarm
}

data "aws_iam_policy_document" "clean_prefix" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.data_access["clean_prefix"].json,
    data.aws_iam_policy_document.key_use["clean_prefix"].json,
  ]

  statement {
    sid       = "ReadRunAndMarkItCleaned"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [local.ledger_arn]
  }

  statement {
    sid     = "ReadManifests"
    actions = ["s3:GetObject"]
    resources = [for stage in [1, 2] :
      "${local.bucket_arns.state}/manifests/stage=${stage}/*"
    ]
  }
}

module "clean_prefix" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.clean_prefix
  role_name        = local.role_names.clean_prefix
  description      = "Removes from temp what a committed Glue 2 run consumed"
  package          = "${var.lambda_package_dir}/clean-prefix.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.clean_prefix
  policy_documents = [data.aws_iam_policy_document.clean_prefix.json]

  environment = {
    LEDGER_TABLE = aws_dynamodb_table.ledger.name
    STATE_BUCKET = local.buckets.state
    RAW_BUCKET   = local.buckets.raw
    TEMP_PREFIX  = var.raw_prefixes.temp
    CLASSIFY_JOB = local.jobs.classify
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}
