-- name: insert_event_wait
-- Let a task wait for an event.
INSERT INTO event_waits (task_no, environment_no, name, path, value, source, account_id, filter, context_filter, until_at)
SELECT task_no, :environment_no, :name, :path, :value, :source, :account_id, :filter, :context_filter, :until_at
FROM tasks WHERE id = :task_id
ON CONFLICT DO NOTHING;

-- name: find_event_wait_paths
-- The first and the last of the places in the payload by which waits for events of this name can be found.
SELECT (SELECT min(path) FROM event_waits WHERE environment_no = :environment_no AND name = :name),
  (SELECT max(path) FROM event_waits WHERE environment_no = :environment_no AND name = :name);

-- name: list_event_wait_paths
-- The places in the payload by which waits for events of this name can be found. One step of the index for each place,
-- not one for each wait.
WITH RECURSIVE paths (path) AS (
  SELECT min(path) FROM event_waits WHERE environment_no = :environment_no AND name = :name
  UNION ALL
  SELECT (SELECT min(w.path) FROM event_waits w
          WHERE w.environment_no = :environment_no AND w.name = :name AND w.path > paths.path)
  FROM paths WHERE paths.path IS NOT NULL
)
SELECT path FROM paths WHERE path IS NOT NULL;

-- name: list_event_waits
-- Waits by name, place and value that have not ended, in the order of their tasks.
SELECT task_no, source, account_id, filter, context_filter FROM event_waits
WHERE environment_no = :environment_no AND name = :name AND path = :path AND value = :value AND task_no > :after
  AND (until_at IS NULL OR until_at > :now)
ORDER BY task_no LIMIT :limit;

-- name: list_event_wait_names
-- The events that are waited for.
SELECT DISTINCT environment_no, name FROM event_waits LIMIT :limit;

-- name: has_event_wait
-- Whether a task waits for an event that may still come.
SELECT 1 FROM event_waits WHERE task_no = :task_no AND (until_at IS NULL OR until_at > :now) LIMIT 1;

-- name: delete_event_wait
-- A task waits for no event any more.
DELETE FROM event_waits WHERE task_no = :task_no;

-- name: delete_event_waits
-- No task of this run waits for an event any more.
DELETE FROM event_waits WHERE task_no IN (SELECT task_no FROM tasks WHERE run_no = :run_no AND status = 'WAITING');
