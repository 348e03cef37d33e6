"""The bare write path that ``ceiling`` drives: two tables, and one thread that commits for everyone who waits."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE runs (id TEXT PRIMARY KEY, status TEXT, epoch INTEGER, output TEXT) WITHOUT ROWID;
CREATE TABLE tasks (
    run TEXT, key TEXT, name TEXT, status TEXT, output TEXT, at REAL, PRIMARY KEY (run, key)
) WITHOUT ROWID;
"""
INSERT_RUN = "INSERT INTO runs VALUES (?, 'EXECUTING', 1, NULL)"
INSERT_TASK = "INSERT INTO tasks VALUES (?, ?, ?, 'COMPLETED', ?, ?)"
FINISH_RUN = "UPDATE runs SET status = 'SUCCESS', output = ? WHERE id = ? AND epoch = 1"
COUNT_TASKS = 'SELECT count(*) FROM tasks WHERE output = \'{"ok":true,"n":1}\''


class Writer:
    """One thread that commits everything waiting in one transaction, then wakes the loop once."""

    def __init__(self, path: Path) -> None:
        """Create the database and start the thread; call it on a running loop.

        Args:
            path: A file that does not exist yet.
        """
        self._database = apsw.Connection(str(path))
        self._database.execute(SCHEMA).fetchall()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[asyncio.Future[None], str, tuple[Any, ...]]] = deque()
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, sql: str, *values: Any) -> asyncio.Future[None]:
        """Write one row durably.

        Args:
            sql: A statement.
            *values: Its parameters.

        Returns:
            A future that is done once the row is committed.
        """
        done = self._loop.create_future()
        self._waiting.append((done, sql, values))
        self._wanted.set()
        return done

    def close(self) -> int:
        """Stop the thread and close the database.

        Returns:
            The number of steps whose result was recorded.
        """
        self._closing = True
        self._wanted.set()
        self._thread.join()
        recorded = int(self._database.execute(COUNT_TASKS).get)
        self._database.close()
        return recorded

    def _run(self) -> None:
        while not self._closing:
            self._wanted.wait()
            self._wanted.clear()
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if batch:
                self._commit([(sql, values) for _, sql, values in batch])
                self._loop.call_soon_threadsafe(self._wake, [done for done, _, _ in batch])

    def _commit(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            self._database.execute(sql, values)
        self._database.execute("COMMIT")

    @staticmethod
    def _wake(futures: list[asyncio.Future[None]]) -> None:
        for future in futures:
            future.set_result(None)
