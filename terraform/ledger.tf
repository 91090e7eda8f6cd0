# The ledger: which file version and which run is whose work. Everything else can be lost and found again.

resource "aws_dynamodb_table" "ledger" {
  provider = aws.application

  name                        = local.names.ledger
  billing_mode                = "PAY_PER_REQUEST" # nothing for days, then thousands of files in a minute
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.ledger_deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # No TTL: an item that goes makes its file look as if it had never landed.

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.application.arn
  }
}
