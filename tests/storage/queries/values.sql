-- name: insert_value
-- Fails if the key exists.
INSERT INTO key_values (environment_no, key, value, updated_at) VALUES (1, :key, :value, :at);

-- name: put_value
-- Its key.
INSERT INTO key_values (environment_no, key, value, updated_at) VALUES (1, :key, :value, :at)
ON CONFLICT (environment_no, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
RETURNING key;

-- name: append_value
UPDATE key_values SET value = value || :text WHERE environment_no = 1 AND key = :key;

-- name: increment_value
UPDATE key_values SET updated_at = updated_at + 1 WHERE environment_no = 1 AND key = :key RETURNING updated_at;

-- name: get_value
SELECT value, updated_at FROM key_values WHERE environment_no = 1 AND key = :key;

-- name: list_keys
SELECT key FROM key_values WHERE environment_no = 1 ORDER BY key;

-- name: touch_values
UPDATE key_values SET updated_at = :at WHERE environment_no = 1 AND key LIKE :pattern;

-- name: delete_values
DELETE FROM key_values WHERE environment_no = 1;

-- name: count_to
-- Takes as long as it is told to.
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)
SELECT count(*), (SELECT count(*) FROM key_values) FROM numbers;
