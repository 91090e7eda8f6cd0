# What analysts and operators ask first, saved in Athena. The text of each is in queries/<name>.sql.

locals {
  # name => who finds it: the workgroup of legacy readers too, or that of secured readers only.
  queries = {
    rows_by_load = {
      title       = "Rows by load"
      description = "How many rows and files each load (a run of Glue 1) brought into which table"
      legacy      = true
    }
    freshness = {
      title       = "Freshness"
      description = "Of each dataset, the newest file that its tables have, and how many hours ago it landed"
      legacy      = true
    }
    lineage_of_a_file = {
      title       = "Lineage of a file"
      description = "What became of a landed file; the parameter is its key, or a part of it, in single quotes"
      legacy      = true
    }
    rescued_values = {
      title       = "Values that did not fit"
      description = "Loads with rows that have something in _rescued, because it did not fit its column"
      legacy      = true
    }
    quarantine_by_reason = {
      title       = "Quarantine by reason"
      description = "What committed runs refused, and what of it has not been landed again"
      legacy      = false
    }
    quarantine_of_a_file = {
      title       = "Quarantine of a file"
      description = "What was refused of a landed file, and why; the parameter is its key, or a part of it, in single quotes"
      legacy      = false
    }
  }

  saved_queries = merge(
    { for name, query in local.queries : "secured.${name}" => merge(query, { workgroup = "secured", name = name, zones = ["legacy", "secured"] }) },
    { for name, query in local.queries : "legacy.${name}" => merge(query, { workgroup = "legacy", name = name, zones = ["legacy"] }) if query.legacy },
  )
}

resource "aws_athena_named_query" "this" {
  provider = aws.application
  for_each = local.saved_queries

  name        = each.value.title
  description = each.value.description
  workgroup   = aws_athena_workgroup.this[each.value.workgroup].id
  database    = aws_glue_catalog_database.versions.name

  query = templatefile("${path.module}/queries/${each.value.name}.sql", {
    files      = join("\n  UNION ALL\n  ", [for zone in each.value.zones : "SELECT '${zone}' AS zone, * FROM \"${local.versions_database}\".\"${zone}_files\""])
    quarantine = "\"${local.quarantine_database}\".\"quarantine\""
    reingested = "\"${local.quarantine_database}\".\"reingested\""
  })
}
