terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # This root makes the bucket that the other root keeps its state in. Its own state can move there once it exists:
  # see docs/ci.md.
}
