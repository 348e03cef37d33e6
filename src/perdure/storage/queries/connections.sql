-- name: put_connection
-- Store a connection in place of the one that its integration and account had; its id and when it was made stay.
INSERT INTO connections (environment_no, id, integration, account_id, type, sealed, created_at, updated_at)
VALUES (:environment_no, :id, :integration, :account_id, :type, :sealed, :now, :now)
ON CONFLICT (environment_no, integration, account_id) DO UPDATE SET
  type = excluded.type, sealed = excluded.sealed, updated_at = excluded.updated_at
RETURNING connection_no, id, integration, account_id, type, sealed, created_at, updated_at;

-- name: find_connection
-- A connection by its id.
SELECT connection_no, id, integration, account_id, type, sealed, created_at, updated_at FROM connections
WHERE id = :id AND environment_no = :environment_no;

-- name: list_connections_of_account
-- The connections of an account, or without one of the environment, to these integrations (:integrations, a JSON array).
SELECT connection_no, id, integration, account_id, type, sealed, created_at, updated_at FROM connections
WHERE environment_no = :environment_no AND account_id = :account_id
  AND integration IN (SELECT value FROM json_each(:integrations));

-- name: list_connections
-- Connections from one on, in the order of their creation.
SELECT connection_no, id, integration, account_id, type, sealed, created_at, updated_at FROM connections
WHERE environment_no = :environment_no AND connection_no >= :first
ORDER BY connection_no LIMIT :limit;

-- name: delete_connection
-- Delete a connection.
DELETE FROM connections WHERE id = :id AND environment_no = :environment_no;

-- name: await_connections_if_executing
-- EXECUTING becomes WAITING_ON_CONNECTIONS. An execution that has not begun has not started the run, either; one before
-- it may have done that, within the same millisecond even.
UPDATE runs SET status = 'WAITING_ON_CONNECTIONS', node_no = NULL, limit_no = NULL, executing_since = NULL,
  updated_at = :now, execution_ms = execution_ms + max(0, :now - executing_since), why = :why,
  started_at = CASE WHEN started_at < executing_since OR EXISTS (
    SELECT 1 FROM executions e WHERE e.run_no = runs.run_no AND e.started_at >= runs.started_at
      AND e.status <> 'UNREACHABLE')
    THEN started_at END
WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING';

-- name: keep_lacking
-- Remember that a run lacks a connection.
INSERT INTO lacking_runs (run_no, integration, environment_no, account_id)
VALUES (:run_no, :integration, :environment_no, :account_id);

-- name: forget_lacking
-- Forget what runs (:run_nos, a JSON array) lack.
DELETE FROM lacking_runs WHERE run_no IN (SELECT value FROM json_each(:run_nos));

-- name: queue_some_unconnected
-- WAITING_ON_CONNECTIONS becomes QUEUED, for some runs after the run of that number.
UPDATE runs SET status = 'QUEUED', available_at = :now, why = NULL, updated_at = :now
WHERE status = 'WAITING_ON_CONNECTIONS' AND run_no IN (
  SELECT run_no FROM runs
  WHERE environment_no = :environment_no AND status = 'WAITING_ON_CONNECTIONS' AND run_no > :after
  ORDER BY run_no LIMIT :limit)
RETURNING run_no, id;

-- name: queue_some_connected
-- WAITING_ON_CONNECTIONS becomes QUEUED, for some runs after the run of that number that lacked this connection and lack no
-- other one.
UPDATE runs SET status = 'QUEUED', available_at = :now, why = NULL, updated_at = :now
WHERE status = 'WAITING_ON_CONNECTIONS' AND run_no IN (
  SELECT l.run_no FROM lacking_runs l JOIN runs r USING (run_no)
  WHERE l.environment_no = :environment_no AND l.integration = :integration AND l.account_id = :account_id
    AND l.run_no > :after AND r.status = 'WAITING_ON_CONNECTIONS'
    AND NOT EXISTS (
      SELECT 1 FROM lacking_runs other WHERE other.run_no = l.run_no AND NOT EXISTS (
        SELECT 1 FROM connections c WHERE c.environment_no = other.environment_no
          AND c.integration = other.integration AND c.account_id = other.account_id))
  ORDER BY l.run_no LIMIT :limit)
RETURNING run_no, id;
