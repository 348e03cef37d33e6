-- name: find_status
-- A status of a run.
SELECT key, label, state, data, history FROM run_statuses WHERE run_no = :run_no AND key = :key;

-- name: count_statuses
-- How many statuses a run has.
SELECT count(*) FROM run_statuses WHERE run_no = :run_no;

-- name: put_status
-- Store a status in place of what its key had.
INSERT INTO run_statuses (run_no, key, label, state, data, history, created_at, updated_at)
VALUES (:run_no, :key, :label, :state, :data, :history, :now, :now)
ON CONFLICT (run_no, key) DO UPDATE SET label = excluded.label, state = excluded.state, data = excluded.data,
  history = excluded.history, updated_at = excluded.updated_at;

-- name: list_statuses
-- The statuses of a run in the order of their creation.
SELECT key, label, state, data, history FROM run_statuses WHERE run_no = :run_no ORDER BY status_no;
