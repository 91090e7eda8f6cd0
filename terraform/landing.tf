# A file lands -> the landing bucket (data account) tells the landing queue (application account)
# -> copy-prefix writes it into the ledger and has Glue 1 look.

module "landing_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.data }

  name                              = local.buckets.landing
  arn                               = local.bucket_arns.landing
  kms_key_arn                       = aws_kms_key.data.arn
  force_destroy                     = var.buckets_force_destroy
  policy_documents                  = [data.aws_iam_policy_document.data_bucket["landing"].json]
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days

  expirations = var.landing_retention_days == null ? {} : {
    landed = { prefix = var.landing_prefix, days = var.landing_retention_days }
  }
}

resource "aws_s3_bucket_notification" "landing" {
  provider = aws.data

  bucket = module.landing_bucket.name

  queue {
    id            = "landed"
    queue_arn     = aws_sqs_queue.landing.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.landing_prefix
  }

  # S3 tries the queue when it is given one, and refuses what it can't send to.
  depends_on = [aws_sqs_queue_policy.landing]
}

locals {
  # Six times the function's time-out plus the window is what Lambda asks for: the poller may hold a batch for
  # that long through throttles and retries.
  landing_visibility_timeout_seconds = coalesce(
    var.landing_visibility_timeout_seconds,
    6 * var.function_settings.copy_prefix.timeout_seconds + var.landing_batch_window_seconds,
  )
}

resource "aws_sqs_queue" "landing" {
  provider = aws.application

  name                       = local.queues.landing
  visibility_timeout_seconds = local.landing_visibility_timeout_seconds
  message_retention_seconds  = var.queue_retention_days.landing * 86400
  receive_wait_time_seconds  = var.landing_receive_wait_seconds
  kms_master_key_id          = aws_kms_key.messaging.arn

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.landing_dlq.arn
    maxReceiveCount     = var.landing_max_receive_count
  })
}

# Messages that can never work (with their reason, sent by copy-prefix) or that failed too often (sent by SQS).
resource "aws_sqs_queue" "landing_dlq" {
  provider = aws.application

  name                      = local.queues.landing_dlq
  message_retention_seconds = var.queue_retention_days.dead_letter * 86400
  kms_master_key_id         = aws_kms_key.messaging.arn
}

resource "aws_sqs_queue_redrive_allow_policy" "landing_dlq" {
  provider = aws.application

  queue_url = aws_sqs_queue.landing_dlq.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.landing.arn]
  })
}

data "aws_iam_policy_document" "landing_queue" {
  provider = aws.application

  statement {
    sid       = "LandingBucketSends"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns.landing]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.bucket_arns.landing]
    }

    # A bucket's ARN names no account: whoever took the name after us would pass the condition above.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.data_account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "landing" {
  provider = aws.application

  queue_url = aws_sqs_queue.landing.id
  policy    = data.aws_iam_policy_document.queue["landing"].json
}

resource "aws_sqs_queue_policy" "landing_dlq" {
  provider = aws.application

  queue_url = aws_sqs_queue.landing_dlq.id
  policy    = data.aws_iam_policy_document.queue["landing_dlq"].json
}

# What every queue refuses, and what the landing and events queues let AWS services send.
data "aws_iam_policy_document" "queue" {
  provider = aws.application
  for_each = local.queue_arns

  source_policy_documents = lookup({
    landing    = [data.aws_iam_policy_document.landing_queue.json]
    events_dlq = [data.aws_iam_policy_document.events_dlq.json]
  }, each.key, [])

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"] # a denial, so that the next new action is refused too
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "copy_prefix" {
  provider = aws.application

  source_policy_documents = [data.aws_iam_policy_document.key_use["copy_prefix"].json]

  statement {
    sid       = "ConsumeLandingQueue" # used by Lambda's poller, in this role's name
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [local.queue_arns.landing]
  }

  statement {
    sid       = "SetHopelessMessagesAside"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns.landing_dlq]
  }

  statement {
    sid       = "TakeIn"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:PutItem"]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "HaveGlue1Look"
    actions   = ["glue:StartJobRun"]
    resources = [local.job_arns.ingest]
  }
}

module "copy_prefix" {
  source    = "./modules/lambda_function"
  providers = { aws = aws.application }

  name             = local.functions.copy_prefix
  role_name        = local.role_names.copy_prefix
  description      = "Writes landed files into the ledger and has Glue 1 look"
  package          = "${var.lambda_package_dir}/copy-prefix.zip"
  architecture     = var.lambda_architecture
  settings         = var.function_settings.copy_prefix
  policy_documents = [data.aws_iam_policy_document.copy_prefix.json]

  environment = {
    LEDGER_TABLE   = aws_dynamodb_table.ledger.name
    LANDING_BUCKET = local.buckets.landing
    LANDING_PREFIX = var.landing_prefix
    INGEST_JOB     = local.jobs.ingest
    DLQ_URL        = aws_sqs_queue.landing_dlq.url
  }

  log_level                = var.log_level
  log_retention_days       = var.log_retention_days
  log_key_arn              = local.log_key_arn
  log_group_arn_prefix     = local.log_group_arn_prefix
  permissions_boundary_arn = var.permissions_boundary_arn
  alarm                    = local.alarm
}

resource "aws_lambda_event_source_mapping" "landing" {
  provider = aws.application

  event_source_arn                   = aws_sqs_queue.landing.arn
  function_name                      = module.copy_prefix.arn
  batch_size                         = var.landing_batch_size
  maximum_batching_window_in_seconds = var.landing_batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  # Limits the poller, not the function: a function's reserved concurrency alone would let messages be
  # received, throttled, and counted towards the dead-letter queue.
  scaling_config {
    maximum_concurrency = var.landing_max_concurrency
  }
}
