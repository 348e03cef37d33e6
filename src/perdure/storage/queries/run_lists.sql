-- name: list_active_runs_of_job
-- A stretch of a job's runs below a number, newest first; without an id those that have ended: what is read is bounded,
-- whatever there is.
SELECT run_no, CASE WHEN completed_at IS NULL THEN id END FROM runs
WHERE job_no = :job_no AND run_no < :below
ORDER BY run_no DESC LIMIT :limit;

-- name: list_active_runs_of_event
-- The runs of an event that have not ended, newest first.
SELECT r.run_no, r.id FROM events e JOIN runs r USING (event_no)
WHERE e.environment_no = :environment_no AND e.id = :event_id AND r.completed_at IS NULL
ORDER BY r.run_no DESC;
