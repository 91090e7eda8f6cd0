terraform {
  # 1.11 brought write-only arguments: the ServiceNow credentials never enter the state.
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Where the state lies is settled per environment: terraform init -backend-config=envs/<env>.s3.tfbackend
  backend "s3" {}
}
