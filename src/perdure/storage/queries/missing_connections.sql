-- name: note_missing_connection
-- Note that a connection is missing, unless that is known, or it has come.
INSERT INTO missing_connections (environment_no, id, integration, account_id, created_at)
SELECT :environment_no, :id, :integration, :account_id, :now WHERE NOT EXISTS (
  SELECT 1 FROM connections
  WHERE environment_no = :environment_no AND integration = :integration AND account_id = :account_id)
ON CONFLICT (environment_no, integration, account_id) DO NOTHING
RETURNING id, integration, account_id, created_at;

-- name: list_noted_missing
-- Of which of these integrations (:integrations, a JSON array) it is known that their connections are missing.
SELECT integration FROM missing_connections
WHERE environment_no = :environment_no AND account_id = :account_id
  AND integration IN (SELECT value FROM json_each(:integrations));

-- name: take_missing_connection
-- Forget that a connection is missing: it is there.
DELETE FROM missing_connections
WHERE environment_no = :environment_no AND integration = :integration AND account_id = :account_id
RETURNING id, integration, account_id, created_at;
