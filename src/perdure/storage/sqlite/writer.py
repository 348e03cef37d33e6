"""The one thread that writes: all units of work waiting are committed in one transaction.

A sync to disk costs hundreds of times what a unit of work does, so the writer takes whatever is waiting when it comes
back from one, runs it between one ``BEGIN IMMEDIATE`` and one ``COMMIT``, and then wakes the loop once for all of it.
The busier the loop, the larger the batches.

A failed unit must be undone alone. A savepoint around each would do it and costs 13 % of the throughput; but units
rarely fail, and a transition may be run again. So a batch first runs without savepoints; if a unit of it fails, all is
rolled back and the batch runs again with them. When SQLite itself ended the transaction, as it may on a full disk, or
when the commit failed, the batch fails as a whole.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

import apsw

from perdure.errors import StorageCorruptError, StorageError, StorageUnavailableError
from perdure.storage.sqlite.failures import translate, translate_commit
from perdure.storage.sqlite.session import SqliteSession, drive

if TYPE_CHECKING:
    import asyncio
    from datetime import timedelta

    from perdure.storage.sqlite.connections import Connection
    from perdure.storage.sqlite.limits import Limits

_SAID_AGAIN_AFTER: Final = 60.0
"""For how many seconds the log does not say again that nothing can be stored: everybody tries again and again."""

_log = logging.getLogger("perdure.storage")

Unit = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Failure:
    """What a unit of work that failed has in place of a result."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Upkeep(Protocol):
    """What a database needs done by its writer between batches."""

    def after_commit(self) -> None:
        """Look whether what was just committed may be acknowledged; raises a `StorageError` if not."""
        ...

    def when_idle(self) -> bool:
        """Tidy up when nothing has been written for a while; whether to try again after as long."""
        ...

    def before_close(self) -> None:
        """Tidy up for the last time."""
        ...


class Writer:
    """Commits units of work in the order in which they were given."""

    def __init__(self, connection: Connection, session: SqliteSession, upkeep: Upkeep, limits: Limits) -> None:
        self._connection = connection
        self._session = session
        self._upkeep = upkeep
        self._largest_batch = limits.largest_batch
        self._longest_queue = limits.longest_queue
        self._idle_after = limits.idle_after.total_seconds()
        self._waiting: SimpleQueue[Unit | None] = SimpleQueue()
        self._says_from = 0.0
        self._thread = threading.Thread(target=self._work, name="perdure-writer", daemon=True)
        self._thread.start()

    def give(
        self,
        loop: asyncio.AbstractEventLoop,
        transition: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> asyncio.Future[Any]:
        """Put a unit of work in line; its future is done when it is durable or has failed.

        Cancelling the future changes nothing: what was given is run, in its turn.

        Raises:
            StorageUnavailableError: Too many units are waiting.
        """
        if self._waiting.qsize() >= self._longest_queue:
            raise StorageUnavailableError(
                f"{self._longest_queue} writes are waiting for the disk already; try again later."
            )
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.put((future, transition, args, kwargs))
        return future

    def close(self, timeout: timedelta) -> bool:
        """Commit what is waiting and close the connection; whether that was done in time."""
        self._waiting.put(None)
        self._thread.join(timeout.total_seconds())
        return not self._thread.is_alive()

    def _work(self) -> None:
        rest: float | None = self._idle_after
        is_open = True
        while is_open:
            try:
                first = self._waiting.get(timeout=rest)
            except Empty:
                if not self._upkeep.when_idle():
                    rest = None
                continue
            batch, is_open = self._fill_batch(first)
            if batch:
                self._answer(batch, self._commit(batch))
            rest = self._idle_after
        self._upkeep.before_close()
        with contextlib.suppress(apsw.Error):
            self._connection.close()

    def _fill_batch(self, first: Unit | None) -> tuple[list[Unit], bool]:
        taken = [first]
        for _ in range(min(self._waiting.qsize(), self._largest_batch - 1)):
            taken.append(self._waiting.get_nowait())
        # Also one whose future was cancelled: later ones may have been given on the strength of it.
        return [unit for unit in taken if unit is not None], None not in taken

    def _answer(self, batch: Sequence[Unit], outcomes: Sequence[Any]) -> None:
        try:  # noqa: SIM105 — a step waits for it, and three calls more are as long as the work itself
            batch[0][0].get_loop().call_soon_threadsafe(_wake, batch, outcomes)
        except RuntimeError:
            # A loop that has been closed has nobody left who waits.
            pass

    def _commit(self, batch: Sequence[Unit]) -> list[Any]:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            outcomes = self._run_together(batch)
            if outcomes is None:
                self._roll_back()
                execute("BEGIN IMMEDIATE")
                outcomes = self._run_apart(batch)
            self._end_transaction()
            self._upkeep.after_commit()
        except BaseException as error:
            failure = Failure(self._explain(error))
            self._tell(failure.error)
            self._roll_back()
            return [failure] * len(batch)
        return outcomes

    def _end_transaction(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            raise translate_commit(error, self._connection) from error

    def _run_together(self, batch: Sequence[Unit]) -> list[Any] | None:
        session = self._session
        try:
            return [drive(transition(session, *args, **kwargs)) for _, transition, args, kwargs in batch]
        except BaseException:
            return None

    def _run_apart(self, batch: Sequence[Unit]) -> list[Any]:
        execute = self._connection.execute
        outcomes: list[Any] = []
        for _, transition, args, kwargs in batch:
            execute("SAVEPOINT unit")
            try:
                outcomes.append(drive(transition(self._session, *args, **kwargs)))
            except BaseException as error:
                if not self._connection.in_transaction:
                    raise
                execute("ROLLBACK TO unit")
                self._tell(error)
                outcomes.append(Failure(error))
            execute("RELEASE unit")
        return outcomes

    def _tell(self, error: BaseException) -> None:
        """Say in the log that nothing can be stored: whoever wanted it may only wait, and say nothing."""
        if isinstance(error, (StorageUnavailableError, StorageCorruptError)) and time.monotonic() >= self._says_from:
            self._says_from = time.monotonic() + _SAID_AGAIN_AFTER
            _log.error("The database takes no writes. %s", error.message)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK")

    def _explain(self, error: BaseException) -> StorageError:
        if isinstance(error, StorageError):
            return error
        failure = (
            translate(error, self._connection)
            if isinstance(error, apsw.Error)
            else StorageUnavailableError(f"The database lost a transaction: {error}.")
        )
        failure.__cause__ = error
        return failure


def _wake(batch: Sequence[Unit], outcomes: Sequence[Any]) -> None:
    for unit, outcome in zip(batch, outcomes, strict=True):
        future = unit[0]
        if future.done():
            continue
        if type(outcome) is Failure:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)
