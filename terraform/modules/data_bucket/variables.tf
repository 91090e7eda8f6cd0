variable "name" {
  type        = string
  description = "Name of the bucket."
}

variable "arn" {
  type        = string
  description = "ARN of the bucket, known before it exists, so that its policy can be read in a plan."
}

variable "kms_key_arn" {
  type        = string
  description = "Key that objects are encrypted with unless a request says otherwise."
}

variable "force_destroy" {
  type        = bool
  description = "Let terraform destroy delete the bucket with what is in it."
}

variable "policy_documents" {
  type        = list(string)
  description = "Policy documents (JSON) of the bucket, to which the denial of plain HTTP is added."
  default     = []
}

variable "expirations" {
  type = map(object({
    prefix = string
    days   = number
  }))
  description = "Lifetimes of current versions: rule => prefix and days."
  default     = {}
}

variable "noncurrent_version_retention_days" {
  type        = number
  description = "Days that a deleted or overwritten version is kept."
}

variable "aborted_upload_retention_days" {
  type        = number
  description = "Days after which the parts of an unfinished upload go."
}
