# What the jobs refused, as tables for those who may read secured data; and the role of who puts it back.
#
# A job writes what it refuses aside, and copies it to committed-rows/ once its run has committed. So the tables show
# what committed runs quarantined, and nothing else. No dataset's folder has a hyphen: the names below meet none.

locals {
  quarantine_folders = {
    quarantine = "${var.raw_prefixes.quarantine}committed-rows/"
    reingested = "${var.raw_prefixes.quarantine}reingested-rows/"
  }

  quarantine_database     = replace(var.quarantine_database_name, "{env}", var.environment)
  quarantine_database_arn = "${local.arn_prefix}:glue:${local.application_arn}:database/${local.quarantine_database}"
  quarantine_table_arns   = [for name in keys(local.quarantine_folders) : "${local.arn_prefix}:glue:${local.application_arn}:table/${local.quarantine_database}/${name}"]

  # Where a whole file, or the records of one, lands again: below the dataset's own folder.
  reingest_plans_prefix     = "${var.raw_prefixes.quarantine}reingest-plans/"
  reingested_landing_prefix = "${var.landing_prefix}*/reingested/"

  quarantine_tables = {
    quarantine = {
      description = "Records and files that committed runs refused; not yet re-ingested are those that the table reingested lacks"
      columns = [
        { name = "reason", type = "string", comment = "Why it was refused; never a value of the data" },
        { name = "file_id", type = "string", comment = "The landed file version: bucket/key#version" },
        { name = "position", type = "bigint", comment = "Number of the line or element in the file; 0 is the file as a whole" },
        { name = "bytes", type = "binary", comment = "Stage 1: as they landed. Stage 3: the record as Glue 2 wrote it, as JSON. Null if object has them, or if the file could not be read" },
        { name = "object", type = "string", comment = "Where the file lies if its bytes are too many for a cell" },
        { name = "landed_at", type = "timestamp", comment = "When the file landed" },
        { name = "run_id", type = "string", comment = "The job run that refused it" },
        { name = "dataset", type = "string", comment = "The dataset, _none if the file has none" },
        { name = "stage", type = "int", comment = "1: Glue 1, it is no record. 3: Glue 3, its contract refuses it" },
        { name = "origin_file_id", type = "string", comment = "The version that its sender landed, if the file was made of what quarantine had of that" },
      ]
    }
    reingested = {
      description = "Quarantined records and files that were landed again; joined by stage, run_id, file_id and position"
      columns = [
        { name = "stage", type = "int", comment = "As in quarantine" },
        { name = "run_id", type = "string", comment = "As in quarantine" },
        { name = "file_id", type = "string", comment = "As in quarantine" },
        { name = "position", type = "bigint", comment = "As in quarantine" },
        { name = "dataset", type = "string", comment = "As in quarantine" },
        { name = "landed_key", type = "string", comment = "The key in the landing bucket under which it landed again" },
        { name = "reingested_at", type = "timestamp", comment = "When that was ordered" },
        { name = "reingested_by", type = "string", comment = "By whom" },
      ]
    }
  }
}

resource "aws_glue_catalog_database" "quarantine" {
  provider = aws.application

  name         = local.quarantine_database
  description  = "What the pipeline refused: for secured readers only"
  location_uri = "s3://${local.buckets.raw}/${trimsuffix(var.raw_prefixes.quarantine, "/")}"
}

resource "aws_glue_catalog_table" "quarantine" {
  provider = aws.application
  for_each = local.quarantine_tables

  database_name = aws_glue_catalog_database.quarantine.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  # Athena works out the partitions by itself: nobody has to add them, and those that have expired are just empty.
  parameters = {
    EXTERNAL                         = "TRUE"
    classification                   = "parquet"
    "projection.enabled"             = "true"
    "projection.month.type"          = "date"
    "projection.month.format"        = "yyyy-MM"
    "projection.month.interval"      = "1"
    "projection.month.interval.unit" = "MONTHS"
    "projection.month.range"         = "NOW-${ceil(var.quarantine_retention_days / 28) + 1}MONTHS,NOW"
    "storage.location.template"      = "s3://${local.buckets.raw}/${local.quarantine_folders[each.key]}month=$${month}/"
  }

  partition_keys {
    name    = "month"
    type    = "string"
    comment = "Month (UTC) in which the run ended, or in which it was re-ingested: 2026-05"
  }

  storage_descriptor {
    location      = "s3://${local.buckets.raw}/${local.quarantine_folders[each.key]}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = each.value.columns
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

data "aws_iam_policy_document" "reingest_trust" {
  provider = aws.application

  statement {
    sid     = "Engineers"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(var.reingest_principal_arns) == 0 ? [local.application_root_arn] : var.reingest_principal_arns
    }
  }
}

resource "aws_iam_role" "reingest" {
  provider = aws.application

  name                 = local.role_names.reingest
  description          = "Lands quarantined records again"
  assume_role_policy   = data.aws_iam_policy_document.reingest_trust.json
  max_session_duration = var.reader_session_hours * 3600
  permissions_boundary = var.permissions_boundary_arn
}

data "aws_iam_policy_document" "reingest" {
  provider = aws.application

  source_policy_documents = [
    data.aws_iam_policy_document.data_access["reingest"].json,
    data.aws_iam_policy_document.key_use["reingest"].json,
  ]

  statement {
    sid       = "NoteWhatIsReingested"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [local.ledger_arn]
  }
}

resource "aws_iam_role_policy" "reingest" {
  provider = aws.application

  name   = "permissions"
  role   = aws_iam_role.reingest.id
  policy = data.aws_iam_policy_document.reingest.json
}
