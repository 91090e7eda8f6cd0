"""Glue jobs on this machine: the real script, in local Spark, under the job's role."""
