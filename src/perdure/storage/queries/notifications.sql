-- name: is_endpoint_listening
-- Whether the endpoint of a run's job is to be told that the run has ended as it has.
SELECT CASE WHEN r.status = 'SUCCESS' THEN j.notify_success ELSE j.notify_failure END
FROM runs r JOIN jobs j USING (job_no) WHERE r.run_no = :run_no;

-- name: list_run_callbacks
-- Where the end of a run is to be told.
SELECT url FROM run_callbacks WHERE run_no = :run_no ORDER BY url;

-- name: find_run_end
-- What is told of a run that has ended.
SELECT r.id, (SELECT max(l.seq) FROM run_log l WHERE l.run_no = r.run_no), r.status, r.started_at, r.updated_at,
  r.completed_at, r.execution_ms, r.epoch, r.output, r.error, r.job_no, j.id, v.version,
  n.id, n.slug, n.type, o.id, o.slug, o.title, p.id, p.slug, p.name,
  a.id, a.metadata, e.id, e.payload, e.context, e.timestamp, e.is_test
FROM runs r JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no) JOIN events e USING (event_no)
JOIN environments n ON n.environment_no = r.environment_no JOIN projects p USING (project_no)
JOIN organizations o USING (organization_no) LEFT JOIN accounts a ON a.account_no = e.account_no
WHERE r.run_no = :run_no;

-- name: find_failed_task
-- The task of a run that failed last; one that failed by itself comes before those that only ended with the run.
SELECT idempotency_key, display_key, name, started_at, error, params, details FROM tasks
WHERE run_no = :run_no AND status = 'ERRORED'
ORDER BY error IS NULL, started_at DESC, task_no DESC LIMIT 1;

-- name: insert_run_callback
-- The end of a run is to be told to a URL.
INSERT INTO run_callbacks (run_no, url) VALUES (:run_no, :url) ON CONFLICT DO NOTHING;

-- name: insert_notification
-- Something is to be told.
INSERT INTO notifications (run_no, id, job_no, url, body, due_at) VALUES (:run_no, :id, :job_no, :url, :body, :due_at);

-- name: next_notification_due
-- When the first notification is due.
SELECT min(due_at) FROM notifications;

-- name: list_due_notifications
-- Notifications that are due, first due first; the bodies are read with each.
SELECT notification_no FROM notifications WHERE due_at <= :now ORDER BY due_at LIMIT :limit;

-- name: take_notification_if_due
-- A node begins to tell it: if it dies, it is due again later.
UPDATE notifications SET attempts = attempts + 1, is_out = 1, is_absent = 0, due_at = :due_at
WHERE notification_no = :notification_no AND due_at <= :now
RETURNING notification_no, id, job_no, (SELECT j.id FROM jobs j WHERE j.job_no = notifications.job_no), url, body, attempts,
  (SELECT j.environment_no FROM jobs j WHERE j.job_no = notifications.job_no);

-- name: postpone_if_taken
-- What a node tried to tell in this attempt is due again later. An attempt that could not even begin does not count.
UPDATE notifications SET attempts = attempts - :uncounted, is_out = 0, is_absent = :is_absent, due_at = :due_at
WHERE notification_no = :notification_no AND id = :id AND attempts = :attempts AND is_out = 1;

-- name: delete_if_taken
-- What a node tried to tell in this attempt was told, or was tried too often.
DELETE FROM notifications
WHERE notification_no = :notification_no AND id = :id AND attempts = :attempts AND is_out = 1;

-- name: hasten_notifications_of_jobs
-- What was put off because no code was there for these jobs is due now (:job_nos, a JSON array of numbers).
UPDATE notifications SET due_at = :now
WHERE is_absent = 1 AND due_at > :now AND job_no IN (SELECT value FROM json_each(:job_nos));

-- name: hasten_lost_notifications
-- What a node that is gone was telling is due now.
UPDATE notifications SET is_out = 0, due_at = :now WHERE is_out = 1;
