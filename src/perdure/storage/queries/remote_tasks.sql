-- name: find_remote_task_by_key
-- A task of a run by its idempotency key, with all that its endpoint is told of it.
SELECT id, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at, completed_at,
  delay_until, params, output, error, output_properties, details
FROM tasks WHERE run_no = :run_no AND idempotency_key = :idempotency_key;

-- name: find_remote_task_by_id
-- A task of a run by its id, likewise.
SELECT id, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at, completed_at,
  delay_until, params, output, error, output_properties, details
FROM tasks WHERE id = :id AND run_no = :run_no;

-- name: page_of_completed_tasks
-- Completed tasks of a run from an id on, noops aside.
SELECT id, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at, completed_at,
  delay_until, params, output, error, output_properties, details
FROM tasks WHERE run_no = :run_no AND id >= :cursor AND status = 'COMPLETED' AND noop = 0 ORDER BY id LIMIT :limit;

-- name: has_task
-- Whether a run has a task of this id.
SELECT 1 FROM tasks WHERE id = :id AND run_no = :run_no;

-- name: has_failed_task
-- Whether a run has a task that has failed.
SELECT 1 FROM tasks WHERE run_no = (SELECT run_no FROM runs WHERE id = :id AND environment_no = :environment_no)
  AND status = 'ERRORED' LIMIT 1;

-- name: settle_if_running
-- A task whose body is at work gets its outcome, if the execution of this epoch holds the run. No timer is set for it.
UPDATE tasks SET status = :status, completed_at = :now, output = :output, error = :error, delay_until = NULL,
  output_properties = coalesce(:output_properties, output_properties)
WHERE id = :id AND run_no = :run_no AND status = 'RUNNING'
  AND EXISTS (SELECT 1 FROM runs WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING')
RETURNING id, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at, completed_at,
  delay_until, params, output, error, output_properties, details;

-- name: insert_late_task
-- Store a new task, unless its key exists, in a run that nobody executes: it has ended as its app has said, or goes on later.
INSERT INTO tasks (id, run_no, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at,
  completed_at, params, details)
SELECT :id, :run_no, :idempotency_key, :parent_id, :operation, :name, :display_key, :status, :noop, :attempts, :started_at,
  :completed_at, :params, :details
FROM runs WHERE run_no = :run_no AND status IN ('SUCCESS', 'FAILURE', 'QUEUED', 'WAITING_TO_CONTINUE', 'WAITING_TO_EXECUTE')
ON CONFLICT DO NOTHING;

-- name: settle_late
-- A task whose body is at work in a run that nobody executes gets its outcome. Once the run has ended, its status is CANCELED.
UPDATE tasks SET status = :status, completed_at = :now, output = :output, error = :error,
  output_properties = coalesce(:output_properties, output_properties)
WHERE id = :id AND run_no = :run_no AND operation = 'task' AND (
  (status = 'RUNNING' AND EXISTS (
    SELECT 1 FROM runs WHERE run_no = :run_no AND status IN ('QUEUED', 'WAITING_TO_CONTINUE', 'WAITING_TO_EXECUTE')))
  OR (status = 'CANCELED' AND EXISTS (
    SELECT 1 FROM runs WHERE run_no = :run_no AND status IN ('SUCCESS', 'FAILURE'))))
RETURNING id, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at, completed_at,
  delay_until, params, output, error, output_properties, details;

-- name: retry_if_open
-- A task without outcome waits for its next attempt; the number of the attempt that failed.
UPDATE tasks SET status = 'WAITING', attempts = attempts + 1, delay_until = :delay_until
WHERE id = :id AND run_no = :run_no AND completed_at IS NULL
RETURNING attempts - 1;

-- name: complete_if_open
-- A task without outcome becomes COMPLETED.
UPDATE tasks SET status = 'COMPLETED', completed_at = :now, output = :output,
  output_properties = coalesce(:output_properties, output_properties)
WHERE id = :id AND run_no = :run_no AND completed_at IS NULL;

-- name: keep_properties
-- What is shown of a task's output.
UPDATE tasks SET output_properties = :output_properties WHERE id = :id AND run_no = :run_no;
