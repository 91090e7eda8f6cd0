# There is no default provider on purpose: whoever adds a resource must say which account it belongs to.

locals {
  default_tags = merge({
    product     = "tui-etl"
    environment = var.environment
    managed_by  = "terraform"
  }, var.tags)
}

# Owns the data buckets and the key of the data.
provider "aws" {
  alias               = "data"
  region              = var.region
  profile             = var.data_profile
  allowed_account_ids = [var.data_account_id]

  dynamic "assume_role" {
    for_each = var.data_deploy_role_arn == null ? [] : [var.data_deploy_role_arn]
    content {
      role_arn     = assume_role.value
      session_name = "tui-etl-${var.environment}"
    }
  }

  default_tags {
    tags = local.default_tags
  }
}

# Owns everything that acts on the data.
provider "aws" {
  alias               = "application"
  region              = var.region
  profile             = var.application_profile
  allowed_account_ids = [var.application_account_id]

  dynamic "assume_role" {
    for_each = var.application_deploy_role_arn == null ? [] : [var.application_deploy_role_arn]
    content {
      role_arn     = assume_role.value
      session_name = "tui-etl-${var.environment}"
    }
  }

  default_tags {
    tags = local.default_tags
  }
}
