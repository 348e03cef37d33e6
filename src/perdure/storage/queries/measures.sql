-- name: count_ended_runs
-- How many runs have ended how, in each environment, and for how long they were executed.
SELECT j.environment_no, r.status, sum(r.runs), sum(r.execution_ms) FROM rollups r JOIN jobs j USING (job_no)
GROUP BY j.environment_no, r.status;

-- name: count_due_runs
-- How many runs are in line and due, in each environment; not more than :most are looked at.
SELECT environment_no, count(*) FROM (
  SELECT environment_no FROM runs WHERE available_at <= :now AND limit_no IS NULL LIMIT :most
) GROUP BY environment_no;
