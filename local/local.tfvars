# What differs on one machine from envs/dev.tfvars: the accounts, and less patience.
data_account_id        = "111111111111"
application_account_id = "222222222222"
data_profile           = "data"
application_profile    = "application"

# A file is picked up at once; 300 dropped together still make a handful of runs.
landing_batch_window_seconds = 3

# The salt is made at each start.
mask_salt_version = 1

# The whole instance is thrown away in the end.
buckets_force_destroy      = true
ledger_deletion_protection = false
