SELECT file_id, position, stage, reason, run_id, dataset, landed_at, object
FROM ${quarantine}
WHERE strpos(file_id, ?) > 0
ORDER BY landed_at, file_id, position
