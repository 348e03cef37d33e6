-- name: put_http_endpoint
-- Create an HTTP endpoint, or change it: the app that declared it last has it.
INSERT INTO http_endpoints (environment_no, endpoint_no, key, source, enabled, response_filter, skips_runs, delivery_id)
VALUES (:environment_no, :endpoint_no, :key, :source, :enabled, :response_filter, :skips_runs, :delivery_id)
ON CONFLICT (environment_no, key) DO UPDATE SET endpoint_no = excluded.endpoint_no, source = excluded.source,
  enabled = excluded.enabled, response_filter = excluded.response_filter, skips_runs = excluded.skips_runs,
  delivery_id = excluded.delivery_id;

-- name: disable_undeclared_http_endpoints
-- Let an app's HTTP endpoints rest, except of those it declares (:keys, a JSON array).
UPDATE http_endpoints SET enabled = 0
WHERE environment_no = :environment_no AND endpoint_no = :endpoint_no AND enabled = 1
  AND key NOT IN (SELECT value FROM json_each(:keys));

-- name: find_http_endpoint
-- An HTTP endpoint that is enabled, with the app that has it.
SELECT h.http_endpoint_no, h.key, h.source, e.id, h.response_filter, h.skips_runs, h.delivery_id
FROM http_endpoints h JOIN endpoints e USING (endpoint_no)
WHERE h.environment_no = :environment_no AND h.key = :key AND h.enabled = 1;

-- name: list_http_endpoints
-- The HTTP endpoints of an environment that are enabled, by key.
SELECT h.http_endpoint_no, h.key, h.source, e.id, h.response_filter, h.skips_runs, h.delivery_id
FROM http_endpoints h JOIN endpoints e USING (endpoint_no)
WHERE h.environment_no = :environment_no AND h.enabled = 1 ORDER BY h.key LIMIT :limit;
