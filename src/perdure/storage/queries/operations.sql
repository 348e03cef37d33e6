-- name: insert_operation
-- Let the engine do the work of a task that waits for it, once; the task's number.
INSERT INTO operations (task_no, due_at, lease_ms, node_no, begun, secrets)
SELECT task_no, :due_at, :lease_ms, :node_no, :begun, :secrets FROM tasks WHERE id = :task_id AND status = 'WAITING'
ON CONFLICT DO NOTHING
RETURNING task_no;

-- name: next_operation_due
-- When the first operation is due.
SELECT min(due_at) FROM operations;

-- name: take_due_operations
-- A node begins with the operations that are due, first due first.
UPDATE operations SET node_no = :node_no, due_at = :now + lease_ms, begun = begun + 1
WHERE task_no IN (SELECT task_no FROM operations WHERE due_at <= :now ORDER BY due_at, task_no LIMIT :limit)
RETURNING task_no;

-- name: list_operations
-- What a node needs to do the work of these tasks (:task_nos, a JSON array).
SELECT o.task_no, t.run_no, r.id, t.id, t.operation, coalesce(t.display_key, t.name), t.idempotency_key, t.params,
  t.attempts, t.started_at, o.begun, o.failures, o.secrets, r.environment_no
FROM operations o JOIN tasks t USING (task_no) JOIN runs r USING (run_no)
WHERE o.task_no IN (SELECT value FROM json_each(:task_nos)) ORDER BY o.task_no;

-- name: count_attempt_if_waiting
-- A task that waits for the engine's work begins another attempt, if that has not begun yet.
UPDATE tasks SET attempts = :attempts + 1 WHERE task_no = :task_no AND attempts = :attempts AND status = 'WAITING';

-- name: put_operation_off
-- Nobody is at it any more: its next attempt is due later.
UPDATE operations SET due_at = :due_at, node_no = NULL, begun = 0, failures = :failures WHERE task_no = :task_no;

-- name: list_held_operations
-- The tasks that a node is at.
SELECT task_no FROM operations WHERE node_no = :node_no;

-- name: release_operations
-- Nobody is at them any more (:task_nos, a JSON array): they are due now, and it does not count that they were begun.
UPDATE operations SET due_at = :now, node_no = NULL, begun = max(begun - 1, 0)
WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: lose_operations_of_others
-- Whoever was at them is dead: they are due now.
UPDATE operations SET due_at = :now, node_no = NULL WHERE node_no IS NOT NULL AND node_no <> :own_node_no;

-- name: delete_operation
-- There is nothing to do for a task any more.
DELETE FROM operations WHERE task_no = :task_no;

-- name: delete_operations
-- There is nothing to do for the tasks of a run any more.
DELETE FROM operations WHERE task_no IN (SELECT task_no FROM tasks WHERE run_no = :run_no AND status = 'WAITING');

-- name: begin_anew
-- What is to be done for a task that was reopened is what its call says now, and its time begins anew.
UPDATE tasks SET params = :params, params_hash = :params_hash, started_at = :started_at WHERE id = :id;

-- name: delete_poll_attempts
-- Forget the attempts of a poll.
DELETE FROM tasks WHERE run_no = :run_no AND parent_id = :parent_id AND operation = :operation;

-- name: insert_poll_attempt
-- Keep what the attempt at hand of a poll came to, as a task inside that of the poll, if that still waits for it.
INSERT INTO tasks (id, run_no, idempotency_key, parent_id, operation, name, display_key, status, noop, started_at,
  completed_at, params, details)
SELECT :id, run_no, :idempotency_key, id, :operation, :name, :display_key, 'COMPLETED', 1, :started_at, :completed_at, :params,
  :details
FROM tasks WHERE task_no = :task_no AND status = 'WAITING' AND attempts = :attempts
ON CONFLICT DO NOTHING;

-- name: delete_poll_attempt
-- Forget an attempt of a poll.
DELETE FROM tasks WHERE run_no = :run_no AND idempotency_key = :idempotency_key AND parent_id = :parent_id;

-- name: add_execution_time
-- Count time that the engine has worked for a run.
UPDATE runs SET execution_ms = execution_ms + :milliseconds WHERE run_no = :run_no;
