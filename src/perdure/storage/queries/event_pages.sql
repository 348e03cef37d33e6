-- name: events_from
-- A stretch of events from a number downwards, newest first, each with null if it is of another environment or name
-- (:name, or null for any), or one that the platform made and none of those is asked for, or no
-- request and only those are asked for (:requests).
SELECT event_no, CASE WHEN environment_no = :environment_no AND (:name IS NULL OR name = :name)
  AND (:internal OR NOT is_internal) AND (NOT :requests OR payload_type = 'REQUEST') THEN 1 END
FROM events WHERE event_no <= :first
ORDER BY event_no DESC LIMIT :limit;

-- name: pending_events_from
-- The same of events whose delivery lies ahead: they have timers.
SELECT t.subject_no, CASE WHEN e.environment_no = :environment_no AND (:name IS NULL OR e.name = :name)
  AND (:internal OR NOT e.is_internal) AND (NOT :requests OR e.payload_type = 'REQUEST') THEN 1 END
FROM timers t JOIN events e ON e.event_no = t.subject_no WHERE t.kind = 'EVENT' AND t.subject_no <= :first
ORDER BY t.subject_no DESC LIMIT :limit;

-- name: sizes_of_events
-- What events hold in bytes (:event_nos, a JSON array), newest first.
SELECT event_no, octet_length(payload), octet_length(context) FROM events
WHERE event_no IN (SELECT value FROM json_each(:event_nos)) ORDER BY event_no DESC;

-- name: list_events_by_number
-- Events by their numbers (:event_nos, a JSON array), newest first.
SELECT e.event_no, e.id, e.name, e.source, e.payload, e.context, e.timestamp, e.deliver_at, e.delivered_at, e.cancelled_at,
  e.created_at, e.updated_at, e.environment_no, a.id, e.is_unmatched
FROM json_each(:event_nos) n JOIN events e ON e.event_no = n.value LEFT JOIN accounts a USING (account_no)
ORDER BY e.event_no DESC;
