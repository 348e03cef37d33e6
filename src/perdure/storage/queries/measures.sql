-- name: count_ended_runs
-- How many runs have ended how in some hours, in each environment, and for how long they were executed. CROSS keeps SQLite
-- from walking through the hours of all jobs: there are more of them every hour, for ever.
SELECT j.environment_no, r.status, sum(r.runs), sum(r.execution_ms)
FROM jobs j CROSS JOIN rollups r ON r.job_no = j.job_no AND r.hour >= :first AND r.hour < :beyond
GROUP BY j.environment_no, r.status;

-- name: count_due_runs
-- How many runs are in line and due, in each environment; not more than :most are looked at.
SELECT environment_no, count(*) FROM (
  SELECT environment_no FROM runs WHERE available_at <= :now AND limit_no IS NULL LIMIT :most
) GROUP BY environment_no;
