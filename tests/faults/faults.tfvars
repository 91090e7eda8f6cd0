# What the fault suite changes of the local AWS: less patience, and room for runs that overlap.
landing_batch_window_seconds = 1

job_settings = {
  ingest   = { max_concurrent_runs = 3 }
  classify = { max_concurrent_runs = 3 }
}

# An event that is lost is missed after seconds instead of minutes.
reconcile_patience = {
  event_grace_seconds    = 3
  landing_grace_seconds  = 4
  telling_lease_seconds  = 3
  schedule_grace_seconds = 5
  stale_marker_seconds   = 10
  first_pause_seconds    = 1
  longest_pause_seconds  = 2
}
