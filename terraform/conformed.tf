# Glue 2 committed -> optimization-trigger has Glue 3 look -> Iceberg tables in the Glue catalog.

module "conformed_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.data }

  name                              = local.buckets.conformed
  arn                               = local.bucket_arns.conformed
  kms_key_arn                       = aws_kms_key.data.arn
  force_destroy                     = var.buckets_force_destroy
  policy_documents                  = [data.aws_iam_policy_document.data_bucket["conformed"].json]
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days
}

resource "aws_glue_catalog_database" "legacy" {
  provider = aws.application

  name         = local.databases.legacy
  description  = "Conformed tables that every analyst may read"
  location_uri = "s3://${local.buckets.conformed}/${trimsuffix(var.conformed_legacy_prefix, "/")}"
}

resource "aws_glue_catalog_database" "secured" {
  provider = aws.application

  name         = local.databases.secured
  description  = "Conformed tables with what no rule knows to be harmless"
  location_uri = "s3://${local.buckets.conformed}/${trimsuffix(var.conformed_secured_prefix, "/")}"
}

# A database of its own, so that no dataset's table can have the name of one of these.
resource "aws_glue_catalog_database" "versions" {
  provider = aws.application

  name         = local.versions_database
  description  = "By zone: the newest version of each landed file, and views of how many rows of which file the tables have"
  location_uri = "s3://${local.buckets.conformed}/${trimsuffix(var.conformed_secured_prefix, "/")}"
}

locals {
  catalog_name   = "glue_catalog"
  learned_prefix = "contracts/learned/"

  # The jobs never name a class: which Iceberg it is, and where its catalog lies, is said here.
  iceberg_conf = {
    "spark.sql.extensions"                                    = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    "spark.sql.catalog.${local.catalog_name}"                 = "org.apache.iceberg.spark.SparkCatalog"
    "spark.sql.catalog.${local.catalog_name}.catalog-impl"    = "org.apache.iceberg.aws.glue.GlueCatalog"
    "spark.sql.catalog.${local.catalog_name}.io-impl"         = "org.apache.iceberg.aws.s3.S3FileIO"
    "spark.sql.catalog.${local.catalog_name}.warehouse"       = "s3://${local.buckets.conformed}/${trimsuffix(var.conformed_legacy_prefix, "/")}"
    "spark.sql.catalog.${local.catalog_name}.glue.account-id" = var.application_account_id
  }

  catalog_arn = "${local.arn_prefix}:glue:${local.application_arn}:catalog"
  database_arns = {
    for name, database in local.databases : name => "${local.arn_prefix}:glue:${local.application_arn}:database/${database}"
  }
  table_arns = {
    for name, database in local.databases : name => "${local.arn_prefix}:glue:${local.application_arn}:table/${database}/*"
  }

  versions_database     = replace(var.versions_database_name, "{env}", var.environment)
  versions_database_arn = "${local.arn_prefix}:glue:${local.application_arn}:database/${local.versions_database}"
  # By zone: a table, and a view.
  versions_table_arns = { for zone in keys(local.databases) : zone => [
    for name in [zone, "${zone}_files"] : "${local.arn_prefix}:glue:${local.application_arn}:table/${local.versions_database}/${name}"
  ] }
}

data "aws_iam_policy_document" "conform" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.job["conform"].json,
    data.aws_iam_policy_document.data_access["conform"].json,
    data.aws_iam_policy_document.key_use["conform"].json,
  ]

  statement {
    sid       = "ReadContracts"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arns.scripts}/${local.contracts_key}"]
  }

  statement {
    sid       = "KeepLearnedContracts"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.bucket_arns.state}/${local.learned_prefix}*"]
  }

  statement {
    sid       = "ListLearnedContracts"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.state]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${local.learned_prefix}*"]
    }
  }

  statement {
    sid     = "KeepTables"
    actions = ["glue:CreateTable", "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"]
    resources = concat(
      [local.catalog_arn, local.versions_database_arn],
      values(local.database_arns),
      values(local.table_arns),
      flatten(values(local.versions_table_arns)),
    )
  }

  statement {
    # The view of all files is made of the tables that there are.
    sid       = "ListTables"
    actions   = ["glue:GetTables"]
    resources = concat([local.catalog_arn], values(local.database_arns), values(local.table_arns))
  }

  statement {
    # A view makes room for a dataset of its name.
    sid       = "RemoveViews"
    actions   = ["glue:DeleteTable"]
    resources = concat([local.catalog_arn], values(local.database_arns), [for arn in values(local.table_arns) : "${arn}_current"])
  }
}

module "conform" {
  source    = "./modules/glue_job"
  providers = { aws = aws.application }

  name             = local.jobs.conform
  role_name        = local.role_names.conform
  description      = "Glue 3: merges classified records into the conformed tables"
  glue_version     = var.glue_version
  settings         = var.job_settings.conform
  script_location  = local.script_locations.conform
  library_location = local.library_location
  policy_documents = [data.aws_iam_policy_document.conform.json]

  arguments = merge(local.job_arguments, {
    "--legacy_bucket"     = local.buckets.legacy
    "--secured_bucket"    = local.buckets.secured
    "--conformed_bucket"  = local.buckets.conformed
    "--legacy_prefix"     = var.conformed_legacy_prefix
    "--secured_prefix"    = var.conformed_secured_prefix
    "--legacy_database"   = aws_glue_catalog_database.legacy.name
    "--secured_database"  = aws_glue_catalog_database.secured.name
    "--contracts_uri"     = local.contracts_uri
    "--versions_database" = aws_glue_catalog_database.versions.name
    "--maintenance"       = local.maintenance_argument
    "--rollback"          = "none" # who rolls a dataset back names it, and a moment
    "--catalog"           = local.catalog_name
    "--raw_bucket"        = local.buckets.raw
    "--quarantine_prefix" = var.raw_prefixes.quarantine
    "--datalake-formats"  = "iceberg"
    "--conf"              = join(" --conf ", [for key, value in merge(local.iceberg_conf, var.spark_conf) : "${key}=${value}"])
  })

  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  failure_log_group_arn    = aws_cloudwatch_log_group.job_failures.arn
  event_retry              = local.event_retry
  alarm                    = local.alarm
}

data "aws_iam_policy_document" "optimization_trigger" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["optimization_trigger"].json]

  statement {
    sid       = "ReadRun"
    actions   = ["dynamodb:GetItem"]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "HaveGlue3Look"
    actions   = ["glue:StartJobRun"]
    resources = [local.job_arns.conform]
  }
}

module "optimization_trigger" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.optimization_trigger
  role_name        = local.role_names.optimization_trigger
  description      = "Has Glue 3 look when a Glue 2 run has committed"
  package          = "${var.lambda_package_dir}/optimization-trigger.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.optimization_trigger
  policy_documents = [data.aws_iam_policy_document.optimization_trigger.json]

  environment = {
    LEDGER_TABLE = aws_dynamodb_table.ledger.name
    CLASSIFY_JOB = local.jobs.classify
    CONFORM_JOB  = local.jobs.conform
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}
