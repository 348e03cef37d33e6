-- name: list_oldest_runs
-- A stretch of runs in the order of their creation, with when they began and ended.
SELECT run_no, environment_no, created_at, completed_at, 0 FROM runs WHERE run_no > :after ORDER BY run_no LIMIT :limit;

-- name: find_expired_run
-- A run that ended so long ago, with the size of what it and its event hold.
SELECT r.id, r.environment_no, r.event_no,
  coalesce(octet_length(r.output), 0) + coalesce(octet_length(r.properties), 0)
  + coalesce(octet_length(e.payload) + octet_length(e.context), 0)
FROM runs r LEFT JOIN events e USING (event_no) WHERE r.run_no = :run_no AND r.completed_at <= :cutoff;

-- name: list_some_tasks
-- Some tasks of a run, in no order, with the size of what they hold.
SELECT task_no, coalesce(octet_length(output), 0) + coalesce(octet_length(params), 0) FROM tasks WHERE run_no = :run_no LIMIT :limit;

-- name: delete_attempts
-- Delete the failed attempts of tasks (:task_nos, a JSON array).
DELETE FROM attempts WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: delete_tasks
-- Delete tasks (:task_nos, a JSON array).
DELETE FROM tasks WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: delete_some_executions
-- Delete some executions of a run.
DELETE FROM executions WHERE (run_no, epoch) IN (
  SELECT run_no, epoch FROM executions WHERE run_no = :run_no LIMIT :limit);

-- name: delete_some_history
-- Delete some of the history of a run's status.
DELETE FROM run_log WHERE (run_no, seq) IN (SELECT run_no, seq FROM run_log WHERE run_no = :run_no LIMIT :limit);

-- name: delete_some_statuses
-- Delete some of what a run shows to the outside.
DELETE FROM run_statuses WHERE status_no IN (SELECT status_no FROM run_statuses WHERE run_no = :run_no LIMIT :limit);

-- name: delete_some_callbacks
-- Delete some of the URLs to which a run's end was told.
DELETE FROM run_callbacks WHERE (run_no, url) IN (
  SELECT run_no, url FROM run_callbacks WHERE run_no = :run_no LIMIT :limit);

-- name: delete_some_lacking
-- Delete some of the connections that a run lacked when it waited for some last.
DELETE FROM lacking_runs WHERE (run_no, integration) IN (
  SELECT run_no, integration FROM lacking_runs WHERE run_no = :run_no LIMIT :limit);

-- name: retire_run
-- A run of which not everything could be deleted at once belongs to nobody any more: no look-up finds it, and its event
-- may go. The environment is kept as a negative number, for what is still to be deleted.
UPDATE runs SET environment_no = -environment_no, event_no = -run_no WHERE run_no = :run_no AND environment_no > 0;

-- name: delete_run
-- Delete a run.
DELETE FROM runs WHERE run_no = :run_no;

-- name: delete_event_if_unused
-- Delete an event that has no run and of which nothing is due.
DELETE FROM events WHERE event_no = :event_no
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_no = events.event_no)
  AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'WAITS' AND t.subject_no = events.event_no)
  AND NOT EXISTS (SELECT 1 FROM request_deliveries d WHERE d.event_no = events.event_no);

-- name: list_oldest_events
-- A stretch of events in the order of their creation, with when they came and were delivered or cancelled, and with the
-- size of what they hold.
SELECT event_no, environment_no, created_at, coalesce(delivered_at, cancelled_at),
  octet_length(payload) + octet_length(context)
FROM events
WHERE event_no > :after ORDER BY event_no LIMIT :limit;

-- name: list_oldest_missing
-- A stretch of connections that were missing in the order of their numbers, with whether a run still waits for it.
SELECT missing_no, environment_no, created_at, CASE WHEN EXISTS (
    SELECT 1 FROM lacking_runs l JOIN runs r USING (run_no) WHERE l.environment_no = m.environment_no
      AND l.integration = m.integration AND l.account_id = m.account_id AND r.status = 'WAITING_ON_CONNECTIONS')
  THEN NULL ELSE created_at END, 0
FROM missing_connections m WHERE missing_no > :after ORDER BY missing_no LIMIT :limit;

-- name: delete_missing_if_not_awaited
-- Delete what is known of a connection that is missing and for which no run waits.
DELETE FROM missing_connections WHERE missing_no = :missing_no AND NOT EXISTS (
  SELECT 1 FROM lacking_runs l JOIN runs r USING (run_no) WHERE l.environment_no = missing_connections.environment_no
    AND l.integration = missing_connections.integration AND l.account_id = missing_connections.account_id
    AND r.status = 'WAITING_ON_CONNECTIONS');

-- name: next_ticked_schedule
-- The next schedule behind this one that has ticked, and its oldest tick.
SELECT s.schedule_no, (SELECT min(t.tick_at) FROM schedule_ticks t WHERE t.schedule_no = s.schedule_no)
FROM (SELECT min(schedule_no) AS schedule_no FROM schedule_ticks WHERE schedule_no > :after) s
WHERE s.schedule_no IS NOT NULL;

-- name: delete_some_ticks
-- Delete some old ticks of a schedule: it ticks only after the last one, which it remembers.
DELETE FROM schedule_ticks WHERE (schedule_no, tick_at) IN (
  SELECT schedule_no, tick_at FROM schedule_ticks WHERE schedule_no = :schedule_no AND tick_at <= :cutoff
  ORDER BY tick_at LIMIT :limit);

-- name: find_schedule_environment
-- The environment of a schedule.
SELECT environment_no FROM schedules WHERE schedule_no = :schedule_no;

-- name: count_expired_runs
-- Of a stretch of runs behind a number, in the order of their creation: how many they are, the number and the creation of
-- the last one, how many of an environment ended so long ago, and how many stored values these own.
SELECT count(*), max(run_no), max(created_at), coalesce(sum(is_expired), 0), coalesce(sum(CASE WHEN is_expired THEN (
  SELECT count(*) FROM key_values k WHERE k.environment_no = :environment_no
    AND k.key >= 'run:' || stretch.id || ':' AND k.key < 'run:' || stretch.id || ';') END), 0)
FROM (
  SELECT run_no, id, created_at,
    CASE WHEN environment_no = :environment_no AND completed_at <= :cutoff THEN 1 ELSE 0 END AS is_expired
  FROM runs WHERE run_no > :after ORDER BY run_no LIMIT :limit) stretch;

-- name: count_expired_events
-- The same of events that may be deleted with the runs that ended so long ago.
SELECT count(*), max(event_no), max(created_at), coalesce(sum(is_expired), 0), 0
FROM (
  SELECT event_no, created_at, CASE WHEN environment_no = :environment_no
    AND coalesce(delivered_at, cancelled_at) <= :cutoff
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.event_no = events.event_no
      AND (r.completed_at IS NULL OR r.completed_at > :cutoff))
    AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'WAITS' AND t.subject_no = events.event_no)
    AND NOT EXISTS (SELECT 1 FROM request_deliveries d WHERE d.event_no = events.event_no)
    THEN 1 ELSE 0 END AS is_expired
  FROM events WHERE event_no > :after ORDER BY event_no LIMIT :limit) stretch;
