-- name: find_repeatable_run
-- What a run is a run of.
SELECT r.event_no, e.id, r.job_no, j.id, r.version_no, v.version
FROM runs r JOIN events e USING (event_no) JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no)
WHERE r.id = :id AND r.environment_no = :environment_no;

-- name: copy_event
-- Store an event once more under another id, unless that exists, delivered at once; its number.
INSERT INTO events (environment_no, id, name, source, payload, context, payload_type, timestamp, account_no, source_id,
  source_metadata, is_test, is_internal, created_at, updated_at, deliver_at, delivered_at)
SELECT environment_no, :id, name, source, payload, context, payload_type, :now, account_no, source_id, source_metadata,
  is_test, is_internal, :now, :now, :now, :now
FROM events WHERE event_no = :event_no
ON CONFLICT DO NOTHING
RETURNING event_no;

-- name: insert_repeated_run
-- Create a run in line that repeats another.
INSERT INTO runs (id, environment_no, job_no, version_no, event_no, status, is_retry, available_at, created_at, updated_at)
VALUES (:id, :environment_no, :job_no, :version_no, :event_no, 'QUEUED', 1, :now, :now, :now);

-- name: continue_if_unsuccessful
-- A run that has ended without success becomes QUEUED.
UPDATE runs SET status = 'QUEUED', available_at = :now, updated_at = :now, started_at = NULL, completed_at = NULL,
  output = NULL, error = NULL, why = NULL, failures = 0, misses = 0, fruitless = 0, losses = 0,
  earlier_ms = execution_ms
WHERE run_no = :run_no AND completed_at IS NOT NULL AND status <> 'SUCCESS';

-- name: delete_attempts_of_reopened
-- Forget the failed attempts of tasks that are to be executed anew.
DELETE FROM attempts WHERE task_no IN (
  SELECT task_no FROM tasks WHERE run_no = :run_no AND status IN ('ERRORED', 'CANCELED'));

-- name: reopen_tasks
-- ERRORED and CANCELED become RUNNING; what was to wait for a time becomes WAITING if that lies ahead, else COMPLETED
-- if it only waits.
UPDATE tasks SET status = CASE WHEN delay_until > :now AND (noop OR attempts = 1) THEN 'WAITING'
    WHEN noop AND delay_until IS NOT NULL THEN 'COMPLETED' ELSE 'RUNNING' END,
  completed_at = CASE WHEN noop AND delay_until <= :now THEN :now END,
  attempts = 1, output = NULL, error = NULL, output_properties = NULL
WHERE run_no = :run_no AND status IN ('ERRORED', 'CANCELED');

-- name: set_timers_of_reopened
-- Tasks of a run that wait for a time are due then; those times.
INSERT INTO timers (due_at, kind, subject_no)
SELECT delay_until, 'TASK', task_no FROM tasks WHERE run_no = :run_no AND status = 'WAITING' AND delay_until IS NOT NULL
ON CONFLICT (kind, subject_no) DO UPDATE SET due_at = excluded.due_at
RETURNING due_at;
