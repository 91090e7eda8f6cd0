locals {
  default_tags = merge({
    product     = "tui-etl"
    environment = var.environment
    managed_by  = "terraform"
  }, var.tags)
}

provider "aws" {
  alias               = "data"
  region              = var.region
  profile             = var.data_profile
  allowed_account_ids = [var.data_account_id]

  default_tags {
    tags = local.default_tags
  }
}

provider "aws" {
  alias               = "application"
  region              = var.region
  profile             = var.application_profile
  allowed_account_ids = [var.application_account_id]

  default_tags {
    tags = local.default_tags
  }
}
