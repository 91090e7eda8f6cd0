WITH files AS (
  ${files}
)
SELECT dataset, zone, run_id, max(landed_at) AS last_landed, count(*) AS files, sum(rescued) AS records
FROM files
WHERE rescued > 0
GROUP BY dataset, zone, run_id
ORDER BY last_landed DESC, dataset, zone, run_id
