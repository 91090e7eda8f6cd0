WITH files AS (
  ${files}
)
SELECT file_id, landed_at, dataset, zone, run_id, records, rescued
FROM files
WHERE strpos(file_id, ?) > 0
ORDER BY landed_at, file_id, dataset, zone
