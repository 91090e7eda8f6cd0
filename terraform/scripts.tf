# What the jobs run and go by: scripts, library, contracts, classification rules.

module "scripts_bucket" {
  source    = "./modules/data_bucket"
  providers = { aws = aws.application }

  name                              = local.buckets.scripts
  arn                               = local.bucket_arns.scripts
  kms_key_arn                       = aws_kms_key.application.arn
  force_destroy                     = var.buckets_force_destroy
  noncurrent_version_retention_days = var.noncurrent_version_retention_days
  aborted_upload_retention_days     = var.aborted_upload_retention_days
}

locals {
  library         = "${var.glue_package_dir}/tui_etl.zip"
  contract_files  = [for name in fileset(var.contracts_dir, "*.yaml") : name if name != "classification.yaml"]
  contracts       = { for name in local.contract_files : trimsuffix(name, ".yaml") => yamldecode(file("${var.contracts_dir}/${name}")) }
  rules_json      = jsonencode(yamldecode(file("${var.contracts_dir}/classification.yaml")))
  contracts_json  = jsonencode({ datasets = { for contract in values(local.contracts) : contract.dataset => contract } })
  rules_key       = "rules/classification.json"
  contracts_key   = "contracts/contracts.json"
  rules_uri       = "s3://${local.buckets.scripts}/${aws_s3_object.rules.key}"
  contracts_uri   = "s3://${local.buckets.scripts}/${aws_s3_object.contracts.key}"
  library_hash    = substr(filesha256(local.library), 0, 16)
  script_prefixes = { for job in keys(local.stages) : job => "jobs/${job}.py" }

  script_locations = { for job, object in aws_s3_object.script : job => "s3://${local.buckets.scripts}/${object.key}" }
  library_location = "s3://${local.buckets.scripts}/${aws_s3_object.library.key}"
}

# What isn't quoted may be something else to another reader of YAML: y is true to Terraform, and a text to most others.
# glue/tests/contract_yaml.py is exact about it and names the line, but nothing makes sure that it runs before a plan.
locals {
  quoted_or_comment = "/(?m)(^|[\\s\\[{,:])(?:\"(?:\\\\.|[^\"\\\\])*\"|'(?:[^']|'')*'|#.*$)/"
  name_and_value    = "(?m)^[ \\t]*(?:[-?][ \\t]+)*(?:(\\S+?)[ \\t]*:(?:[ \\t]+|$))?(.*?)(?:[ \\t\\r]|\"\")*$"
  no_text           = "^(?:(?i:y|yes|n|no|on|off|true|false|null|[-+]?\\.inf|\\.nan)|~|<<|=|[-+.]*[0-9][0-9A-Fa-fxobTtZ_:.+-]*(?: +[0-9:.Z+-]+)*)$"
  as_in_json        = "^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?)$"

  # Name and value of each entry, a line each, with "" for what is quoted.
  contract_entries = {
    for name in fileset(var.contracts_dir, "*.yaml") : name => regexall(
      local.name_and_value,
      replace(replace(file("${var.contracts_dir}/${name}"), local.quoted_or_comment, "$1\"\""), "/[\\[\\]{},]/", "\n"),
    )
  }
  to_be_quoted = flatten([
    for name, entries in local.contract_entries : [
      [for entry in entries : "${entry[0]} (${name})" if can(regex(local.no_text, entry[0]))],
      [for entry in entries : "${entry[1]} (${name})" if can(regex(local.no_text, entry[1])) && !can(regex(local.as_in_json, entry[1]))],
    ]
  ])
}

resource "aws_s3_object" "script" {
  provider = aws.application
  for_each = local.script_prefixes

  bucket       = module.scripts_bucket.name
  key          = each.value
  source       = "${var.glue_source_dir}/${each.value}"
  source_hash  = filemd5("${var.glue_source_dir}/${each.value}") # the ETag of what KMS encrypts is no MD5
  content_type = "text/x-python"
}

# Named by its content: a run that started before a deployment keeps the library that it started with.
resource "aws_s3_object" "library" {
  provider = aws.application

  bucket       = module.scripts_bucket.name
  key          = "lib/tui_etl-${local.library_hash}.zip"
  source       = local.library
  source_hash  = local.library_hash
  content_type = "application/zip"
}

# Contracts and rules are written in YAML, for their comments, and read as JSON, which Python knows by itself.
resource "aws_s3_object" "rules" {
  provider = aws.application

  bucket       = module.scripts_bucket.name
  key          = local.rules_key
  content      = local.rules_json
  source_hash  = md5(local.rules_json)
  content_type = "application/json"
}

resource "aws_s3_object" "contracts" {
  provider = aws.application

  bucket       = module.scripts_bucket.name
  key          = local.contracts_key
  content      = local.contracts_json
  source_hash  = md5(local.contracts_json)
  content_type = "application/json"

  lifecycle {
    precondition {
      condition     = alltrue([for name, contract in local.contracts : contract.dataset == name])
      error_message = "A contract's file must be called <dataset>.yaml after the dataset inside it."
    }
    precondition {
      condition     = length(local.to_be_quoted) == 0
      error_message = "Not the same to all readers of YAML, so quote it: ${join(", ", local.to_be_quoted)}."
    }
  }
}
