-- name: insert_api_key
-- Add a key to an environment, as its hash.
INSERT INTO api_keys (environment_no, id, kind, hash, sealed, last_four, created_at)
VALUES (:environment_no, :id, :kind, :hash, :sealed, :last_four, :now);

-- name: list_api_keys
-- The keys of an environment, newest first, those that were given last of several at once before the others.
SELECT id, kind, hash, sealed, last_four, created_at, expires_at, used_at FROM api_keys
WHERE environment_no = :environment_no ORDER BY api_key_no DESC LIMIT :limit;

-- name: find_api_key
-- A key of an environment.
SELECT id, kind, hash, sealed, last_four, created_at, expires_at, used_at FROM api_keys
WHERE environment_no = :environment_no AND id = :id;

-- name: expire_api_key_if_valid
-- Let a key expire, not later than it would.
UPDATE api_keys SET expires_at = CASE WHEN expires_at IS NULL OR expires_at > :expires_at THEN :expires_at ELSE expires_at END
WHERE environment_no = :environment_no AND id = :id AND (expires_at IS NULL OR expires_at > :now);

-- name: revoke_api_key_if_valid
-- Let a key expire now, and forget it.
UPDATE api_keys SET expires_at = :now, sealed = NULL
WHERE environment_no = :environment_no AND id = :id AND (expires_at IS NULL OR expires_at > :now);

-- name: keep_api_key_use
-- Note when a key was used last.
UPDATE api_keys SET used_at = :now WHERE environment_no = :environment_no AND id = :id;

-- name: count_api_keys
-- How many keys an environment has.
SELECT count(*) FROM api_keys WHERE environment_no = :environment_no;

-- name: delete_expired_api_keys
-- Forget the keys of an environment that expired long ago.
DELETE FROM api_keys WHERE environment_no = :environment_no AND expires_at < :before;
