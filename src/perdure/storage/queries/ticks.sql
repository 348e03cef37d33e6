-- name: list_due_schedules
-- Schedules whose timer is due, first due first, of these environments (a JSON array of numbers). The plus keeps SQLite
-- from walking through every timer of this kind.
SELECT s.schedule_no, s.environment_no, s.revision, s.type, s.seconds, s.cron, s.timezone, s.catch_up, t.due_at,
  s.last_tick_at, d.dispatcher_no, d.subscriber_type, d.subscriber, s.key, s.metadata, s.account_no, a.id, a.metadata
FROM timers t JOIN schedules s ON s.schedule_no = t.subject_no JOIN dispatchers d USING (dispatcher_no)
LEFT JOIN accounts a ON a.account_no = s.account_no
WHERE t.due_at <= :now AND +t.kind = 'SCHEDULE' AND s.environment_no IN (SELECT value FROM json_each(:environment_nos))
ORDER BY t.due_at, t.subject_no LIMIT :limit;

-- name: list_scheduled_jobs
-- The jobs that dispatchers start (:dispatcher_nos, a JSON array of numbers), each with its version registered last.
SELECT s.dispatcher_no, j.job_no, j.id, v.version_no, v.version
FROM scheduled_jobs s JOIN jobs j USING (job_no)
JOIN job_versions v ON v.version_no = (
  SELECT version_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1)
WHERE s.dispatcher_no IN (SELECT value FROM json_each(:dispatcher_nos))
ORDER BY j.job_no;

-- name: move_timer_if_unchanged
-- A schedule that was due is due later, if neither it nor its timer has changed since they were read.
UPDATE timers SET due_at = :next_at
WHERE kind = 'SCHEDULE' AND subject_no = :schedule_no AND due_at = :due_at
  AND EXISTS (SELECT 1 FROM schedules s WHERE s.schedule_no = :schedule_no AND s.revision = :revision);

-- name: drop_timer_if_unchanged
-- A schedule that was due ticks no more, if neither it nor its timer has changed since they were read.
DELETE FROM timers
WHERE kind = 'SCHEDULE' AND subject_no = :schedule_no AND due_at = :due_at
  AND EXISTS (SELECT 1 FROM schedules s WHERE s.schedule_no = :schedule_no AND s.revision = :revision);

-- name: insert_tick_event
-- Store the event that a tick is, delivered, unless its id exists; its number.
INSERT INTO events (environment_no, id, name, source, payload, context, timestamp, account_no, source_id, source_metadata,
  created_at, updated_at, deliver_at, delivered_at)
VALUES (:environment_no, :id, :name, :source, :payload, :context, :timestamp, :account_no, :source_id, :source_metadata,
  :now, :now, :timestamp, :now)
ON CONFLICT DO NOTHING
RETURNING event_no;

-- name: insert_tick
-- Note that a schedule has ticked, unless it has.
INSERT INTO schedule_ticks (schedule_no, tick_at, event_no) VALUES (:schedule_no, :tick_at, :event_no)
ON CONFLICT DO NOTHING;

-- name: keep_last_tick
-- Remember when a schedule ticked last.
UPDATE schedules SET last_tick_at = :tick_at WHERE schedule_no = :schedule_no;
