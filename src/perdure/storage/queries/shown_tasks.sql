-- name: page_of_top_tasks
-- The numbers of the tasks at the top of a run from a cursor on, with log lines or without, with what they hold in bytes:
-- of all tasks of the run only those of the page are read.
SELECT task_no, octet_length(output), octet_length(params), id
FROM tasks WHERE run_no = :run_no AND id >= :cursor AND parent_id IS NULL AND (operation <> 'log' OR :has_lines)
ORDER BY id LIMIT :limit;

-- name: page_of_tasks
-- The same of every task of a run.
SELECT task_no, octet_length(output), octet_length(params), id
FROM tasks WHERE run_no = :run_no AND id >= :cursor AND (operation <> 'log' OR :has_lines)
ORDER BY id LIMIT :limit;

-- name: list_tasks_by_number
-- Tasks as they are shown, with their numbers (:task_nos, a JSON array), in the order of their ids.
SELECT task_no, id, parent_id, display_key, name, status, noop, operation, params, output, error, attempts, details,
  output_properties, started_at, completed_at, delay_until
FROM tasks WHERE task_no IN (SELECT value FROM json_each(:task_nos))
ORDER BY id;

-- name: page_of_log
-- The numbers of the lines of a run's log, oldest first, with what they hold in bytes.
SELECT task_no, octet_length(output), octet_length(params) FROM tasks WHERE run_no = :run_no AND operation = 'log'
ORDER BY id LIMIT :limit;
