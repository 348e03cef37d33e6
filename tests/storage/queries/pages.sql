-- name: fill_events
-- As many events, of which the first has a name of its own and every second was made by the platform.
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)
INSERT INTO events (event_no, environment_no, id, name, source, payload, context, timestamp, is_internal, created_at,
  updated_at, deliver_at, delivered_at)
SELECT n, :environment_no, 'e' || n, CASE WHEN n = 2 THEN 'rare' ELSE 'usual' END, 's', '{}', '{}', n, n % 2, n, n, n, n
FROM numbers WHERE n > 1;

-- name: fill_runs
-- A run of each that ended well.
INSERT INTO runs (id, environment_no, job_no, version_no, event_no, status, created_at, updated_at, completed_at)
SELECT 'run_' || event_no, environment_no, :job_no, :version_no, event_no, 'SUCCESS', event_no, event_no, event_no
FROM events WHERE event_no > 1 ORDER BY event_no;

-- name: give_status
-- Another status for runs between two numbers.
UPDATE runs SET status = :status, completed_at = :completed_at, available_at = :available_at
WHERE run_no >= :first AND run_no <= :last;

-- name: give_environment
-- Another environment for a run.
UPDATE runs SET environment_no = :environment_no WHERE run_no = :run_no;

-- name: give_outputs
-- Let every run hold as much.
UPDATE runs SET output = printf('%.*c', :size, '1');

-- name: give_payloads
-- Let every event hold as much, and a little more.
UPDATE events SET payload = printf('%.*c', :size, '1'), context = '{}';
