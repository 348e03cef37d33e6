-- name: insert_event
-- Store an event unless its id exists; its number.
INSERT INTO events (environment_no, id, name, source, payload, context, payload_type, timestamp, account_no, is_internal,
  created_at, updated_at, deliver_at, delivered_at, is_unmatched)
VALUES (:environment_no, :id, :name, :source, :payload, :context, :payload_type, :timestamp, :account_no, :is_internal,
  :now, :now, :deliver_at, :delivered_at, :is_unmatched)
ON CONFLICT DO NOTHING
RETURNING event_no;

-- name: keep_event_source
-- Remember what the runs of an event are told of where it comes from.
UPDATE events SET source_id = :source_id, source_metadata = :source_metadata WHERE event_no = :event_no;

-- name: keep_event_context
-- Note what became of a request.
UPDATE events SET context = :context WHERE event_no = :event_no;

-- name: replace_event_if_far
-- Give an event whose delivery is at least until :far away another content and time.
UPDATE events SET payload = :payload, context = :context, deliver_at = :deliver_at, updated_at = :now
WHERE environment_no = :environment_no AND id = :id
  AND delivered_at IS NULL AND cancelled_at IS NULL AND deliver_at >= :far
RETURNING event_no;

-- name: find_event
-- An event by the sender's id.
SELECT e.event_no, e.id, e.name, e.source, e.payload, e.context, e.timestamp, e.deliver_at, e.delivered_at, e.cancelled_at,
  e.created_at, e.updated_at, e.environment_no, a.id, e.is_unmatched
FROM events e LEFT JOIN accounts a USING (account_no)
WHERE e.environment_no = :environment_no AND e.id = :id;

-- name: list_due_events
-- Events whose timer is due, first due first, of these environments (a JSON array of numbers). The plus keeps SQLite
-- from walking through every timer of this kind.
SELECT e.event_no, e.id, e.name, e.source, e.payload, e.context, e.timestamp, e.deliver_at, e.delivered_at, e.cancelled_at,
  e.created_at, e.updated_at, e.environment_no, a.id, e.is_unmatched
FROM timers t JOIN events e ON e.event_no = t.subject_no LEFT JOIN accounts a USING (account_no)
WHERE t.due_at <= :now AND +t.kind = 'EVENT' AND e.environment_no IN (SELECT value FROM json_each(:environment_nos))
ORDER BY t.due_at, t.subject_no LIMIT :limit;

-- name: deliver_if_pending
-- Mark an event delivered, if it is still the one that was matched (:seen_at).
UPDATE events SET delivered_at = :now, updated_at = :now
WHERE event_no = :event_no AND delivered_at IS NULL AND cancelled_at IS NULL AND updated_at = :seen_at;

-- name: note_unmatched
-- An event that was delivered was so to nobody.
UPDATE events SET is_unmatched = 1 WHERE environment_no = :environment_no AND id = :id;

-- name: cancel_event_if_unmatched
-- An event that was delivered to nobody counts as one that was not delivered; its number.
UPDATE events SET cancelled_at = :now, delivered_at = NULL, is_unmatched = 0, updated_at = :now
WHERE environment_no = :environment_no AND id = :id AND is_unmatched
RETURNING event_no;

-- name: cancel_event_if_pending
-- An event that was not delivered never will be; its number.
UPDATE events SET cancelled_at = :now, updated_at = :now
WHERE environment_no = :environment_no AND id = :id AND delivered_at IS NULL AND cancelled_at IS NULL
RETURNING event_no;

-- name: list_runs_of_event
-- The runs that an event started, oldest first.
SELECT r.id, j.id, r.status, r.started_at, r.completed_at FROM runs r JOIN jobs j USING (job_no)
WHERE r.event_no = :event_no ORDER BY r.run_no;

-- name: keep_waits_below
-- An event still ends waits of tasks before this number; the event's number.
UPDATE events SET waits_below = :below WHERE environment_no = :environment_no AND id = :id
RETURNING event_no;

-- name: find_event_with_waits
-- An event that still ends waits.
SELECT e.event_no, e.id, e.name, e.source, e.payload, e.context, e.timestamp, e.deliver_at, e.delivered_at, e.cancelled_at,
  e.created_at, e.updated_at, e.environment_no, a.id, e.is_unmatched, e.waits_below
FROM events e LEFT JOIN accounts a USING (account_no)
WHERE e.event_no = :event_no AND e.waits_below IS NOT NULL;
