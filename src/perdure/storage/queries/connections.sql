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
-- EXECUTING becomes WAITING_ON_CONNECTIONS.
UPDATE runs SET status = 'WAITING_ON_CONNECTIONS', node_no = NULL, limit_no = NULL, executing_since = NULL,
  updated_at = :now, execution_ms = execution_ms + max(0, :now - executing_since), why = :why
WHERE run_no = :run_no AND epoch = :epoch AND status = 'EXECUTING';

-- name: queue_some_unconnected
-- WAITING_ON_CONNECTIONS becomes QUEUED, for some runs of an account, or without one, after the run of that number; if
-- :is_any, of whichever account.
UPDATE runs SET status = 'QUEUED', available_at = :now, why = NULL, updated_at = :now
WHERE status = 'WAITING_ON_CONNECTIONS' AND run_no IN (
  SELECT r.run_no FROM runs r JOIN events e USING (event_no) LEFT JOIN accounts a ON a.account_no = e.account_no
  WHERE r.environment_no = :environment_no AND r.status = 'WAITING_ON_CONNECTIONS' AND r.run_no > :after
    AND (:is_any OR coalesce(a.id, '') = :account_id)
  ORDER BY r.run_no LIMIT :limit)
RETURNING run_no, id;
