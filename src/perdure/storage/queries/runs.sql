-- name: insert_queued_run
-- Create a run in line for its first execution, unless the event already started one of this job; its number.
INSERT INTO runs (id, environment_no, job_no, version_no, event_no, dispatcher_no, status, available_at, created_at, updated_at)
VALUES (:id, :environment_no, :job_no, :version_no, :event_no, :dispatcher_no, 'QUEUED', :now, :now, :now)
ON CONFLICT DO NOTHING
RETURNING run_no;

-- name: insert_claimed_run
-- Create a run that a node holds from the first moment on, unless the event already started one of this job; its number.
INSERT INTO runs (id, environment_no, job_no, version_no, event_no, dispatcher_no, status, epoch, node_no, created_at,
  updated_at, executing_since, started_at)
VALUES (:id, :environment_no, :job_no, :version_no, :event_no, :dispatcher_no, 'EXECUTING', 1, :node_no, :now,
  :now, :now, :now)
ON CONFLICT DO NOTHING
RETURNING run_no;

-- name: find_run_of_event
-- The first run an event started, and whether it has ended.
SELECT r.run_no, r.id, r.completed_at IS NOT NULL FROM events e JOIN runs r USING (event_no)
WHERE e.environment_no = :environment_no AND e.id = :event_id ORDER BY r.run_no LIMIT 1;

-- name: next_run_due
-- When the first run in line is due.
SELECT min(available_at) FROM runs WHERE available_at IS NOT NULL AND limit_no IS NULL;

-- name: list_due_runs
-- Runs in line that are due and do not stand aside, first due first, with the limits of their jobs.
SELECT r.run_no, r.job_no, j.id, r.fruitless, r.misses, r.losses, r.execution_ms - r.earlier_ms, j.limit_no,
  r.environment_no
FROM runs r JOIN jobs j USING (job_no)
WHERE r.available_at <= :now AND r.limit_no IS NULL ORDER BY r.available_at, r.run_no LIMIT :limit;

-- name: claim_if_in_line
-- QUEUED or WAITING_TO_EXECUTE becomes EXECUTING.
UPDATE runs SET status = 'EXECUTING', epoch = epoch + 1, node_no = :node_no, available_at = NULL, why = NULL,
  updated_at = :now, executing_since = :now, started_at = coalesce(started_at, :now)
WHERE run_no = :run_no AND available_at IS NOT NULL AND limit_no IS NULL;

-- name: list_claimed_runs
-- What the executions of these runs begin with, if this node holds them.
SELECT r.run_no, r.id, r.epoch, r.environment_no, r.job_no, j.id, v.version, r.executing_since, r.started_at, r.yielded,
  e.id, e.name, e.payload, e.context, e.timestamp, e.is_test, a.id, a.metadata, e.source_id, e.source_metadata, r.is_retry,
  r.losses
FROM runs r JOIN events e USING (event_no) JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no)
LEFT JOIN accounts a ON a.account_no = e.account_no
WHERE r.run_no IN (SELECT value FROM json_each(:run_nos)) AND r.node_no = :node_no
ORDER BY r.run_no;

-- name: find_waiting_run
-- What the next execution of a run begins with that waits, but not for others of a block, with what keeps it from being
-- executed at once.
SELECT r.run_no, r.id, r.epoch + 1, r.environment_no, r.job_no, j.id, v.version, :now, r.started_at, r.yielded,
  e.id, e.name, e.payload, e.context, e.timestamp, e.is_test, a.id, a.metadata, e.source_id, e.source_metadata, r.is_retry,
  r.losses, r.fruitless, r.execution_ms - r.earlier_ms, j.limit_no
FROM runs r JOIN events e USING (event_no) JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no)
LEFT JOIN accounts a ON a.account_no = e.account_no
WHERE r.run_no = :run_no AND r.status = 'WAITING_TO_CONTINUE' AND (r.awaited_block IS NULL OR NOT EXISTS (
  SELECT 1 FROM tasks t WHERE t.run_no = r.run_no AND t.parent_id = r.awaited_block AND t.status = 'WAITING'));

-- name: claim_if_waiting
-- WAITING_TO_CONTINUE becomes EXECUTING.
UPDATE runs SET status = 'EXECUTING', epoch = epoch + 1, node_no = :node_no, why = NULL, updated_at = :now,
  executing_since = :now, fruitless = CASE WHEN :is_fruitful THEN 0 ELSE fruitless END
WHERE run_no = :run_no AND status = 'WAITING_TO_CONTINUE';

-- name: postpone_if_in_line
-- A run in line, but without code for it here, stays in line for later, or until that is there.
UPDATE runs SET available_at = :available_at, misses = :misses, why = :why, updated_at = :now
WHERE run_no = :run_no AND available_at IS NOT NULL;

-- name: put_off_if_in_line
-- A run in line stays in line for later, and nothing is counted against it.
UPDATE runs SET available_at = :available_at, misses = 0, why = :why, updated_at = :now
WHERE run_no = :run_no AND available_at IS NOT NULL;

-- name: list_postponed
-- A stretch of the runs in line behind one that was put off, with whether they were put off for want of the code of some
-- jobs (:job_nos, a JSON array of numbers): what is read is bounded, however many there are.
SELECT run_no, available_at, misses > 0 AND job_no IN (SELECT value FROM json_each(:job_nos)) FROM runs
WHERE available_at IS NOT NULL AND limit_no IS NULL AND (available_at, run_no) > (:at, :run_no)
ORDER BY available_at, run_no LIMIT :limit;

-- name: hasten_postponed
-- Runs in line that were put off for want of their code are due now (:run_nos, a JSON array). How often their app has failed
-- them stays as it is.
UPDATE runs SET available_at = :now, misses = 0, why = NULL, updated_at = :now
WHERE run_no IN (SELECT value FROM json_each(:run_nos)) AND available_at > :now AND misses > 0;

-- name: end_if_in_line
-- QUEUED or WAITING_TO_EXECUTE becomes one of the final statuses.
UPDATE runs SET status = :status, available_at = NULL, limit_no = NULL, updated_at = :now, completed_at = :now, error = :error
WHERE run_no = :run_no AND available_at IS NOT NULL
RETURNING id;

-- name: end_if_executing
-- EXECUTING becomes one of the final statuses; whether somebody is to be told, and, if that is asked, whether the run has
-- tasks without outcome.
UPDATE runs SET status = :status, node_no = NULL, limit_no = NULL, executing_since = NULL, updated_at = :now,
  completed_at = :now, execution_ms = execution_ms + max(0, :now - executing_since), output = :output, error = :error
WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING'
RETURNING (SELECT CASE WHEN :status = 'SUCCESS' THEN j.notify_success ELSE j.notify_failure END
    FROM jobs j WHERE j.job_no = runs.job_no)
  OR EXISTS (SELECT 1 FROM awaited_runs a WHERE a.run_no = runs.run_no AND a.notification IS NULL)
  OR EXISTS (SELECT 1 FROM run_callbacks c WHERE c.run_no = runs.run_no),
  :may_have_open AND EXISTS (SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.completed_at IS NULL);

-- name: suspend_if_executing
-- EXECUTING becomes WAITING_TO_CONTINUE.
UPDATE runs SET status = 'WAITING_TO_CONTINUE', node_no = NULL, limit_no = NULL, executing_since = NULL,
  updated_at = :now, execution_ms = execution_ms + max(0, :now - executing_since), failures = 0, misses = 0,
  losses = 0, fruitless = CASE WHEN :was_fruitful THEN 0 ELSE fruitless + 1 END, awaited_block = :awaited_block
WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING';

-- name: resume_unless_all_wait
-- WAITING_TO_CONTINUE becomes WAITING_TO_EXECUTE if one of the tasks it named is over or unknown, or it named none; a run
-- that waits for a whole block only if none in it waits.
UPDATE runs SET status = 'WAITING_TO_EXECUTE', available_at = :now
WHERE run_no = :run_no AND status = 'WAITING_TO_CONTINUE' AND :count <> (
  SELECT count(*) + (:count = 0) FROM tasks t WHERE t.id IN (SELECT value FROM json_each(:task_ids))
    AND +t.run_no = runs.run_no AND t.status = 'WAITING')
  AND (awaited_block IS NULL OR NOT EXISTS (
    SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.parent_id = runs.awaited_block AND t.status = 'WAITING'));

-- name: requeue_if_executing
-- EXECUTING becomes WAITING_TO_EXECUTE.
UPDATE runs SET status = 'WAITING_TO_EXECUTE', node_no = NULL, limit_no = NULL, executing_since = NULL, updated_at = :now,
  execution_ms = execution_ms + max(0, :now - executing_since), available_at = :available_at, why = :why,
  failures = :failures, misses = :misses,
  fruitless = CASE WHEN :was_fruitful THEN 0 ELSE fruitless + :is_fruitless END,
  losses = CASE WHEN :was_fruitful THEN 0 ELSE losses + :is_lost END
WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING';

-- name: find_counters
-- How often in a row a run came back without result, its code was not there, or it was lost; and the keys it yielded.
SELECT failures, misses, losses, yielded FROM runs WHERE run_no = :run_no;

-- name: keep_yielded
-- Remember the keys a run yielded: an execution of it has ended by itself.
UPDATE runs SET yielded = :yielded, losses = 0 WHERE run_no = :run_no;

-- name: find_warnings
-- The warnings of a run.
SELECT warnings FROM runs WHERE run_no = :run_no;

-- name: keep_warnings
-- Remember the warnings of a run.
UPDATE runs SET warnings = :warnings WHERE run_no = :run_no;

-- name: keep_run_properties
-- Remember what is to be shown of a run that an execution holds.
UPDATE runs SET properties = :properties, updated_at = :now
WHERE id = :id AND environment_no = :environment_no AND epoch = :epoch AND status = 'EXECUTING';

-- name: wake_run
-- WAITING_TO_CONTINUE becomes WAITING_TO_EXECUTE. A run at work stays so: its row
-- is written all the same, so that its execution, which is about to wait, and this wake cannot miss each other. One that
-- waits for a whole block stays, too, as long as any in it waits.
UPDATE runs SET status = CASE status WHEN 'EXECUTING' THEN status ELSE 'WAITING_TO_EXECUTE' END,
  available_at = CASE status WHEN 'EXECUTING' THEN NULL ELSE :now END,
  updated_at = CASE status WHEN 'EXECUTING' THEN updated_at ELSE :now END,
  fruitless = CASE WHEN :is_fruitful THEN 0 ELSE fruitless END
WHERE run_no = :run_no AND status IN ('WAITING_TO_CONTINUE', 'EXECUTING')
  AND (awaited_block IS NULL OR status = 'EXECUTING' OR NOT EXISTS (
    SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.parent_id = runs.awaited_block AND t.status = 'WAITING'))
RETURNING run_no, id, status, epoch, node_no;

-- name: cancel_if_active
-- Any status that is not final becomes CANCELED.
UPDATE runs SET status = 'CANCELED', node_no = NULL, limit_no = NULL, available_at = NULL, updated_at = :now, completed_at = :now,
  execution_ms = execution_ms + max(0, :now - coalesce(executing_since, :now)), executing_since = NULL
WHERE run_no = :run_no AND completed_at IS NULL;

-- name: lose_runs_of_node
-- EXECUTING becomes WAITING_TO_EXECUTE for every run this node held. A log line is no progress: each execution may
-- write another. A run whose code was in another process has not killed this one, and is not suspected of it.
UPDATE runs SET status = 'WAITING_TO_EXECUTE', node_no = NULL, limit_no = NULL, updated_at = :now, available_at = :now,
  execution_ms = execution_ms + max(0, :now - executing_since),
  fruitless = CASE WHEN EXISTS (
    SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.completed_at >= runs.executing_since
      AND t.operation <> 'log')
    THEN 0 ELSE fruitless + :is_fruitless END,
  losses = CASE WHEN EXISTS (
    SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.completed_at >= runs.executing_since
      AND t.operation <> 'log')
    THEN 0
    WHEN EXISTS (
    SELECT 1 FROM job_versions v JOIN endpoints e USING (endpoint_no)
    WHERE v.version_no = runs.version_no AND e.is_remote = 1)
    THEN losses ELSE losses + :is_fruitless END,
  executing_since = NULL
WHERE node_no = :node_no
RETURNING id;

-- name: list_overdue_runs
-- Runs a node holds that have been executed for so long in all, with the epochs of their executions.
SELECT run_no, id, epoch, execution_ms - earlier_ms + :now - executing_since FROM runs
WHERE node_no = :node_no AND execution_ms - earlier_ms + :now - executing_since >= :most;

-- name: list_held_runs
-- The runs a node holds, with the epochs of their executions.
SELECT run_no, id, epoch FROM runs WHERE node_no = :node_no;

-- name: find_run
-- A run by its id.
SELECT r.run_no, r.id, r.status, j.id, v.version, e.id, r.epoch, r.created_at, r.started_at, r.updated_at, r.completed_at,
  r.available_at, r.output, r.error, r.warnings, r.why, l.most, CASE WHEN l.kind <> 'JOB' THEN l.id END, r.properties
FROM runs r JOIN jobs j USING (job_no) JOIN job_versions v USING (version_no) JOIN events e USING (event_no)
LEFT JOIN concurrency_limits l ON l.limit_no = r.limit_no
WHERE r.id = :id AND r.environment_no = :environment_no;

-- name: list_run_states
-- Every run of an environment, in the order of their creation.
SELECT r.id, j.id, r.status, r.epoch FROM runs r JOIN jobs j USING (job_no) WHERE r.environment_no = :environment_no ORDER BY r.run_no;

-- name: find_run_no
-- The number of a run.
SELECT run_no FROM runs WHERE id = :id AND environment_no = :environment_no;

-- name: find_run_id
-- The id of a run.
SELECT id FROM runs WHERE run_no = :run_no;

-- name: find_run_writer
-- The number of a run, and who may write to it.
SELECT run_no, status, epoch FROM runs WHERE id = :id AND environment_no = :environment_no;

-- name: find_run_state
-- Who may write to a run.
SELECT status, epoch FROM runs WHERE run_no = :run_no;
