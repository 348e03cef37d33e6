-- name: insert_awaited_run
-- Let a task that waits wait for a run.
INSERT INTO awaited_runs (task_no, position, run_no, notification)
SELECT task_no, :position, :run_no, :notification FROM tasks WHERE task_no = :task_no AND status = 'WAITING'
ON CONFLICT DO NOTHING;

-- name: end_awaited_run
-- A run has ended: note it for every task that waits for it; those tasks.
UPDATE awaited_runs SET notification = :notification WHERE run_no = :run_no AND notification IS NULL
RETURNING task_no;

-- name: is_run_missing
-- Whether a task still waits for a run.
SELECT EXISTS (SELECT 1 FROM awaited_runs WHERE task_no = :task_no AND notification IS NULL);

-- name: list_awaited_runs
-- What was noted of the runs that a task waits for, in the order of its call.
SELECT notification FROM awaited_runs WHERE task_no = :task_no ORDER BY position;

-- name: delete_awaited_runs
-- A task waits for no run any more.
DELETE FROM awaited_runs WHERE task_no = :task_no;

-- name: delete_awaited_runs_of_run
-- No task of this run waits for a run any more.
DELETE FROM awaited_runs WHERE task_no IN (SELECT task_no FROM tasks WHERE run_no = :run_no AND status = 'WAITING');

-- name: is_run_awaited
-- Whether a task waits for a run.
SELECT EXISTS (SELECT 1 FROM awaited_runs WHERE run_no = :run_no AND notification IS NULL);
