SELECT q.dataset, q.stage, q.reason, count(*) AS records, count(DISTINCT q.file_id) AS files,
  count(*) - count(r.file_id) AS not_landed_again, min(q.landed_at) AS first_landed, max(q.landed_at) AS last_landed
FROM ${quarantine} q
LEFT JOIN ${reingested} r
  ON q.stage = r.stage AND q.run_id = r.run_id AND q.file_id = r.file_id AND q.position = r.position
GROUP BY q.dataset, q.stage, q.reason
ORDER BY not_landed_again DESC, q.dataset, q.stage, q.reason
