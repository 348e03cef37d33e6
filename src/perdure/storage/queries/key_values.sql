-- name: find_key_value
-- A value by its key.
SELECT value FROM key_values WHERE environment_no = :environment_no AND key = :key;

-- name: find_key_value_text
-- A value by its key, and whether it stands for a text that is no JSON.
SELECT value, is_text FROM key_values WHERE environment_no = :environment_no AND key = :key;

-- name: key_value_exists
-- Whether there is a value.
SELECT 1 FROM key_values WHERE environment_no = :environment_no AND key = :key;

-- name: put_key_value
-- Store a value in place of what its key had.
INSERT INTO key_values (environment_no, key, value, is_text, updated_at)
VALUES (:environment_no, :key, :value, :is_text, :now)
ON CONFLICT (environment_no, key) DO UPDATE SET
  value = excluded.value, is_text = excluded.is_text, updated_at = excluded.updated_at;

-- name: delete_key_value
-- Delete a value, if there is one.
DELETE FROM key_values WHERE environment_no = :environment_no AND key = :key;

-- name: delete_some_key_values
-- Delete some values of an owner: their keys lie between these two.
DELETE FROM key_values WHERE (environment_no, key) IN (
  SELECT environment_no, key FROM key_values WHERE environment_no = :environment_no AND key >= :first AND key < :beyond
  LIMIT :limit);

-- name: list_key_values
-- Keys from one on, in their order, with the sizes of their values in bytes.
SELECT key, octet_length(value), updated_at FROM key_values
WHERE environment_no = :environment_no AND key >= :first
ORDER BY key LIMIT :limit;
