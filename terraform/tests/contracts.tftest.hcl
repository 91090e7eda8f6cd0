# What the YAML of contracts and rules means to Terraform, and that a plan refuses what other readers take otherwise.

provider "aws" {
  alias                       = "data"
  region                      = "us-east-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "application"
  region                      = "us-east-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  environment            = "dev"
  data_account_id        = "111111111111"
  application_account_id = "222222222222"
  lambda_package_dir     = "tests/packages"
  glue_package_dir       = "tests/packages"
  servicenow_credentials = {
    url      = "https://example.service-now.com"
    username = "pipeline"
    password = "not a real one"
  }
}

# glue/tests/test_contract_yaml.py holds the checks of `make test` to the same file.
run "scalars_mean_what_the_tests_take_them_for" {
  command = plan

  assert {
    condition = length(local.contract_entries) > 0 && alltrue([for group in jsondecode(file("tests/yaml_scalars.json")) :
      alltrue([for written, meant in group : jsonencode(yamldecode("[ ${written} ]")) == jsonencode([meant])])
    ])
    error_message = "Terraform reads a scalar of yaml_scalars.json as something else."
  }

  assert {
    condition = alltrue([for group, scalars in jsondecode(file("tests/yaml_scalars.json")) : alltrue([for written in keys(scalars) :
      (can(regex(local.no_text, written)) && !can(regex(local.as_in_json, written))) == (group == "to be quoted")
    ])])
    error_message = "A plan must refuse the same scalars as the tests."
  }
}

run "names_and_values_in_quotes_are_what_they_look_like" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/quoted"
  }

  assert {
    condition     = keys(jsondecode(aws_s3_object.contracts.content).datasets.bookings.fields) == ["at", "n", "price", "y"]
    error_message = "A name in quotes must stay what it is."
  }
}

run "a_name_that_would_become_false_is_refused" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/key"
  }

  expect_failures = [aws_s3_object.contracts]
}

run "values_that_would_become_true_are_refused" {
  command = plan

  variables {
    contracts_dir = "tests/contracts/value"
  }

  expect_failures = [aws_s3_object.contracts]
}
