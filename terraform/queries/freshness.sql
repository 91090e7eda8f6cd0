WITH files AS (
  ${files}
)
SELECT dataset, max(landed_at) AS newest_landed,
  date_diff('hour', max(landed_at), CAST(current_timestamp AS timestamp)) AS hours_ago,
  count(DISTINCT file_id) AS files, sum(records) AS records
FROM files
GROUP BY dataset
ORDER BY newest_landed, dataset
