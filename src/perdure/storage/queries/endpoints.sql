-- name: keep_endpoint_url
-- Create an endpoint, or change where it is.
INSERT INTO endpoints (environment_no, id, url, is_signed, created_at, updated_at)
VALUES (:environment_no, :id, :url, :is_signed, :now, :now)
ON CONFLICT (environment_no, id) DO UPDATE
SET url = excluded.url, is_signed = excluded.is_signed, updated_at = excluded.updated_at
RETURNING endpoint_no, id, url, is_signed, created_at, updated_at;

-- name: move_endpoint_url
-- Change where an app is.
UPDATE endpoints SET url = :url, updated_at = :now WHERE environment_no = :environment_no AND id = :id AND url IS NOT NULL;

-- name: list_endpoints_with_url
-- Where the apps of an environment are, by id.
SELECT endpoint_no, id, url, is_signed, created_at, updated_at FROM endpoints
WHERE environment_no = :environment_no AND url IS NOT NULL ORDER BY id LIMIT :limit;

-- name: has_endpoint
-- Whether an environment has ever had an app with this id, wherever its code is.
SELECT 1 FROM endpoints WHERE environment_no = :environment_no AND id = :id;

-- name: remove_endpoint_url
-- Forget where an app is.
UPDATE endpoints SET url = NULL WHERE environment_no = :environment_no AND id = :id AND url IS NOT NULL;
