-- name: upsert_schedule_dispatcher
-- Have schedules start the jobs of a subscriber; the dispatcher's number.
INSERT INTO dispatchers (environment_no, subscriber_type, subscriber, event_names, source, manual)
VALUES (:environment_no, :subscriber_type, :subscriber, '[]', 'trigger.dev', 1)
ON CONFLICT (environment_no, subscriber_type, subscriber) DO UPDATE SET event_names = excluded.event_names,
  source = excluded.source, filter = NULL, context_filter = NULL, enabled = 1, manual = 1
RETURNING dispatcher_no;

-- name: find_schedule_dispatcher
-- The number of a dynamic schedule's dispatcher, and whether it starts a job.
SELECT d.dispatcher_no, EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = d.dispatcher_no)
FROM dispatchers d
WHERE d.environment_no = :environment_no AND d.subscriber_type = 'DYNAMIC_SCHEDULE' AND d.subscriber = :subscriber;

-- name: list_dynamic_schedules
-- The ids of the dynamic schedules that the environment has seen.
SELECT subscriber FROM dispatchers WHERE environment_no = :environment_no AND subscriber_type = 'DYNAMIC_SCHEDULE'
ORDER BY subscriber;

-- name: attach_scheduled_job
-- Have a dispatcher start a job; no other one does then.
INSERT INTO scheduled_jobs (job_no, dispatcher_no) VALUES (:job_no, :dispatcher_no)
ON CONFLICT (job_no) DO UPDATE SET dispatcher_no = excluded.dispatcher_no;

-- name: detach_scheduled_job
-- No schedule starts a job any more.
DELETE FROM scheduled_jobs WHERE job_no = :job_no;

-- name: detach_undeclared_jobs
-- No schedule starts the jobs any more whose last version is of this endpoint, except of those it declares (:declared, a
-- JSON array of numbers).
DELETE FROM scheduled_jobs
WHERE job_no NOT IN (SELECT value FROM json_each(:declared)) AND :endpoint_no = (
  SELECT v.endpoint_no FROM job_versions v WHERE v.job_no = scheduled_jobs.job_no
  ORDER BY v.registered_at DESC, v.version_no DESC LIMIT 1);

-- name: stop_jobs_own_schedules
-- The schedules of jobs that have none any more are no longer active.
UPDATE schedules SET active = 0, revision = revision + 1
WHERE environment_no = :environment_no AND active = 1
  AND NOT EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = schedules.dispatcher_no)
  AND EXISTS (SELECT 1 FROM dispatchers d WHERE d.dispatcher_no = schedules.dispatcher_no AND d.subscriber_type = 'JOB');

-- name: rest_schedules_without_jobs
-- Schedules that start no job are not due.
DELETE FROM timers WHERE kind = 'SCHEDULE' AND subject_no IN (
  SELECT s.schedule_no FROM schedules s WHERE s.environment_no = :environment_no
    AND NOT EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = s.dispatcher_no));

-- name: list_resting_schedules
-- Active schedules that start a job and are not due, or are due after a tick that lies ahead: the clock was wrong then. By
-- their numbers. The plus keeps SQLite from sorting all others.
SELECT s.schedule_no, s.type, s.seconds, s.cron, s.timezone, s.active, s.created_at, s.last_tick_at, NULL
FROM schedules s
WHERE +s.environment_no = :environment_no AND s.active = 1 AND s.schedule_no > :after
  AND EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = s.dispatcher_no)
  AND (s.last_tick_at > :now OR NOT EXISTS (
    SELECT 1 FROM timers t WHERE t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no))
ORDER BY s.schedule_no LIMIT :limit;

-- name: find_schedule
-- A schedule by its key.
SELECT s.schedule_no, s.type, s.seconds, s.cron, s.timezone, s.active, s.created_at, s.last_tick_at, t.due_at
FROM schedules s LEFT JOIN timers t ON t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no
WHERE s.environment_no = :environment_no AND s.dispatcher_no = :dispatcher_no AND s.key = :key;

-- name: upsert_schedule
-- Create a schedule, or change it; its number.
INSERT INTO schedules (environment_no, dispatcher_no, key, type, seconds, cron, timezone, catch_up, account_no, metadata,
  active, created_at)
VALUES (:environment_no, :dispatcher_no, :key, :type, :seconds, :cron, :timezone, :catch_up, :account_no, :metadata, 1, :now)
ON CONFLICT (environment_no, dispatcher_no, key) DO UPDATE SET type = excluded.type, seconds = excluded.seconds,
  cron = excluded.cron, timezone = excluded.timezone, catch_up = excluded.catch_up, account_no = excluded.account_no,
  metadata = excluded.metadata, active = 1, revision = schedules.revision + 1
RETURNING schedule_no;

-- name: stop_schedule
-- A schedule is no longer active.
UPDATE schedules SET active = 0, revision = revision + 1 WHERE schedule_no = :schedule_no;

-- name: show_schedule
-- A registration with a dynamic schedule, as it is shown.
SELECT s.key, s.type, s.seconds, s.cron, s.timezone, a.id, s.metadata, s.active
FROM schedules s LEFT JOIN accounts a ON a.account_no = s.account_no
WHERE s.schedule_no = :schedule_no;

-- name: count_registrations
-- How many active registrations with dynamic schedules the environment has, counted up to a limit.
SELECT count(*) FROM (
  SELECT 1 FROM dispatchers d JOIN schedules s ON s.dispatcher_no = d.dispatcher_no AND s.active = 1
  WHERE d.environment_no = :environment_no AND d.subscriber_type = 'DYNAMIC_SCHEDULE' LIMIT :limit) listed;

-- name: list_schedules
-- Schedules of an environment behind a number, in the order of their creation, with the ids of the jobs that they start (a
-- JSON array). The plus keeps SQLite from sorting all of them.
SELECT s.schedule_no, d.subscriber_type, d.subscriber, s.key, s.type, s.seconds, s.cron, s.timezone, s.active, a.id,
  s.last_tick_at, t.due_at, (
    SELECT json_group_array(j.id) FROM scheduled_jobs o JOIN jobs j USING (job_no) WHERE o.dispatcher_no = s.dispatcher_no)
FROM schedules s JOIN dispatchers d USING (dispatcher_no) LEFT JOIN accounts a ON a.account_no = s.account_no
LEFT JOIN timers t ON t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no
WHERE +s.environment_no = :environment_no AND s.schedule_no >= :first
ORDER BY s.schedule_no LIMIT :limit;
