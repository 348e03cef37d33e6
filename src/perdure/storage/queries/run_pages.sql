-- name: runs_from
-- A stretch of an environment's runs from a number downwards, newest first; those with another status (:statuses, a JSON
-- array, or null for any) without status: what is read is bounded, whatever there is.
SELECT run_no, CASE WHEN environment_no = :environment_no
  AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses))) THEN status END
FROM runs WHERE run_no <= :first
ORDER BY run_no DESC LIMIT :limit;

-- name: runs_of_job_from
-- The same of a job's runs.
SELECT run_no, CASE WHEN environment_no = :environment_no
  AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses))) THEN status END
FROM runs WHERE job_no = :job_no AND run_no <= :first
ORDER BY run_no DESC LIMIT :limit;

-- name: unsuccessful_runs_of_job
-- The newest runs of a job that ended with this status, which is not SUCCESS, from a number downwards.
SELECT run_no FROM runs
WHERE job_no = :job_no AND status = :status AND completed_at IS NOT NULL AND status <> 'SUCCESS' AND run_no <= :first
ORDER BY run_no DESC LIMIT :limit;

-- name: executing_runs
-- The runs that any node holds.
SELECT run_no FROM runs WHERE node_no IS NOT NULL AND run_no <= :first;

-- name: some_runs_in_line
-- Runs in line, in the order of the line.
SELECT run_no FROM runs WHERE available_at IS NOT NULL AND limit_no IS NULL LIMIT :limit;

-- name: some_runs_aside
-- Runs that stand aside for want of a place.
SELECT run_no FROM runs WHERE available_at IS NOT NULL AND limit_no IS NOT NULL LIMIT :limit;

-- name: pick_runs
-- The newest of these runs (:run_nos, a JSON array) that are of some jobs (:job_nos) and have one of some statuses
-- (:statuses, JSON arrays both).
SELECT r.run_no FROM json_each(:run_nos) n JOIN runs r ON r.run_no = n.value
WHERE r.job_no IN (SELECT value FROM json_each(:job_nos)) AND r.status IN (SELECT value FROM json_each(:statuses))
  AND r.environment_no = :environment_no
ORDER BY r.run_no DESC LIMIT :limit;

-- name: sizes_of_runs
-- What runs hold in bytes (:run_nos, a JSON array), newest first.
SELECT run_no, octet_length(output), octet_length(error), octet_length(warnings), octet_length(properties) FROM runs
WHERE run_no IN (SELECT value FROM json_each(:run_nos)) ORDER BY run_no DESC;

-- name: list_runs_by_number
-- Runs of an environment by their numbers (:run_nos, a JSON array), newest first.
SELECT r.run_no, r.id, r.status, j.id, v.version, e.id, r.epoch, r.created_at, r.started_at, r.updated_at, r.completed_at,
  r.available_at, r.output, r.error, r.warnings, r.why, l.most, CASE WHEN l.kind <> 'JOB' THEN l.id END, r.properties
FROM json_each(:run_nos) n JOIN runs r ON r.run_no = n.value
JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no) JOIN events e USING (event_no)
LEFT JOIN concurrency_limits l ON l.limit_no = r.limit_no
WHERE r.environment_no = :environment_no
ORDER BY r.run_no DESC;

-- name: list_runs_by_id
-- Runs of an environment by their ids (:ids, a JSON array).
SELECT r.run_no, r.id, r.status, j.id, v.version, e.id, r.epoch, r.created_at, r.started_at, r.updated_at, r.completed_at,
  r.available_at, r.output, r.error, r.warnings, r.why, l.most, CASE WHEN l.kind <> 'JOB' THEN l.id END, r.properties
FROM json_each(:ids) n JOIN runs r ON r.id = n.value
JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no) JOIN events e USING (event_no)
LEFT JOIN concurrency_limits l ON l.limit_no = r.limit_no
WHERE r.environment_no = :environment_no
ORDER BY r.updated_at, r.run_no;

-- name: runs_created_after
-- The next runs behind a number, in the order of their creation; those of other environments without id.
SELECT run_no, CASE WHEN environment_no = :environment_no THEN id END FROM runs WHERE run_no > :after
ORDER BY run_no LIMIT :limit;

-- name: newest_run_no
-- The number of the newest run of all.
SELECT coalesce(max(run_no), 0) FROM runs;

-- name: runs_changed_since
-- A stretch of runs from a number downwards, newest first; without id those of other environments, and those that have
-- not changed since then.
SELECT run_no, CASE WHEN environment_no = :environment_no AND updated_at >= :since THEN id END
FROM runs WHERE run_no <= :first
ORDER BY run_no DESC LIMIT :limit;
