-- name: put_dynamic_trigger
-- Create a dynamic trigger, or note which app has it now; its number.
INSERT INTO dynamic_triggers (environment_no, endpoint_no, id) VALUES (:environment_no, :endpoint_no, :id)
ON CONFLICT (environment_no, id) DO UPDATE SET endpoint_no = excluded.endpoint_no
RETURNING trigger_no;

-- name: has_dynamic_trigger
-- Whether an app has a dynamic trigger.
SELECT 1 FROM dynamic_triggers t JOIN endpoints e USING (endpoint_no)
WHERE t.environment_no = :environment_no AND t.id = :id AND e.id = :endpoint_id;

-- name: detach_triggered_jobs
-- No dynamic trigger starts an app's jobs any more: those that it declares (:job_nos, a JSON array), and those of which the
-- last version is its own.
DELETE FROM triggered_jobs
WHERE job_no IN (SELECT value FROM json_each(:job_nos)) OR :endpoint_no = (
  SELECT v.endpoint_no FROM job_versions v WHERE v.job_no = triggered_jobs.job_no
  ORDER BY v.registered_at DESC, v.version_no DESC LIMIT 1);

-- name: attach_triggered_job
-- Have a dynamic trigger start a job.
INSERT INTO triggered_jobs (job_no, trigger_no) VALUES (:job_no, :trigger_no)
ON CONFLICT (job_no) DO UPDATE SET trigger_no = excluded.trigger_no;

-- name: put_registered_dispatcher
-- Have a registration with a dynamic trigger start jobs with these events, in place of those before; its number.
INSERT INTO dispatchers (environment_no, subscriber_type, subscriber, event_names, source, filter, context_filter, account_no)
VALUES (:environment_no, 'DYNAMIC_TRIGGER', :subscriber, :event_names, :source, :filter, :context_filter, :account_no)
ON CONFLICT (environment_no, subscriber_type, subscriber) DO UPDATE SET event_names = excluded.event_names,
  source = excluded.source, filter = excluded.filter, context_filter = excluded.context_filter,
  account_no = excluded.account_no, enabled = 1
RETURNING dispatcher_no;
