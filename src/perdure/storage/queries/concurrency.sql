-- name: upsert_limit
-- Create a limit, or give it another number; the limit's number.
INSERT INTO concurrency_limits (environment_no, kind, id, most) VALUES (:environment_no, :kind, :id, :most)
ON CONFLICT (environment_no, kind, id) DO UPDATE SET most = excluded.most
RETURNING limit_no;

-- name: find_limit_of_job
-- The limit that a job is under.
SELECT limit_no FROM jobs WHERE job_no = :job_no;

-- name: find_limit_of_run
-- The limit that a run's job is under.
SELECT j.limit_no FROM runs r JOIN jobs j USING (job_no) WHERE r.run_no = :run_no;

-- name: set_limit_of_job
-- Put a job under a limit, or under none.
UPDATE jobs SET limit_no = :limit_no WHERE job_no = :job_no;

-- name: count_in_executions_of_job
-- The executions of a job that are at work take places of this limit, or of none. The plus keeps SQLite from walking
-- through every run of the job.
UPDATE runs SET limit_no = :limit_no WHERE node_no IS NOT NULL AND +job_no = :job_no;

-- name: bring_back_runs_of_job
-- The runs of a job that stand aside for want of a place of this limit are in line again.
UPDATE runs SET limit_no = NULL WHERE limit_no = :limit_no AND available_at IS NOT NULL AND +job_no = :job_no;

-- name: find_places
-- How many places a limit has, and how many are taken.
SELECT l.most, CASE l.kind
  WHEN 'ENVIRONMENT' THEN (
    SELECT count(*) FROM runs r WHERE r.node_no IS NOT NULL AND +r.environment_no = l.environment_no)
  ELSE (SELECT count(*) FROM runs r WHERE r.limit_no = l.limit_no AND r.node_no IS NOT NULL) END
FROM concurrency_limits l WHERE l.limit_no = :limit_no;

-- name: list_limits_with_runs_aside
-- The limits for want of whose places runs stand aside.
SELECT l.limit_no FROM concurrency_limits l
WHERE EXISTS (SELECT 1 FROM runs r WHERE r.limit_no = l.limit_no AND r.available_at IS NOT NULL);

-- name: take_places
-- Executions that have just begun take places of a limit (:run_nos, a JSON array of numbers).
UPDATE runs SET limit_no = :limit_no WHERE run_no IN (SELECT value FROM json_each(:run_nos)) AND node_no IS NOT NULL;

-- name: set_aside
-- Runs in line stand aside until a place of a limit is free (:run_nos, a JSON array of numbers).
UPDATE runs SET limit_no = :limit_no
WHERE run_no IN (SELECT value FROM json_each(:run_nos)) AND available_at IS NOT NULL;

-- name: bring_back
-- So many of the runs that stand aside for want of a place of a limit are in line again, first due first.
UPDATE runs SET limit_no = NULL WHERE run_no IN (
  SELECT run_no FROM runs WHERE limit_no = :limit_no AND available_at IS NOT NULL
  ORDER BY available_at, run_no LIMIT :count);
