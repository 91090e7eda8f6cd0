WITH files AS (
  ${files}
)
SELECT dataset, zone, run_id, min(landed_at) AS first_landed, max(landed_at) AS last_landed,
  count(*) AS files, sum(records) AS records
FROM files
GROUP BY dataset, zone, run_id
ORDER BY last_landed DESC, dataset, zone, run_id
