# What the fault suite changes of the local AWS: less patience, and room for runs that overlap.
landing_batch_window_seconds = 1

job_settings = {
  ingest   = { max_concurrent_runs = 3 }
  classify = { max_concurrent_runs = 3 }
}

# Shorter time-outs, since a marker may be called stale only after them.
function_settings = {
  copy_prefix     = { timeout_seconds = 30 }
  reconcile       = { timeout_seconds = 30 }
  support_trigger = { timeout_seconds = 30 }
}

# An event that is lost is missed after seconds instead of minutes.
reconcile_patience = {
  event_grace_seconds    = 4
  landing_grace_seconds  = 5
  telling_lease_seconds  = 5
  schedule_grace_seconds = 5
  stale_marker_seconds   = 31
  first_pause_seconds    = 1
  longest_pause_seconds  = 2
}
