-- name: upsert_endpoint
-- Create or refresh an endpoint; its number.
INSERT INTO endpoints (environment_no, id, is_remote, created_at, updated_at)
VALUES (:environment_no, :id, :is_remote, :now, :now)
ON CONFLICT (environment_no, id) DO UPDATE SET is_remote = excluded.is_remote, updated_at = excluded.updated_at
RETURNING endpoint_no;

-- name: upsert_job
-- Create a job unless it exists, and note of what its endpoint wants to be told; its number.
INSERT INTO jobs (environment_no, id, is_internal, notify_success, notify_failure)
VALUES (:environment_no, :id, :is_internal, coalesce(:notify_success, 0), coalesce(:notify_failure, 0))
ON CONFLICT (environment_no, id) DO UPDATE SET is_internal = excluded.is_internal,
  notify_success = coalesce(:notify_success, jobs.notify_success), notify_failure = coalesce(:notify_failure, jobs.notify_failure)
RETURNING job_no;

-- name: upsert_job_version
-- Create a version of a job, or make it the one registered last; its number.
INSERT INTO job_versions (job_no, endpoint_no, version, name, status, trigger_spec, registered_at)
VALUES (:job_no, :endpoint_no, :version, :name, :status, :trigger_spec, :now)
ON CONFLICT (job_no, version) DO UPDATE SET endpoint_no = excluded.endpoint_no, name = excluded.name,
  status = excluded.status, trigger_spec = excluded.trigger_spec, registered_at = excluded.registered_at
RETURNING version_no;

-- name: find_job
-- A job and the version registered last, with the app that has it, and whether that declares it no more.
SELECT j.job_no, v.version_no, v.version, e.id, v.status = 'GONE'
FROM jobs j JOIN job_versions v USING (job_no) JOIN endpoints e USING (endpoint_no)
WHERE j.environment_no = :environment_no AND j.id = :id
ORDER BY v.registered_at DESC, v.version_no DESC LIMIT 1;

-- name: list_registered_jobs
-- Every job the environment has seen that is not an SDK's own, in the version registered last, by id.
SELECT j.id, v.name, v.version, e.id, v.status, v.trigger_spec, v.registered_at
FROM jobs j
JOIN job_versions v ON v.version_no = (
  SELECT version_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1)
JOIN endpoints e USING (endpoint_no)
WHERE j.environment_no = :environment_no AND j.is_internal = 0 ORDER BY j.id;

-- name: list_job_nos
-- The numbers of every job of an environment.
SELECT job_no FROM jobs WHERE environment_no = :environment_no;

-- name: list_job_ids
-- Every job id the environment has seen.
SELECT id FROM jobs WHERE environment_no = :environment_no ORDER BY id;

-- name: upsert_job_dispatcher
-- Subscribe a job to events, in place of what it was subscribed to before; the dispatcher's number.
INSERT INTO dispatchers (environment_no, subscriber_type, subscriber, event_names, source, filter, context_filter, enabled)
VALUES (:environment_no, 'JOB', :job, :event_names, :source, :filter, :context_filter, :enabled)
ON CONFLICT (environment_no, subscriber_type, subscriber) DO UPDATE SET event_names = excluded.event_names,
  source = excluded.source, filter = excluded.filter, context_filter = excluded.context_filter, enabled = excluded.enabled,
  manual = 0
RETURNING dispatcher_no;

-- name: disable_job_dispatcher
-- Let a job's subscription rest.
UPDATE dispatchers SET enabled = 0
WHERE environment_no = :environment_no AND subscriber_type = 'JOB' AND subscriber = :job AND enabled = 1;

-- name: disable_undeclared_jobs
-- Let the subscriptions of an endpoint's jobs rest, except of those it declares (:jobs, a JSON array of ids). A job is
-- of the endpoint that has registered it last.
UPDATE dispatchers SET enabled = 0
WHERE environment_no = :environment_no AND subscriber_type = 'JOB' AND enabled = 1
  AND subscriber NOT IN (SELECT value FROM json_each(:jobs))
  AND subscriber IN (SELECT j.id FROM jobs j WHERE j.environment_no = :environment_no AND :endpoint_no = (
    SELECT endpoint_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1));

-- name: disable_undeclared_versions
-- Give the versions of an endpoint's jobs a status, except of those it declares (:jobs, a JSON array of ids). A job is of the
-- endpoint that has registered it last, and only that version of it counts.
UPDATE job_versions SET status = :status
WHERE endpoint_no = :endpoint_no AND status <> :status
  AND job_no NOT IN (SELECT j.job_no FROM jobs j WHERE j.environment_no = :environment_no
    AND j.id IN (SELECT value FROM json_each(:jobs)))
  AND version_no = (SELECT v.version_no FROM job_versions v WHERE v.job_no = job_versions.job_no
    ORDER BY v.registered_at DESC, v.version_no DESC LIMIT 1);

-- name: list_gone_jobs
-- The jobs of an endpoint that it declares no more, and no other has registered since, by id.
SELECT j.id FROM jobs j
JOIN job_versions v ON v.version_no = (
  SELECT version_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1)
WHERE v.endpoint_no = :endpoint_no AND v.status = 'GONE' ORDER BY j.id;

-- name: list_job_dispatchers
-- The subscriptions of jobs that are in force, each with the version of its job registered last.
SELECT d.dispatcher_no, d.event_names, d.source, d.filter, d.context_filter, a.id, j.job_no, j.id, v.version_no, v.version
FROM dispatchers d
JOIN jobs j ON j.environment_no = d.environment_no AND j.id = d.subscriber
JOIN job_versions v ON v.version_no = (
  SELECT version_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1)
LEFT JOIN accounts a ON a.account_no = d.account_no
WHERE d.environment_no = :environment_no AND d.subscriber_type = 'JOB' AND d.enabled = 1 AND d.manual = 0
ORDER BY d.dispatcher_no;

-- name: keep_listening
-- Note which ends of a job's runs its endpoint wants to be told of: none of a job that is its SDK's own.
UPDATE jobs SET notify_success = :success, notify_failure = :failure
WHERE environment_no = :environment_no AND id = :id AND is_internal = 0;

-- name: list_dynamic_dispatchers
-- What is registered with dynamic triggers and in force, each with the jobs that it starts in their last versions.
SELECT d.dispatcher_no, d.event_names, d.source, d.filter, d.context_filter, a.id, j.job_no, j.id, v.version_no, v.version
FROM dispatchers d
JOIN sources s ON s.id = d.subscriber
JOIN dynamic_triggers t ON t.environment_no = s.environment_no AND t.id = s.dynamic_id
JOIN triggered_jobs r USING (trigger_no)
JOIN jobs j USING (job_no)
JOIN job_versions v ON v.version_no = (
  SELECT version_no FROM job_versions WHERE job_no = j.job_no ORDER BY registered_at DESC, version_no DESC LIMIT 1)
LEFT JOIN accounts a ON a.account_no = d.account_no
WHERE d.environment_no = :environment_no AND d.subscriber_type = 'DYNAMIC_TRIGGER' AND d.enabled = 1
ORDER BY d.dispatcher_no, j.job_no;
