"""AWS on this machine: an emulator with IAM enforced, the real Terraform, the real zips and scripts."""
