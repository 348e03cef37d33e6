-- name: insert_request_delivery
-- A request is to be handed to the app of a source.
INSERT INTO request_deliveries (event_no, source_no, due_at) VALUES (:event_no, :source_no, :due_at);

-- name: next_request_due
-- When the first request is due.
SELECT min(due_at) FROM request_deliveries;

-- name: list_due_requests
-- Requests that are due, first come first. Those of a source that is no webhook are handed over one at a time: the answer
-- to one goes with the next.
SELECT d.event_no FROM request_deliveries d JOIN sources s USING (source_no)
WHERE d.due_at <= :now AND (s.kind = 'WEBHOOK' OR NOT EXISTS (
  SELECT 1 FROM request_deliveries o WHERE o.source_no = d.source_no
    AND ((o.is_out = 1 AND o.due_at > :now) OR (o.due_at <= :now AND o.event_no < d.event_no))))
ORDER BY d.event_no LIMIT :limit;

-- name: take_request_if_due
-- A node begins to hand it over: if it dies, it is due again later.
UPDATE request_deliveries SET attempts = attempts + 1, is_out = 1, due_at = :due_at
WHERE event_no = :event_no AND due_at <= :now
RETURNING event_no, source_no, attempts, (SELECT e.id FROM events e WHERE e.event_no = request_deliveries.event_no),
  (SELECT e.payload FROM events e WHERE e.event_no = request_deliveries.event_no);

-- name: postpone_request_if_taken
-- What a node tried to hand over in this attempt is due again later. One that could not even begin does not count.
UPDATE request_deliveries SET attempts = attempts - :uncounted, is_out = 0, due_at = :due_at
WHERE event_no = :event_no AND attempts = :attempts AND is_out = 1;

-- name: delete_request_if_taken
-- What a node tried to hand over in this attempt was, or was tried too often.
DELETE FROM request_deliveries WHERE event_no = :event_no AND attempts = :attempts AND is_out = 1;

-- name: hasten_requests
-- What was put off is due now, since an app of the environment has just been there.
UPDATE request_deliveries SET due_at = :now
WHERE is_out = 0 AND due_at > :now
  AND source_no IN (SELECT s.source_no FROM sources s WHERE s.environment_no = :environment_no);

-- name: hasten_lost_requests
-- What a node that is gone was handing over is due now.
UPDATE request_deliveries SET is_out = 0, due_at = :now WHERE is_out = 1;
