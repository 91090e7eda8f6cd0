# The role of who operates the pipeline, with crates/etl or by other means: looks at all of it, and has steps done by
# trigger files and by putting dead letters back. It reads no record: whoever queries does so as a reader, and whoever
# lands files is somebody of the data account.

data "aws_iam_policy_document" "operator_trust" {
  provider = aws.application

  statement {
    sid     = "Operators"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(var.operator_principal_arns) == 0 ? [local.application_root_arn] : var.operator_principal_arns
    }
  }
}

resource "aws_iam_role" "operator" {
  provider = aws.application

  name                 = local.role_names.operator
  description          = "Looks at the pipeline and has its steps done by hand"
  assume_role_policy   = data.aws_iam_policy_document.operator_trust.json
  max_session_duration = var.operator_session_hours * 3600
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "operator" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.data_access["operator"].json,
    data.aws_iam_policy_document.key_use["operator"].json,
  ]

  statement {
    sid       = "ReadLedger"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [local.ledger_arn]
  }

  statement {
    sid       = "LookAtRuns"
    actions   = ["glue:GetJobRuns"]
    resources = values(local.job_arns)
  }

  statement {
    sid       = "LookAtSchedule"
    actions   = ["scheduler:GetSchedule"]
    resources = ["${local.arn_prefix}:scheduler:${local.application_arn}:schedule/${local.names.schedule_group}/${local.names.schedule}"]
  }

  statement {
    sid       = "LookAtQueues"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = [for name in ["landing", "landing_dlq", "events_dlq"] : local.queue_arns[name]]
  }

  statement {
    # Looking at a message hides it; it is shown again at once.
    sid       = "LookAtDeadLetters"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:ReceiveMessage"]
    resources = [local.queue_arns.landing_dlq, local.queue_arns.events_dlq]
  }

  statement {
    # SQS moves them in the caller's name.
    sid       = "PutDeadLettersBack"
    actions   = ["sqs:DeleteMessage", "sqs:ListMessageMoveTasks", "sqs:StartMessageMoveTask"]
    resources = [local.queue_arns.landing_dlq]
  }

  statement {
    sid       = "PutDeadLettersInto"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arns.landing]
  }

  statement {
    sid     = "ReadBooksAndResults"
    actions = ["s3:GetObject"]
    resources = [
      for prefix in ["manifests/", "reports/", "lineage/", local.support_results_prefix] :
      "${local.bucket_arns.state}/${prefix}*"
    ]
  }

  statement {
    # Numbers by file are many objects, and a result that is not there yet must be told from one that may not be read.
    sid       = "ListBooksAndResults"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns.state]
  }

  statement {
    sid       = "PutTriggers"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns.state}/${local.support_scripts_prefix}*"]
  }
}

resource "aws_iam_role_policy" "operator" {
  provider = aws.application

  name   = "permissions"
  role   = aws_iam_role.operator.id
  policy = data.aws_iam_policy_document.operator.json
}
