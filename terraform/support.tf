# An engineer (or the pipeline's trigger stage) puts a file below intermediary/scripts/<kind>/ of the state bucket
# -> the function of that kind starts its job, or cleans up -> the answer below intermediary/results/.

locals {
  support_scripts_prefix  = "intermediary/scripts/"
  support_results_prefix  = "intermediary/results/"
  support_requests_prefix = "intermediary/requests/"
  support_moved_prefix    = "${var.raw_prefixes.quarantine}_cleanup/"

  # kind => function and the one job that it may start
  support_triggers = {
    copyglue     = { function = "copyglue_support", job = "ingest" }
    glue2        = { function = "glue2_support", job = "classify" }
    optimization = { function = "optimization_support", job = "conform" }
  }

  # kind => function
  support_kinds = merge(
    { for kind, trigger in local.support_triggers : kind => trigger.function },
    { cleanup = "support_cleanup" },
  )

  support_modules = merge(module.support_trigger, { cleanup = module.support_cleanup })
}

# What all four do with triggers and answers.
data "aws_iam_policy_document" "support" {
  provider = aws.application
  for_each = local.support_kinds

  source_policy_documents = [
    data.aws_iam_policy_document.data_access[each.value].json,
    data.aws_iam_policy_document.key_use[each.value].json,
  ]

  statement {
    sid     = "ReadTriggersAndRequests"
    actions = ["s3:GetObjectVersion"]
    resources = [
      "${local.bucket_arns.state}/${local.support_scripts_prefix}${each.key}/*",
      "${local.bucket_arns.state}/${local.support_requests_prefix}*",
    ]
  }

  statement {
    sid     = "AnswerAndRemember"
    actions = ["s3:PutObject"]
    resources = [
      "${local.bucket_arns.state}/${local.support_results_prefix}${each.key}/*",
      "${local.bucket_arns.state}/${local.support_requests_prefix}*",
    ]
  }
}

data "aws_iam_policy_document" "support_trigger" {
  provider = aws.application
  for_each = local.support_triggers

  source_policy_documents = [data.aws_iam_policy_document.support[each.key].json]

  statement {
    sid = "KnowRequestsAndOpenWork"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "HaveOwnJobLook"
    actions   = ["glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
    resources = [local.job_arns[each.value.job]]
  }
}

module "support_trigger" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }
  for_each  = local.support_triggers

  name             = local.functions[each.value.function]
  role_name        = local.role_names[each.value.function]
  description      = "Starts ${local.jobs[each.value.job]} on a trigger file, and answers it"
  package          = "${var.lambda_package_dir}/support-trigger.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.support_trigger
  policy_documents = [data.aws_iam_policy_document.support_trigger[each.key].json]

  environment = {
    LEDGER_TABLE   = aws_dynamodb_table.ledger.name
    STATE_BUCKET   = local.buckets.state
    LANDING_BUCKET = local.buckets.landing
    LANDING_PREFIX = var.landing_prefix
    KIND           = each.key
    JOB            = local.jobs[each.value.job]
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}

data "aws_iam_policy_document" "support_cleanup" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.support["cleanup"].json]

  statement {
    # UpdateItem and PutItem: requests, the VOID of a run that Glue says ended, before its outputs go, and landed versions
    # that the ledger lacks, before they go.
    sid       = "KnowRequestsAndRuns"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "AskWhetherRunsEnded"
    actions   = ["glue:GetJobRun"]
    resources = values(local.job_arns)
  }
}

module "support_cleanup" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.support_cleanup
  role_name        = local.role_names.support_cleanup
  description      = "Removes what a failed run or a batch left, on a trigger file, and puts it back"
  package          = "${var.lambda_package_dir}/support-cleanup.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.support_cleanup
  policy_documents = [data.aws_iam_policy_document.support_cleanup.json]

  environment = {
    LEDGER_TABLE      = aws_dynamodb_table.ledger.name
    STATE_BUCKET      = local.buckets.state
    LANDING_BUCKET    = local.buckets.landing
    LANDING_PREFIX    = var.landing_prefix
    RAW_BUCKET        = local.buckets.raw
    STAGING_PREFIX    = var.raw_prefixes.staging
    TEMP_PREFIX       = var.raw_prefixes.temp
    QUARANTINE_PREFIX = var.raw_prefixes.quarantine
    LEGACY_BUCKET     = local.buckets.legacy
    SECURED_BUCKET    = local.buckets.secured
    CLASSIFIED_PREFIX = var.classified_prefix
    INGEST_JOB        = local.jobs.ingest
    CLASSIFY_JOB      = local.jobs.classify
    CONFORM_JOB       = local.jobs.conform
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  asynchronous             = local.asynchronous
  alarm                    = local.alarm
}

resource "aws_lambda_permission" "trigger_file" {
  provider = aws.application
  for_each = local.support_kinds

  statement_id   = "trigger-files"
  action         = "lambda:InvokeFunction"
  function_name  = local.support_modules[each.key].name
  principal      = "s3.amazonaws.com"
  source_arn     = local.bucket_arns.state
  source_account = var.application_account_id # a bucket's ARN names no account
}

# A bucket has one notification configuration: whoever else wants to hear of the state bucket is added here.
resource "aws_s3_bucket_notification" "state" {
  provider = aws.application

  bucket = module.state_bucket.name

  dynamic "lambda_function" {
    for_each = local.support_kinds
    content {
      id                  = "trigger-${lambda_function.key}"
      lambda_function_arn = local.support_modules[lambda_function.key].arn
      events              = ["s3:ObjectCreated:*"]
      filter_prefix       = "${local.support_scripts_prefix}${lambda_function.key}/"
      filter_suffix       = ".json"
    }
  }

  # S3 refuses what it may not call.
  depends_on = [aws_lambda_permission.trigger_file]
}
