"""What must hold of every database that a node has left, asked of the file itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ORACLES = {
    "runs that nothing would ever wake": """
        SELECT id, status FROM runs WHERE completed_at IS NULL AND available_at IS NULL
          AND NOT (status = 'WAITING_TO_CONTINUE' AND EXISTS (
            SELECT 1 FROM tasks t WHERE t.run_no = runs.run_no AND t.status = 'WAITING' AND (
              EXISTS (SELECT 1 FROM timers w WHERE w.subject_no = t.task_no
                      AND w.kind IN ('TASK', 'CALLBACK_TIMEOUT'))
              OR EXISTS (SELECT 1 FROM awaited_runs a JOIN runs c USING (run_no)
                         WHERE a.task_no = t.task_no AND a.notification IS NULL AND c.completed_at IS NULL)
              OR EXISTS (SELECT 1 FROM operations o WHERE o.task_no = t.task_no)
              OR t.operation IN ('wait_for_request', 'wait_for_event') AND t.params LIKE '%"timeout":null%')))""",
    "runs that a node holds which is gone": "SELECT id FROM runs WHERE node_no IS NOT NULL",
    "ended runs with open tasks": """
        SELECT r.id, t.name, t.status FROM runs r JOIN tasks t USING (run_no)
        WHERE r.completed_at IS NOT NULL AND t.completed_at IS NULL""",
    "tasks of a successful run that waited for nothing": """
        SELECT r.id, t.name, t.status FROM runs r JOIN tasks t USING (run_no)
        WHERE r.status = 'SUCCESS' AND t.status IN ('PENDING', 'RUNNING')""",
    "timers of tasks that do not wait": """
        SELECT t.id FROM timers w JOIN tasks t ON t.task_no = w.subject_no
        WHERE w.kind IN ('TASK', 'CALLBACK_TIMEOUT') AND t.status <> 'WAITING'""",
    "operations of tasks that do not wait, or that a node is at which is gone": """
        SELECT t.id FROM operations o JOIN tasks t USING (task_no)
        WHERE t.status <> 'WAITING' OR o.node_no IS NOT NULL""",
    "schedules that should tick and have no timer, or the other way round": """
        SELECT s.key FROM schedules s
        WHERE (s.active = 1 AND EXISTS (SELECT 1 FROM scheduled_jobs j WHERE j.dispatcher_no = s.dispatcher_no))
          <> EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'SCHEDULE' AND t.subject_no = s.schedule_no)""",
    "ticks that did not start each of their jobs once": """
        SELECT t.tick_at FROM schedule_ticks t JOIN events e USING (event_no)
        WHERE e.created_at < t.tick_at OR EXISTS (
          SELECT 1 FROM runs r WHERE r.event_no = t.event_no GROUP BY r.job_no HAVING count(*) > 1)""",
    "event waits of tasks that do not wait": """
        SELECT t.id FROM event_waits w JOIN tasks t USING (task_no) WHERE t.status <> 'WAITING'""",
    "waits for runs of tasks that do not wait": """
        SELECT t.id FROM awaited_runs a JOIN tasks t USING (task_no) WHERE t.status <> 'WAITING'""",
    "runs that have ended though a task waits for them": """
        SELECT r.id FROM awaited_runs a JOIN runs r USING (run_no)
        WHERE a.notification IS NULL AND r.completed_at IS NOT NULL""",
    "runs that take a place of a limit and are not at work": """
        SELECT id FROM runs WHERE limit_no IS NOT NULL AND node_no IS NULL AND available_at IS NULL""",
    "tasks whose enclosing task is unknown": """
        SELECT t.id FROM tasks t WHERE t.parent_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM tasks p WHERE p.id = t.parent_id AND p.run_no = t.run_no)""",
    "outcomes older than those of tasks inside": """
        SELECT p.name, t.name FROM tasks t JOIN tasks p ON p.id = t.parent_id
        WHERE p.status = 'COMPLETED' AND t.status = 'COMPLETED' AND p.completed_at < t.completed_at
          AND t.operation <> 'callback'""",
}


def check_database(path: Path) -> None:
    """Fail if something stored could not have come about, or would never go on."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for sentence, query in ORACLES.items():
            assert (sentence, database.execute(query).fetchall()) == (sentence, [])
