-- name: keep_endpoint_url
-- Create an endpoint, or change where it is; of another place it is not known how long it lets an execution take.
INSERT INTO endpoints (environment_no, id, url, is_signed, created_at, updated_at)
VALUES (:environment_no, :id, :url, :is_signed, :now, :now)
ON CONFLICT (environment_no, id) DO UPDATE
SET chunk_ms = CASE WHEN url IS excluded.url THEN chunk_ms END, url = excluded.url, is_signed = excluded.is_signed, updated_at = excluded.updated_at
RETURNING endpoint_no, id, url, is_signed, chunk_ms, created_at, updated_at;

-- name: move_endpoint_url
-- Change where an app is.
UPDATE endpoints SET url = :url, updated_at = :now WHERE environment_no = :environment_no AND id = :id AND url IS NOT NULL;

-- name: list_endpoints_with_url
-- Where the apps of an environment are, by id.
SELECT endpoint_no, id, url, is_signed, chunk_ms, created_at, updated_at FROM endpoints
WHERE environment_no = :environment_no AND url IS NOT NULL ORDER BY id LIMIT :limit;

-- name: has_endpoint
-- Whether an environment has ever had an app with this id, wherever its code is.
SELECT 1 FROM endpoints WHERE environment_no = :environment_no AND id = :id;

-- name: keep_endpoint_chunk
-- Remember how long the platform of an app lets an execution take.
UPDATE endpoints SET chunk_ms = :chunk_ms WHERE environment_no = :environment_no AND id = :id AND url IS NOT NULL;

-- name: remove_endpoint_url
-- Forget where an app is.
UPDATE endpoints SET url = NULL WHERE environment_no = :environment_no AND id = :id AND url IS NOT NULL;
