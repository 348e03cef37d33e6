-- name: list_sealed_secrets
-- What of an environment is encrypted, some of each kind, the newest first: the kind, whose it is, and the ciphertext.
SELECT * FROM (
  SELECT 'api_keys', id, NULL, sealed FROM api_keys
  WHERE environment_no = :environment_no AND sealed IS NOT NULL ORDER BY api_key_no DESC LIMIT :limit)
UNION ALL SELECT * FROM (
  SELECT 'connections', integration, account_id, sealed FROM connections
  WHERE environment_no = :environment_no ORDER BY connection_no DESC LIMIT :limit)
UNION ALL SELECT * FROM (
  SELECT 'sources', id, NULL, secret FROM sources
  WHERE environment_no = :environment_no AND secret IS NOT NULL ORDER BY source_no DESC LIMIT :limit)
UNION ALL SELECT * FROM (
  SELECT 'requests', t.id, NULL, o.secrets FROM operations o JOIN tasks t USING (task_no) JOIN runs r USING (run_no)
  WHERE r.environment_no = :environment_no AND o.secrets IS NOT NULL ORDER BY o.task_no DESC LIMIT :limit);
