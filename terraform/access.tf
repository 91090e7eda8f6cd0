# Who may do what on the data buckets, and with which keys.
#
# The buckets belong to the data account and the roles to the application account, so that every access has to
# be granted twice: by the role's own policy and by the bucket's. Both are made from this one table.
#   role     whose access it is (a key of local.role_names)
#   bucket   where (a key of local.buckets)
#   actions  what
#   objects  on objects below these prefixes
#   keys     and on these very keys
#   list     or: listing with these values of s3:prefix
# A bucket policy that names a role loses it when the role is recreated. This one names the application account's
# root, with a condition on the role's ARN.

locals {
  # Deleting is part of writing: Spark's committers leave files of attempts behind otherwise.
  write_actions = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]

  # Before Spark's file system writes to a/b/c/ it looks whether a, a/b or a/b/c is a file. Where it may not look, it fails.
  ancestors = {
    for name, prefix in { temp = var.raw_prefixes.temp, quarantine = var.raw_prefixes.quarantine, classified = var.classified_prefix } :
    name => [for depth in range(1, length(split("/", prefix))) : join("/", slice(split("/", prefix), 0, depth))]
  }
  raw_ancestors        = sort(distinct(concat(local.ancestors.temp, local.ancestors.quarantine)))
  classified_ancestors = local.ancestors.classified

  data_grants = {
    # Glue 1
    IngestReadLandedVersions = {
      role    = "ingest"
      bucket  = "landing"
      actions = ["s3:GetObjectVersion"]
      objects = [var.landing_prefix]
    }
    IngestTellVanishedFromForbidden = {
      # S3 answers 403 instead of 404 for a key or version that is gone, unless the bucket may be listed. No
      # condition on the prefix: there is none in a request for an object. The versions are listed, too, when all files
      # of a run are refused: is it them, or the role?
      role    = "ingest"
      bucket  = "landing"
      actions = ["s3:ListBucket", "s3:ListBucketVersions"]
      list    = null
    }
    IngestReadRaw = {
      role    = "ingest"
      bucket  = "raw"
      actions = ["s3:GetObject"]
      objects = values(var.raw_prefixes)
      keys    = local.raw_ancestors
    }
    IngestStageCopies = {
      # Staging is left to its lifecycle rule: nobody deletes there.
      role    = "ingest"
      bucket  = "raw"
      actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
      objects = [var.raw_prefixes.staging]
    }
    IngestWriteRaw = {
      role    = "ingest"
      bucket  = "raw"
      actions = local.write_actions
      objects = [var.raw_prefixes.temp, var.raw_prefixes.quarantine]
    }
    IngestListRaw = {
      role    = "ingest"
      bucket  = "raw"
      actions = ["s3:ListBucket"]
      list    = concat([for prefix in values(var.raw_prefixes) : "${prefix}*"], [for key in local.raw_ancestors : "${key}/"])
    }

    # clean-prefix
    CleanPrefixDeleteTemp = {
      role    = "clean_prefix"
      bucket  = "raw"
      actions = ["s3:DeleteObject"]
      objects = [var.raw_prefixes.temp]
    }

    # reconcile
    ReconcileListLanding = {
      role    = "reconcile"
      bucket  = "landing"
      actions = ["s3:ListBucketVersions"]
      list    = ["${var.landing_prefix}*"]
    }

    # support-trigger of Glue 1: looks for versions that the ledger lacks, and lands files once more
    SupportTriggerListLanding = {
      # As above: a key that is gone is told from one that is forbidden.
      role    = "copyglue_support"
      bucket  = "landing"
      actions = ["s3:ListBucket", "s3:ListBucketVersions"]
      list    = null
    }
    SupportTriggerLandAgain = {
      role    = "copyglue_support"
      bucket  = "landing"
      actions = ["s3:GetObject", "s3:PutObject"]
      objects = [var.landing_prefix]
    }

    # support-cleanup. DeleteObjectVersion removes its own delete markers again, and landed versions that were copied.
    SupportCleanupListLanding = {
      role    = "support_cleanup"
      bucket  = "landing"
      actions = ["s3:ListBucketVersions"]
      list    = ["${var.landing_prefix}*"]
    }
    SupportCleanupMoveLanded = {
      role    = "support_cleanup"
      bucket  = "landing"
      actions = ["s3:GetObjectVersion", "s3:DeleteObjectVersion", "s3:PutObject"]
      objects = [var.landing_prefix]
    }
    SupportCleanupListRaw = {
      role    = "support_cleanup"
      bucket  = "raw"
      actions = ["s3:ListBucketVersions"]
      list    = [for prefix in values(var.raw_prefixes) : "${prefix}*"]
    }
    SupportCleanupRemoveRaw = {
      role    = "support_cleanup"
      bucket  = "raw"
      actions = ["s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"]
      objects = values(var.raw_prefixes)
    }
    SupportCleanupKeepCopies = {
      role    = "support_cleanup"
      bucket  = "raw"
      actions = ["s3:PutObject"]
      objects = [local.support_moved_prefix]
    }
    SupportCleanupListLegacy = {
      role    = "support_cleanup"
      bucket  = "legacy"
      actions = ["s3:ListBucketVersions"]
      list    = ["${var.classified_prefix}*"]
    }
    SupportCleanupRemoveLegacy = {
      role    = "support_cleanup"
      bucket  = "legacy"
      actions = ["s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"]
      objects = [var.classified_prefix]
    }
    SupportCleanupListSecured = {
      role    = "support_cleanup"
      bucket  = "secured"
      actions = ["s3:ListBucketVersions"]
      list    = ["${var.classified_prefix}*"]
    }
    SupportCleanupRemoveSecured = {
      role    = "support_cleanup"
      bucket  = "secured"
      actions = ["s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"]
      objects = [var.classified_prefix]
    }

    # Glue 2
    ClassifyReadTemp = {
      role    = "classify"
      bucket  = "raw"
      actions = ["s3:GetObject"]
      objects = [var.raw_prefixes.temp]
    }
    ClassifyListTemp = {
      role    = "classify"
      bucket  = "raw"
      actions = ["s3:ListBucket"]
      list    = ["${var.raw_prefixes.temp}*"]
    }
    ClassifyReadLegacy = {
      role    = "classify"
      bucket  = "legacy"
      actions = ["s3:GetObject"]
      objects = [var.classified_prefix]
      keys    = local.classified_ancestors
    }
    ClassifyWriteLegacy = {
      role    = "classify"
      bucket  = "legacy"
      actions = local.write_actions
      objects = [var.classified_prefix]
    }
    ClassifyListLegacy = {
      role    = "classify"
      bucket  = "legacy"
      actions = ["s3:ListBucket"]
      list    = concat(["${var.classified_prefix}*"], [for key in local.classified_ancestors : "${key}/"])
    }
    ClassifyReadSecured = {
      role    = "classify"
      bucket  = "secured"
      actions = ["s3:GetObject"]
      objects = [var.classified_prefix]
      keys    = local.classified_ancestors
    }
    ClassifyWriteSecured = {
      role    = "classify"
      bucket  = "secured"
      actions = local.write_actions
      objects = [var.classified_prefix]
    }
    ClassifyListSecured = {
      role    = "classify"
      bucket  = "secured"
      actions = ["s3:ListBucket"]
      list    = concat(["${var.classified_prefix}*"], [for key in local.classified_ancestors : "${key}/"])
    }

    # Glue 3
    ConformReadLegacy = {
      role    = "conform"
      bucket  = "legacy"
      actions = ["s3:GetObject"]
      objects = [var.classified_prefix]
    }
    ConformListLegacy = {
      role    = "conform"
      bucket  = "legacy"
      actions = ["s3:ListBucket"]
      list    = ["${var.classified_prefix}*"]
    }
    ConformReadSecured = {
      role    = "conform"
      bucket  = "secured"
      actions = ["s3:GetObject"]
      objects = [var.classified_prefix]
    }
    ConformListSecured = {
      role    = "conform"
      bucket  = "secured"
      actions = ["s3:ListBucket"]
      list    = ["${var.classified_prefix}*"]
    }
    ConformReadTables = {
      role    = "conform"
      bucket  = "conformed"
      actions = ["s3:GetObject"]
      objects = local.conformed_table_prefixes
    }
    ConformWriteTables = {
      role    = "conform"
      bucket  = "conformed"
      actions = local.write_actions
      objects = local.conformed_table_prefixes
    }
    ConformListTables = {
      role    = "conform"
      bucket  = "conformed"
      actions = ["s3:ListBucket"]
      list    = [for prefix in local.conformed_table_prefixes : "${prefix}*"]
    }
    ConformReadQuarantine = {
      role    = "conform"
      bucket  = "raw"
      actions = ["s3:GetObject"]
      objects = [var.raw_prefixes.quarantine]
      keys    = local.ancestors.quarantine
    }
    ConformWriteQuarantine = {
      role    = "conform"
      bucket  = "raw"
      actions = local.write_actions
      objects = [var.raw_prefixes.quarantine]
    }
    ConformListQuarantine = {
      role    = "conform"
      bucket  = "raw"
      actions = ["s3:ListBucket"]
      list    = concat(["${var.raw_prefixes.quarantine}*"], [for key in local.ancestors.quarantine : "${key}/"])
    }

    # Who lands quarantined records again
    ReingestReadQuarantine = {
      role    = "reingest"
      bucket  = "raw"
      actions = ["s3:GetObject"]
      objects = [var.raw_prefixes.quarantine]
    }
    ReingestListQuarantine = {
      role    = "reingest"
      bucket  = "raw"
      actions = ["s3:ListBucket"]
      list    = [for folder in values(local.quarantine_folders) : "${folder}*"]
    }
    ReingestNote = {
      role    = "reingest"
      bucket  = "raw"
      actions = ["s3:PutObject"]
      objects = [local.quarantine_folders.reingested, local.reingest_plans_prefix]
    }
    ReingestReadLandedVersions = {
      # What a contract refused is landed again as it came, not as Glue 2 had it.
      role    = "reingest"
      bucket  = "landing"
      actions = ["s3:GetObjectVersion"]
      objects = [var.landing_prefix]
    }
    ReingestLand = {
      role    = "reingest"
      bucket  = "landing"
      actions = ["s3:PutObject"]
      objects = [local.reingested_landing_prefix]
    }

    # Operators: which versions a key has.
    OperatorListLanding = {
      role    = "operator"
      bucket  = "landing"
      actions = ["s3:ListBucketVersions"]
      list    = ["${var.landing_prefix}*"]
    }

    # Analysts. What the legacy reader gets here is cut down by the denials below.
    LegacyReaderReadTables = {
      role    = "legacy_reader"
      bucket  = "conformed"
      actions = ["s3:GetObject"]
      objects = [var.conformed_legacy_prefix]
    }
    LegacyReaderListTables = {
      # One table at a time: a listing of legacy/ itself would show what lies in legacy/secured/.
      role    = "legacy_reader"
      bucket  = "conformed"
      actions = ["s3:ListBucket"]
      list    = ["${var.conformed_legacy_prefix}?*/*"]
    }
    SecuredReaderReadTables = {
      role    = "secured_reader"
      bucket  = "conformed"
      actions = ["s3:GetObject"]
      objects = local.conformed_table_prefixes
    }
    SecuredReaderListTables = {
      role    = "secured_reader"
      bucket  = "conformed"
      actions = ["s3:ListBucket"]
      list    = [for prefix in local.conformed_table_prefixes : "${prefix}*"]
    }
    SecuredReaderReadQuarantine = {
      role    = "secured_reader"
      bucket  = "raw"
      actions = ["s3:GetObject"]
      objects = values(local.quarantine_folders)
    }
    SecuredReaderListQuarantine = {
      role    = "secured_reader"
      bucket  = "raw"
      actions = ["s3:ListBucket"]
      list    = [for folder in values(local.quarantine_folders) : "${folder}*"]
    }
  }

  # Glue's table optimizers, if there are any.
  optimizer_grants = { for sid, grant in {
    OptimizerReadTables  = { role = "optimizer", bucket = "conformed", actions = ["s3:GetObject"], objects = local.optimized_prefixes }
    OptimizerWriteTables = { role = "optimizer", bucket = "conformed", actions = local.write_actions, objects = local.optimized_prefixes }
    OptimizerListTables  = { role = "optimizer", bucket = "conformed", actions = ["s3:ListBucket"], list = [for prefix in local.optimized_prefixes : "${prefix}*"] }
  } : sid => grant if length(local.optimized) > 0 }

  data_statements = {
    for sid, grant in merge(local.data_grants, local.optimizer_grants) : sid => {
      role    = grant.role
      bucket  = grant.bucket
      actions = grant.actions
      resources = contains(keys(grant), "list") ? [local.bucket_arns[grant.bucket]] : concat(
        [for prefix in grant.objects : "${local.bucket_arns[grant.bucket]}/${prefix}*"],
        [for key in try(grant.keys, []) : "${local.bucket_arns[grant.bucket]}/${key}"],
      )
      prefixes = try(grant.list, null) == null ? [] : grant.list
    }
  }

  # Every role, whether or not a row is its: a role whose last row goes keeps a document, which grants nothing.
  data_roles   = toset(keys(local.role_names))
  data_buckets = toset(["landing", "raw", "legacy", "secured", "conformed"])

  data_key_readers = sort(distinct([for statement in values(local.data_statements) : local.role_arns[statement.role]
  if length(setintersection(statement.actions, ["s3:GetObject", "s3:GetObjectVersion"])) > 0]))
  data_key_writers = sort(distinct([for statement in values(local.data_statements) : local.role_arns[statement.role]
  if contains(statement.actions, "s3:PutObject")]))
}

# The roles' side.
data "aws_iam_policy_document" "data_access" {
  provider = aws.application
  for_each = local.data_roles

  dynamic "statement" {
    for_each = { for sid, statement in local.data_statements : sid => statement if statement.role == each.key }
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = length(statement.value.prefixes) == 0 ? [] : [statement.value.prefixes]
        content {
          test     = "StringLike"
          variable = "s3:prefix"
          values   = condition.value
        }
      }
    }
  }

  dynamic "statement" {
    for_each = contains(local.data_key_readers, local.role_arns[each.key]) ? [1] : []
    content {
      sid       = "UseKeyOfTheData"
      actions   = contains(local.data_key_writers, local.role_arns[each.key]) ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [local.key_arns.data]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.amazonaws.com"]
      }
    }
  }
}

# The buckets' side.
data "aws_iam_policy_document" "data_bucket" {
  provider = aws.data
  for_each = local.data_buckets

  dynamic "statement" {
    for_each = { for sid, statement in local.data_statements : sid => statement if statement.bucket == each.key }
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources

      principals {
        type        = "AWS"
        identifiers = [local.application_root_arn]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = [local.role_arns[statement.value.role]]
      }

      dynamic "condition" {
        for_each = length(statement.value.prefixes) == 0 ? [] : [statement.value.prefixes]
        content {
          test     = "StringLike"
          variable = "s3:prefix"
          values   = condition.value
        }
      }
    }
  }

  # Whatever a later grant says: legacy readers see nothing of the secured tables, which lie below legacy/.
  dynamic "statement" {
    for_each = each.key == "conformed" ? [1] : []
    content {
      sid       = "DenyLegacyReaderSecuredObjects"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = ["${local.bucket_arns.conformed}/${var.conformed_secured_prefix}*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = [local.role_arns.legacy_reader]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "conformed" ? [1] : []
    content {
      sid       = "DenyLegacyReaderSecuredListing"
      effect    = "Deny"
      actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
      resources = [local.bucket_arns.conformed]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = [local.role_arns.legacy_reader]
      }

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["${var.conformed_secured_prefix}*"]
      }
    }
  }

  # Nor of anything in the raw bucket, where quarantine lies.
  dynamic "statement" {
    for_each = each.key == "raw" ? [1] : []
    content {
      sid       = "DenyLegacyReader"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [local.bucket_arns.raw, "${local.bucket_arns.raw}/*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = [local.role_arns.legacy_reader]
      }
    }
  }
}

# What each role uses the application account's own keys for: the services that read, write (S3 only: DynamoDB makes
# the data key of a table itself) or send in its name.
locals {
  key_uses = {
    copy_prefix          = { reads = ["dynamodb"], writes = [], sends = ["sqs"] }
    clean_prefix         = { reads = ["dynamodb", "s3"], writes = [], sends = ["sqs"] }
    optimization_trigger = { reads = ["dynamodb"], writes = [], sends = ["sqs"] }
    success_fail_event   = { reads = ["dynamodb", "s3", "secretsmanager"], writes = [], sends = ["sqs", "sns"] }
    reconcile            = { reads = ["dynamodb"], writes = [], sends = ["sqs"] }
    copyglue_support     = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = ["sqs"] }
    glue2_support        = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = ["sqs"] }
    optimization_support = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = ["sqs"] }
    support_cleanup      = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = ["sqs"] }
    ingest               = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = [] }
    classify             = { reads = ["dynamodb", "s3", "secretsmanager"], writes = ["s3"], sends = [] }
    conform              = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = [] }
    legacy_reader        = { reads = ["s3"], writes = ["s3"], sends = [] }
    secured_reader       = { reads = ["s3"], writes = ["s3"], sends = [] }
    operator             = { reads = ["dynamodb", "s3"], writes = ["s3"], sends = ["sqs"] }
    rollback             = { reads = ["s3"], writes = [], sends = [] }
    reingest             = { reads = ["dynamodb"], writes = [], sends = [] }
    schedule             = { reads = [], writes = [], sends = ["sqs"] }
    gitlab_trigger       = { reads = ["s3"], writes = ["s3"], sends = [] }
  }

  key_statements = {
    ReadWithApplicationKey  = { use = "reads", key = "application", actions = ["kms:Decrypt"] }
    WriteWithApplicationKey = { use = "writes", key = "application", actions = ["kms:GenerateDataKey"] }
    SendWithMessagingKey    = { use = "sends", key = "messaging", actions = ["kms:Decrypt", "kms:GenerateDataKey"] }
  }
}

data "aws_iam_policy_document" "key_use" {
  provider = aws.application
  for_each = local.key_uses

  dynamic "statement" {
    for_each = { for sid, statement in local.key_statements : sid => statement if length(each.value[statement.use]) > 0 }
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [local.key_arns[statement.value.key]]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in each.value[statement.value.use] : "${service}.${var.region}.amazonaws.com"]
      }
    }
  }
}
