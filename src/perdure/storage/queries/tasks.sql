-- name: insert_task_if_executing
-- Store a new task, unless its key exists, if the execution of this epoch holds the run.
INSERT INTO tasks (id, run_no, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at,
  completed_at, delay_until, params, params_hash, output, error, output_properties, details)
SELECT :id, :run_no, :idempotency_key, :parent_id, :operation, :name, :display_key, :status, :noop, :attempts, :started_at,
  :completed_at, :delay_until, :params, :params_hash, :output, :error, :output_properties, :details
FROM runs WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING'
ON CONFLICT DO NOTHING;

-- name: insert_nested_task_if_executing
-- As insert_task_if_executing, if the run has the task that this one stands in. What is selected is written down first, as
-- the same table is looked into; a task that stands in none need not pay for that.
INSERT INTO tasks (id, run_no, idempotency_key, parent_id, operation, name, display_key, status, noop, attempts, started_at,
  completed_at, delay_until, params, params_hash, output, error, output_properties, details)
SELECT :id, :run_no, :idempotency_key, :parent_id, :operation, :name, :display_key, :status, :noop, :attempts, :started_at,
  :completed_at, :delay_until, :params, :params_hash, :output, :error, :output_properties, :details
FROM runs WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING'
  AND EXISTS (SELECT 1 FROM tasks p WHERE p.id = :parent_id AND p.run_no = :run_no)
ON CONFLICT DO NOTHING;

-- name: update_task_if_open
-- Give a task that has no outcome yet another state, if the execution of this epoch holds the run.
UPDATE tasks SET status = :status, noop = :noop, attempts = :attempts, completed_at = :completed_at, delay_until = :delay_until,
  output = :output, error = :error, output_properties = coalesce(:output_properties, output_properties),
  details = coalesce(:details, details)
WHERE run_no = :run_no AND idempotency_key = :idempotency_key AND completed_at IS NULL
  AND EXISTS (SELECT 1 FROM runs WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING');

-- name: find_task_by_key
-- What is stored under an idempotency key.
SELECT id, operation, name, status FROM tasks WHERE run_no = :run_no AND idempotency_key = :idempotency_key;

-- name: find_outcome
-- What a task came to.
SELECT output, error FROM tasks WHERE id = :id;

-- name: insert_attempt
-- Record an attempt that failed, once.
INSERT INTO attempts (task_no, number, ended_at, error)
SELECT task_no, :number, :ended_at, :error FROM tasks WHERE id = :task_id
ON CONFLICT DO NOTHING;

-- name: resolve_if_waiting
-- A due task becomes COMPLETED if it is a wait, else RUNNING: its body is to be tried again (:task_nos, a JSON array).
UPDATE tasks SET status = CASE WHEN noop THEN 'COMPLETED' ELSE 'RUNNING' END, completed_at = CASE WHEN noop THEN :now END
WHERE task_no IN (SELECT value FROM json_each(:task_nos)) AND status = 'WAITING'
RETURNING id, idempotency_key, parent_id, operation, name, status, noop, attempts, output, error, delay_until, params_hash,
  CASE WHEN params_hash IS NOT NULL THEN params END, run_no;

-- name: settle_if_waiting
-- A waiting task gets the outcome that came from outside.
UPDATE tasks SET status = :status, completed_at = :now, output = :output, error = :error, delay_until = NULL
WHERE task_no = :task_no AND status = 'WAITING'
RETURNING id, idempotency_key, parent_id, operation, name, status, noop, attempts, output, error, delay_until, params_hash,
  CASE WHEN params_hash IS NOT NULL THEN params END, run_no;

-- name: find_task_environment
-- The environment that a task is in.
SELECT r.environment_no FROM tasks t JOIN runs r USING (run_no) WHERE t.id = :id;

-- name: find_task_no
-- The number of a task.
SELECT task_no FROM tasks WHERE id = :id;

-- name: list_shown_tasks
-- Tasks by number, with what they are called (:task_nos, a JSON array).
SELECT task_no, operation, coalesce(display_key, name) FROM tasks WHERE task_no IN (SELECT value FROM json_each(:task_nos))
ORDER BY task_no;

-- name: next_task_no
-- The number of the task that is stored next.
SELECT coalesce(max(task_no), 0) + 1 FROM tasks;

-- name: delete_wait_timers
-- A task waits for nothing from outside any more.
DELETE FROM timers WHERE subject_no = :task_no AND kind = 'CALLBACK_TIMEOUT';

-- name: delete_timers_of_tasks
-- Nothing of the tasks of a run is due any more that have no outcome yet.
DELETE FROM timers WHERE kind IN ('TASK', 'CALLBACK_TIMEOUT')
  AND subject_no IN (SELECT task_no FROM tasks WHERE run_no = :run_no AND status = 'WAITING');

-- name: has_tasks_since
-- Whether a run has tasks that were created then or later.
SELECT 1 FROM tasks WHERE run_no = :run_no AND started_at >= :since LIMIT 1;

-- name: has_open_tasks
-- Whether a run has tasks without outcome.
SELECT 1 FROM tasks WHERE run_no = :run_no AND completed_at IS NULL LIMIT 1;

-- name: close_open_tasks
-- The tasks of a run that have no outcome yet get one.
UPDATE tasks SET status = :status, completed_at = :now
WHERE run_no = :run_no AND completed_at IS NULL;

-- name: fail_if_open
-- A task that has no outcome yet becomes ERRORED.
UPDATE tasks SET status = 'ERRORED', completed_at = :now, error = :error
WHERE id = :id AND run_no = :run_no AND completed_at IS NULL;

-- name: list_tasks_of_runs
-- What replay needs of the tasks of these runs (:run_nos, a JSON array), in the order of their ids.
SELECT id, idempotency_key, parent_id, operation, name, status, noop, attempts, output, error, delay_until, params_hash,
  CASE WHEN params_hash IS NOT NULL THEN params END, run_no
FROM tasks WHERE run_no IN (SELECT value FROM json_each(:run_nos)) ORDER BY id;

-- name: list_few_tasks
-- What replay needs of some tasks of a run; not in order, so that no more are read than are asked for.
SELECT id, idempotency_key, parent_id, operation, name, status, noop, attempts, output, error, delay_until, params_hash,
  CASE WHEN params_hash IS NOT NULL THEN params END, run_no
FROM tasks WHERE run_no = :run_no LIMIT :limit;

-- name: list_tasks_by_id
-- What replay needs of these tasks (:ids, a JSON array), in the order of their ids.
SELECT id, idempotency_key, parent_id, operation, name, status, noop, attempts, output, error, delay_until, params_hash,
  CASE WHEN params_hash IS NOT NULL THEN params END, run_no
FROM tasks WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- name: list_waits
-- What a run waits for, first due first.
SELECT display_key, name, operation, delay_until FROM tasks
WHERE run_no = :run_no AND status = 'WAITING' ORDER BY delay_until IS NULL, delay_until, id LIMIT :limit;

-- name: find_details
-- What is only shown of a task.
SELECT details FROM tasks WHERE id = :id AND run_no = :run_no;

-- name: keep_details
-- Replace what is only shown of a task.
UPDATE tasks SET details = :details WHERE id = :id;
