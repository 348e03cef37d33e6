-- name: sizes_of_new_tasks
-- The first tasks of a run that were stored after the one with this number, with the sizes of what they hold. The pluses
-- have SQLite look for their numbers in the run's index alone.
SELECT task_no, octet_length(output), octet_length(params) FROM tasks WHERE task_no IN (
  SELECT task_no FROM tasks WHERE run_no = :run_no AND +task_no > :after ORDER BY +task_no LIMIT :limit)
ORDER BY task_no;

-- name: marks_of_tasks
-- By what the change of a task is seen, and the sizes of what it holds (:task_nos, a JSON array).
SELECT task_no, octet_length(output), octet_length(params), status, attempts, delay_until, octet_length(details),
  octet_length(output_properties)
FROM tasks WHERE task_no IN (SELECT value FROM json_each(:task_nos)) ORDER BY task_no;

-- name: marks_of_statuses
-- By what the change of a run's statuses is seen, in the order of their creation.
SELECT status_no, key, updated_at, octet_length(history), octet_length(data), label, state FROM run_statuses
WHERE run_no = :run_no ORDER BY status_no;
