-- name: list_run_changes
-- Every two statuses a run had one after the other; none before the first.
SELECT lag(status) OVER (PARTITION BY run_no ORDER BY seq), status FROM run_log;

-- name: list_logged_statuses
-- The statuses that a run had, one after the other.
SELECT status FROM run_log WHERE run_no = :run_no ORDER BY seq;

-- name: find_gaps_in_logs
-- Runs whose log is not gapless, does not end in the run's status, or whose epochs fall.
SELECT r.run_no FROM runs r LEFT JOIN run_log l USING (run_no) WHERE r.environment_no > 0 GROUP BY r.run_no
HAVING max(l.seq) IS NOT count(l.seq)
  OR (SELECT status FROM run_log e WHERE e.run_no = r.run_no ORDER BY seq DESC LIMIT 1) IS NOT r.status
  OR EXISTS (SELECT 1 FROM run_log a JOIN run_log b ON a.run_no = b.run_no AND a.seq < b.seq
             WHERE a.run_no = r.run_no AND a.epoch > b.epoch);

-- name: find_orphans
-- Runs that have not ended, and that nothing would ever wake. A connection comes when somebody stores it.
SELECT run_no, status FROM runs WHERE completed_at IS NULL AND available_at IS NULL AND node_no IS NULL
  AND status <> 'WAITING_ON_CONNECTIONS' AND NOT (status = 'WAITING_TO_CONTINUE' AND EXISTS (
    SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.status = 'WAITING' AND (
      EXISTS (SELECT 1 FROM timers w WHERE w.subject_no = t.task_no
              AND w.kind IN ('TASK', 'CALLBACK_TIMEOUT'))
      OR EXISTS (SELECT 1 FROM awaited_runs a JOIN runs c USING (run_no)
                 WHERE a.task_no = t.task_no AND a.notification IS NULL AND c.completed_at IS NULL)
      OR EXISTS (SELECT 1 FROM operations o WHERE o.task_no = t.task_no)
      OR t.operation = 'wait_for_ever')));

-- name: find_forgotten_events
-- Events that are neither delivered nor cancelled and that nothing would ever deliver.
SELECT id FROM events WHERE delivered_at IS NULL AND cancelled_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM timers WHERE kind = 'EVENT' AND subject_no = event_no);

-- name: find_stray_timers
-- Timers of tasks that do not wait; and operations that somebody is at, although the node has stopped.
SELECT t.id FROM timers w JOIN tasks t ON t.task_no = w.subject_no WHERE w.kind IN ('TASK', 'CALLBACK_TIMEOUT') AND t.status <> 'WAITING'
UNION ALL
SELECT t.id FROM operations o JOIN tasks t USING (task_no) WHERE t.status <> 'WAITING' OR o.node_no IS NOT NULL
UNION ALL
SELECT t.id FROM event_waits w JOIN tasks t USING (task_no) WHERE t.status <> 'WAITING';

-- name: find_stray_waits_for_runs
-- Tasks that do not wait, though it stands there that they wait for runs; and runs that have ended unnoticed.
SELECT t.id FROM awaited_runs a JOIN tasks t USING (task_no) WHERE t.status <> 'WAITING'
UNION ALL
SELECT r.id FROM awaited_runs a JOIN runs r USING (run_no)
WHERE (r.completed_at IS NOT NULL) <> (a.notification IS NOT NULL);

-- name: find_stray_places
-- Runs that take a place of a limit, or stand aside for want of one, though they should not, and the other way round.
SELECT r.run_no FROM runs r JOIN jobs j USING (job_no)
WHERE (r.limit_no IS NOT NULL AND r.node_no IS NULL AND r.available_at IS NULL)
  OR (r.limit_no IS NOT NULL AND r.limit_no IS NOT j.limit_no AND NOT (r.available_at IS NOT NULL AND EXISTS (
    SELECT 1 FROM concurrency_limits l WHERE l.limit_no = r.limit_no AND l.kind = 'ENVIRONMENT')))
  OR (r.node_no IS NOT NULL AND r.limit_no IS NOT j.limit_no);

-- name: list_what_is_missing
-- The connections that are noted as missing, and what runs lack.
SELECT integration, account_id, (SELECT count(*) FROM lacking_runs l WHERE l.environment_no = m.environment_no
  AND l.integration = m.integration AND l.account_id = m.account_id)
FROM missing_connections m ORDER BY missing_no;

-- name: count_what_is_told_of_connections
-- How many connections there are, how many are noted as missing, and how many events tell of either.
SELECT (SELECT count(*) FROM connections), (SELECT count(*) FROM missing_connections),
  (SELECT count(*) FROM events WHERE name = 'dev.trigger.notifications.missingConnection'),
  (SELECT count(*) FROM events WHERE name = 'dev.trigger.notifications.missingConnectionResolved');

-- name: list_awaited
-- What tasks wait for.
SELECT task_no, run_no FROM awaited_runs;

-- name: find_unrecorded_executions
-- Runs that have not as many ended executions as their epoch says.
SELECT run_no FROM runs r
WHERE r.environment_no > 0 AND r.epoch - (r.status = 'EXECUTING') <> (SELECT count(*) FROM executions e WHERE e.run_no = r.run_no);

-- name: find_leftovers
-- What hangs on a run, a task or an event that does not exist.
SELECT 'task', id FROM tasks t WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = t.run_no)
UNION ALL SELECT 'attempt', a.task_no FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.task_no = a.task_no)
UNION ALL SELECT 'execution', e.run_no FROM executions e WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = e.run_no)
UNION ALL SELECT 'history', l.run_no FROM run_log l WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = l.run_no)
UNION ALL SELECT 'status', s.run_no FROM run_statuses s WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = s.run_no)
UNION ALL SELECT 'callback', c.run_no FROM run_callbacks c WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = c.run_no)
UNION ALL SELECT 'lacking', l.run_no FROM lacking_runs l WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_no = l.run_no)
UNION ALL SELECT 'awaited', a.task_no FROM awaited_runs a WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.task_no = a.task_no)
UNION ALL SELECT 'event wait', w.task_no FROM event_waits w WHERE NOT EXISTS (
  SELECT 1 FROM tasks t WHERE t.task_no = w.task_no)
UNION ALL SELECT 'operation', o.task_no FROM operations o WHERE NOT EXISTS (
  SELECT 1 FROM tasks t WHERE t.task_no = o.task_no)
UNION ALL SELECT 'timer', t.subject_no FROM timers t WHERE
  CASE WHEN t.kind IN ('TASK', 'CALLBACK_TIMEOUT') THEN NOT EXISTS (SELECT 1 FROM tasks k WHERE k.task_no = t.subject_no)
  WHEN t.kind IN ('EVENT', 'WAITS') THEN NOT EXISTS (SELECT 1 FROM events e WHERE e.event_no = t.subject_no) END
UNION ALL SELECT 'run', r.id FROM runs r WHERE r.environment_no > 0 AND NOT EXISTS (
  SELECT 1 FROM events e WHERE e.event_no = r.event_no);

-- name: count_everything
-- How many rows there are of what retention deletes.
SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM events), (SELECT count(*) FROM tasks),
  (SELECT count(*) FROM attempts), (SELECT count(*) FROM executions), (SELECT count(*) FROM run_log),
  (SELECT count(*) FROM run_statuses), (SELECT count(*) FROM run_callbacks), (SELECT count(*) FROM key_values);

-- name: list_executions
-- How the executions of a run ended, in order.
SELECT e.status FROM executions e JOIN runs r USING (run_no) WHERE r.id = :id ORDER BY e.epoch;

-- name: list_runs
-- Every run with its status.
SELECT id, status FROM runs ORDER BY run_no;

-- name: list_attempts
-- The attempts of a task that failed.
SELECT a.number, a.error FROM attempts a JOIN tasks t USING (task_no) WHERE t.id = :id ORDER BY a.number;

-- name: list_timers
-- When what is due.
SELECT due_at, kind FROM timers ORDER BY due_at;

-- name: set_fruitless
-- Pretend that executions came to nothing.
UPDATE runs SET fruitless = :fruitless WHERE id = :id;

-- name: find_fruitless
-- How many executions in a row came to nothing.
SELECT fruitless FROM runs WHERE id = :id;

-- name: count_rows
-- How much there is.
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM runs), (SELECT count(*) FROM tasks);

-- name: list_events
-- Every event that a caller sent, whether it was delivered and cancelled, and how many runs it has started.
SELECT e.id, e.delivered_at IS NOT NULL, e.cancelled_at IS NOT NULL, count(r.run_no)
FROM events e LEFT JOIN runs r USING (event_no) WHERE e.is_internal = 0 GROUP BY e.event_no;

-- name: list_event_runs
-- How many runs each event has started.
SELECT e.id, count(r.run_no) FROM events e LEFT JOIN runs r USING (event_no) GROUP BY e.event_no;

-- name: list_callback_tasks
-- Tasks that were to be completed by a request.
SELECT id FROM tasks WHERE operation = 'wait_for_request' ORDER BY task_no;

-- name: find_ended_task
-- How a task ended.
SELECT status, output, error FROM tasks WHERE id = :id;

-- name: list_in_way
-- Runs in line that every claim meets.
SELECT id FROM runs WHERE available_at <= :now AND limit_no IS NULL;

-- name: list_taken_places
-- How many places of each limit are taken.
SELECT l.id, count(*) FROM runs r JOIN jobs j USING (job_no) JOIN concurrency_limits l ON l.limit_no = j.limit_no
WHERE r.node_no IS NOT NULL GROUP BY l.limit_no;

-- name: forget_place
-- Pretend that an execution takes no place.
UPDATE runs SET limit_no = NULL WHERE id = :id;

-- name: count_notifications
-- How many notifications are left.
SELECT count(*) FROM notifications;

-- name: list_notifications
-- Which notifications are left.
SELECT id, job_no, url, body FROM notifications ORDER BY notification_no;

-- name: count_out
-- How many notifications a node is telling.
SELECT count(*) FROM notifications WHERE is_out = 1;

-- name: list_operations_kept
-- What is kept of operations: their secrets, encrypted.
SELECT secrets FROM operations;

-- name: find_execution_time
-- How long a run has been worked for.
SELECT execution_ms FROM runs WHERE id = :id;

-- name: find_unsettled
-- A schedule that is due, or a run that has not ended well.
SELECT 1 FROM timers WHERE due_at <= :now AND kind = 'SCHEDULE'
UNION ALL
SELECT 2 FROM runs WHERE status <> 'SUCCESS' LIMIT 1;

-- name: find_stray_schedules
-- Schedules that are due though they should not be, and the other way round.
SELECT s.schedule_no FROM schedules s
WHERE (s.active = 1 AND EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = s.dispatcher_no))
  <> EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no);

-- name: find_stray_ticks
-- Ticks without their event or before their time, and events of ticks that nobody noted: old ones may be forgotten.
SELECT t.tick_at FROM schedule_ticks t LEFT JOIN events e USING (event_no)
WHERE e.event_no IS NULL OR (e.source_id IS NOT NULL AND e.created_at < t.tick_at)
UNION ALL
SELECT e.event_no FROM events e
WHERE e.source_id IS NOT NULL AND e.timestamp >= (SELECT min(tick_at) FROM schedule_ticks) AND NOT EXISTS (SELECT 1 FROM schedule_ticks t WHERE t.event_no = e.event_no);

-- name: list_ticks
-- Every tick, with how many runs it started.
SELECT s.key, t.tick_at, e.id, count(r.run_no)
FROM schedule_ticks t JOIN schedules s USING (schedule_no) JOIN events e USING (event_no) LEFT JOIN runs r USING (event_no)
GROUP BY t.schedule_no, t.tick_at ORDER BY t.tick_at, t.schedule_no;

-- name: list_tick_payloads
-- What the runs of each schedule were told, in the order of its ticks.
SELECT t.schedule_no, e.payload FROM schedule_ticks t JOIN events e USING (event_no) ORDER BY t.schedule_no, t.tick_at;

-- name: list_schedule_timers
-- When which schedule is due.
SELECT s.key, t.due_at FROM timers t JOIN schedules s ON t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no
ORDER BY t.due_at, s.key;

-- name: lose_zone
-- Pretend that a schedule has a zone that is gone.
UPDATE schedules SET timezone = 'Mars/Base' WHERE key = :key;

-- name: list_fetched
-- What fetches were answered, by their idempotency keys.
SELECT lower(hex(idempotency_key)), output FROM tasks WHERE operation = 'background_fetch' AND status = 'COMPLETED';

-- name: list_ends_of_job
-- The runs of a job with their statuses.
SELECT r.id, r.status FROM runs r JOIN jobs j USING (job_no) WHERE j.id = :job_id ORDER BY r.run_no;

-- name: list_notifications_due
-- Notifications that are to be told now, or are being told.
SELECT id FROM notifications WHERE due_at <= :now OR is_out = 1;

-- name: list_called_back
-- Runs whose end is told to a URL.
SELECT DISTINCT r.id FROM run_callbacks JOIN runs r USING (run_no);

-- name: list_rollups
-- How many runs have ended how, and how long they were executed for.
SELECT status, sum(runs), sum(execution_ms) FROM rollups GROUP BY status ORDER BY status;

-- name: count_requests
-- How many requests of sources are on their way, due until then.
SELECT count(*) FROM request_deliveries WHERE due_at <= :until;

-- name: forget_rollups
-- Nothing is known of what has ended until then.
DELETE FROM rollups WHERE hour < :hour;

-- name: list_line
-- When the runs in line are due.
SELECT available_at FROM runs WHERE available_at IS NOT NULL;
