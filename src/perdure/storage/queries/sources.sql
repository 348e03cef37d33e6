-- name: put_source
-- Create a webhook or a source, or change what is wanted of it; its number.
INSERT INTO sources (environment_no, endpoint_no, id, kind, key, params, desired, account_no, dynamic_id, registration,
  registration_metadata, hosted)
VALUES (:environment_no, :endpoint_no, :id, :kind, :key, :params, :desired, :account_no, :dynamic_id, :registration,
  :registration_metadata, :hosted)
ON CONFLICT (environment_no, kind, key) DO UPDATE SET endpoint_no = excluded.endpoint_no, params = excluded.params,
  desired = excluded.desired, account_no = excluded.account_no, dynamic_id = excluded.dynamic_id,
  registration = excluded.registration, registration_metadata = excluded.registration_metadata,
  hosted = excluded.hosted
RETURNING source_no;

-- name: find_endpoint_number
-- The number of an app.
SELECT endpoint_no FROM endpoints WHERE environment_no = :environment_no AND id = :id;

-- name: find_source_by_number
-- A webhook or a source.
SELECT s.source_no, s.environment_no, e.id, s.id, s.kind, s.key, s.params, s.desired, s.registered, s.data, s.metadata,
  s.secret, s.active, a.id, s.dynamic_id, s.registration, s.registration_metadata, s.hosted
FROM sources s JOIN endpoints e USING (endpoint_no) LEFT JOIN accounts a ON a.account_no = s.account_no
WHERE s.source_no = :source_no;

-- name: find_source
-- A webhook or a source by its key.
SELECT source_no FROM sources WHERE environment_no = :environment_no AND kind = :kind AND key = :key;

-- name: find_source_by_id
-- A source by its id.
SELECT source_no FROM sources WHERE id = :id;

-- name: keep_registered
-- What is wanted of a source is wanted no longer, or has come to be registered with the vendor.
UPDATE sources SET registered = :registered WHERE source_no = :source_no;

-- name: activate_source
-- A source is registered with the vendor. What is not given stays.
UPDATE sources SET active = 1, registered = :registered, data = coalesce(:data, data), secret = coalesce(:secret, secret)
WHERE source_no = :source_no;

-- name: keep_webhook
-- A webhook is registered with the vendor, or no longer.
UPDATE sources SET active = :active, registered = coalesce(:registered, registered) WHERE source_no = :source_no;

-- name: keep_source_metadata
-- Remember what the app answered to the last request.
UPDATE sources SET metadata = :metadata WHERE source_no = :source_no;
