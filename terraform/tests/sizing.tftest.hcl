# Size, execution class and time-outs of the three jobs: what they are if nothing is said, and what can be said.

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

run "if_nothing_is_said" {
  command = plan

  assert {
    condition = { for name, job in { ingest = module.ingest, classify = module.classify, conform = module.conform } : name => join(" ", [
      job.configuration.workers, job.configuration.worker_type, job.configuration.execution_class,
      job.configuration.timeout_minutes, job.configuration.max_concurrent_runs, job.configuration.arguments["--enable-auto-scaling"],
      ]) } == {
      ingest   = "2 G.1X STANDARD 120 1 true"
      classify = "5 G.1X STANDARD 240 1 true"
      conform  = "5 G.1X STANDARD 240 1 true"
    }
    error_message = jsonencode([for job in [module.ingest, module.classify, module.conform] : job.configuration])
  }
}

run "each_job_as_it_is_wanted" {
  command = plan

  variables {
    job_settings = {
      ingest   = { worker_type = "G.2X", workers = 3, execution_class = "FLEX", timeout_minutes = 60, max_concurrent_runs = 2 }
      classify = { execution_class = "FLEX" }
      conform  = { worker_type = "G.8X", workers = 20, auto_scaling = false, timeout_minutes = 2880 }
    }
  }

  assert {
    condition = { for name, job in { ingest = module.ingest, classify = module.classify, conform = module.conform } : name => join(" ", [
      job.configuration.workers, job.configuration.worker_type, job.configuration.execution_class,
      job.configuration.timeout_minutes, job.configuration.max_concurrent_runs, lookup(job.configuration.arguments, "--enable-auto-scaling", "no"),
      ]) } == {
      ingest   = "3 G.2X FLEX 60 2 true"
      classify = "5 G.1X FLEX 240 1 true"
      conform  = "20 G.8X STANDARD 2880 1 no"
    }
    error_message = jsonencode([for job in [module.ingest, module.classify, module.conform] : job.configuration])
  }
}

run "flex_on_a_worker_that_aws_has_none_of" {
  command = plan

  variables {
    job_settings = { classify = { execution_class = "FLEX", worker_type = "G.4X" } }
  }

  expect_failures = [var.job_settings]
}

run "a_class_that_is_none" {
  command = plan

  variables {
    job_settings = { conform = { execution_class = "SPOT" } }
  }

  expect_failures = [var.job_settings]
}

run "half_a_worker" {
  command = plan

  variables {
    job_settings = { ingest = { workers = 2.5 } }
  }

  expect_failures = [var.job_settings]
}

run "a_worker_type_that_the_provider_does_not_know" {
  command = plan

  variables {
    job_settings = { conform = { worker_type = "R.4X" } }
  }

  expect_failures = [var.job_settings]
}
