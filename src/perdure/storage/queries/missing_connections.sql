-- name: note_missing_connection
-- Note that a connection is missing, unless that is known, or it has come; one that was there meanwhile is missing anew.
INSERT INTO missing_connections (environment_no, id, integration, account_id, created_at)
SELECT :environment_no, :id, :integration, :account_id, :now WHERE NOT EXISTS (
  SELECT 1 FROM connections
  WHERE environment_no = :environment_no AND integration = :integration AND account_id = :account_id)
ON CONFLICT (environment_no, integration, account_id) DO UPDATE SET
  id = CASE WHEN is_resolved THEN excluded.id ELSE id END,
  is_told = CASE WHEN is_resolved THEN 0 ELSE is_told END,
  created_at = CASE WHEN is_resolved THEN excluded.created_at ELSE created_at END,
  is_resolved = 0
RETURNING id, integration, account_id, is_told, created_at;

-- name: list_told_missing
-- Of which of these integrations (:integrations, a JSON array) it is told that their connections are missing.
SELECT integration FROM missing_connections
WHERE environment_no = :environment_no AND account_id = :account_id AND is_told = 1 AND is_resolved = 0
  AND integration IN (SELECT value FROM json_each(:integrations));

-- name: keep_missing_told
-- Note that it is told that a connection is missing.
UPDATE missing_connections SET is_told = 1 WHERE id = :id;

-- name: resolve_missing_connection
-- Note that a connection is there that was missing.
UPDATE missing_connections SET is_resolved = 1
WHERE environment_no = :environment_no AND integration = :integration AND account_id = :account_id;

-- name: list_resolved_missing
-- Connections that were missing and are there now, of which nobody has been told.
SELECT id, integration, account_id, is_told, created_at FROM missing_connections
WHERE environment_no = :environment_no AND is_resolved = 1 ORDER BY missing_no LIMIT :limit;

-- name: forget_resolved_missing
-- Forget a connection that is missing no more.
DELETE FROM missing_connections WHERE id = :id AND is_resolved = 1;
