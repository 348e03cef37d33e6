-- name: set_timer
-- Let something be due, in place of when it was due before.
INSERT INTO timers (due_at, kind, subject_no) VALUES (:due_at, :kind, :subject_no)
ON CONFLICT (kind, subject_no) DO UPDATE SET due_at = excluded.due_at;

-- name: set_task_timer
-- Let a task be due, in place of when it was due before.
INSERT INTO timers (due_at, kind, subject_no) SELECT :due_at, :kind, task_no FROM tasks WHERE id = :task_id
ON CONFLICT (kind, subject_no) DO UPDATE SET due_at = excluded.due_at;

-- name: delete_task_timer
-- A task is not due any more.
DELETE FROM timers WHERE kind = 'TASK' AND subject_no = (SELECT task_no FROM tasks WHERE id = :task_id);

-- name: delete_timer
-- Nothing is due any more.
DELETE FROM timers WHERE kind = :kind AND subject_no = :subject_no;

-- name: next_timer_due
-- When the first timer is due.
SELECT min(due_at) FROM timers;

-- name: next_timer_due_after
-- When the first timer is due that is due after an instant.
SELECT min(due_at) FROM timers WHERE due_at > :after;

-- name: take_due_timers
-- Take the due timers of a kind, first due first; the numbers of their subjects. The plus keeps SQLite from walking
-- through every timer of this kind instead of the due ones.
DELETE FROM timers WHERE (kind, subject_no) IN (
  SELECT kind, subject_no FROM timers WHERE due_at <= :now AND +kind = :kind ORDER BY due_at, subject_no LIMIT :limit)
RETURNING subject_no;

-- name: list_due_timers
-- The due timers of a kind, first due first. The plus as above.
SELECT subject_no FROM timers WHERE due_at <= :now AND +kind = :kind ORDER BY due_at, subject_no LIMIT :limit;
