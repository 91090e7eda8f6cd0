# Names and the ARNs that follow from them. ARNs are composed where a reference would make a circle
# (a role's policy names a bucket, and that bucket's policy names the role) or would hide a policy's text
# until apply.

locals {
  buckets   = { for name, template in var.bucket_names : name => replace(template, "{env}", var.environment) }
  functions = { for name, template in var.function_names : name => replace(template, "{env}", var.environment) }
  jobs      = { for name, template in var.job_names : name => replace(template, "{env}", var.environment) }
  queues    = { for name, template in var.queue_names : name => replace(template, "{env}", var.environment) }
  topics    = { for name, template in var.topic_names : name => replace(template, "{env}", var.environment) }
  databases = { for name, template in var.database_names : name => replace(template, "{env}", var.environment) }
  names     = { for name, template in var.names : name => replace(template, "{env}", var.environment) }

  # crate name (copy-prefix) => deployed name
  functions_by_crate = { for name, deployed in local.functions : replace(name, "_", "-") => deployed }

  arn_prefix      = "arn:${var.partition}"
  application_arn = "${var.region}:${var.application_account_id}"

  bucket_arns   = { for name, bucket in local.buckets : name => "${local.arn_prefix}:s3:::${bucket}" }
  function_arns = { for name, function in local.functions : name => "${local.arn_prefix}:lambda:${local.application_arn}:function:${function}" }
  job_arns      = { for name, job in local.jobs : name => "${local.arn_prefix}:glue:${local.application_arn}:job/${job}" }
  queue_arns    = { for name, queue in local.queues : name => "${local.arn_prefix}:sqs:${local.application_arn}:${queue}" }
  topic_arns    = { for name, topic in local.topics : name => "${local.arn_prefix}:sns:${local.application_arn}:${topic}" }
  ledger_arn    = "${local.arn_prefix}:dynamodb:${local.application_arn}:table/${local.names.ledger}"

  application_root_arn = "${local.arn_prefix}:iam::${var.application_account_id}:root"
  data_root_arn        = "${local.arn_prefix}:iam::${var.data_account_id}:root"

  # Every role that touches data: the functions by crate, the jobs, the analysts.
  role_names = merge(
    { for name, function in local.functions : name => "${function}-role" },
    { for name, job in local.jobs : name => "${job}-role" },
    {
      legacy_reader  = local.names.legacy_reader
      secured_reader = local.names.secured_reader
      operator       = local.names.operator
      reingest       = local.names.reingest
      rollback       = local.names.rollback
      optimizer      = local.names.optimizer
      schedule       = "${local.names.schedule}-role"
    },
  )
  role_arns = { for name, role in local.role_names : name => "${local.arn_prefix}:iam::${var.application_account_id}:role/${role}" }

  # What holds all conformed tables: the secured prefix lies below the legacy one, or beside it.
  conformed_table_prefixes = startswith(var.conformed_secured_prefix, var.conformed_legacy_prefix) ? [
    var.conformed_legacy_prefix
  ] : [var.conformed_legacy_prefix, var.conformed_secured_prefix]
}
