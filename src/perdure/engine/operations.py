"""Work that the engine does itself: requests on behalf of tasks, many at once, none of them in a transaction.

A task that waits for one has a row that says when the next request is due, or which node is at it and until when. What
a request comes to is stored in one transition with the task, and wakes its run. A node that dies leaves its rows
behind, and the requests are made again: each at least once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from perdure.engine.operation_steps import put_off, release_held, settle_operation
from perdure.engine.requeues import back_off
from perdure.engine.verdicts import Verdict, about
from perdure.errors import FetchFailedError, StorageUnavailableError
from perdure.protocol.operations import Fetch, Poll, read_operation
from perdure.storage import operations
from perdure.storage.operations import OperationRow

if TYPE_CHECKING:
    from perdure.engine.attempts import Attempts
    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.line import Line
    from perdure.engine.secret_box import SecretBox
    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.task_waits import Operation
    from perdure.storage.interface import Storage

LEASE_MARGIN: Final = timedelta(seconds=15)
"""How much longer than its request may take a node may be at an operation before it counts as dead."""

_log = logging.getLogger(__name__)


class Plan(Struct, frozen=True):
    """An operation about to be stored; ``node_no``: this node begins with it at once."""

    work: Fetch | Poll
    secrets: bytes | None
    lease: timedelta
    due_at: datetime
    node_no: int | None


class Operations:
    """The requests under way on this node: at most ``limit`` at once.

    Attributes:
        is_in_doubt: Whether this node may hold more than it knows of, by the database's word.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        line: Line,
        hints: Hints,
        secrets: SecretBox,
        attempts: Attempts,
        *,
        node_no: int,
        limit: int,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._line = line
        self._hints = hints
        self._secrets = secrets
        self._attempts = attempts
        self._node_no = node_no
        self._limit = limit
        # What is done for one run must not be taken for a branch of another.
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._of_run: dict[str, set[int]] = {}
        self._reserved = 0
        self._is_open = True
        self._has_backlog = False
        self.is_in_doubt = False

    def at_work(self) -> list[asyncio.Task[None]]:
        """The requests under way."""
        return list(self._at_work.values())

    # On their way in.

    def check(self, environment_no: int, record: TaskRecord, wait: Operation) -> None:
        """Refuse work that can be seen to fail.

        Raises:
            RunError: The task's params do not say what to do, or what they say may not be.
        """
        self._attempts.check(environment_no, read_operation(record.operation, record.params, wait.secrets))

    def plan(self, record: TaskRecord, wait: Operation, now: datetime) -> Plan:
        """Prepare to store a task whose work the engine does, and take room for it if there is some.

        Raises:
            InvalidArgumentError: The task's params do not say what to do.
        """
        work = read_operation(record.operation, record.params, wait.secrets)
        secrets = None if wait.secrets is None else self._secrets.seal(wait.secrets, of=record.id)
        lease = timedelta(seconds=work.request.timeout) + LEASE_MARGIN
        due_at = now if record.delay_until is None else record.delay_until
        # Whoever is due already comes first.
        if due_at > now or self._has_backlog or not self._room():
            return Plan(work, secrets, lease, due_at, None)
        self._reserved += 1
        return Plan(work, secrets, lease, now + lease, self._node_no)

    def take_up(
        self, plan: Plan, record: TaskRecord, *, task_no: int | None, run_no: int, run_id: str, environment_no: int
    ) -> None:
        """Begin what was stored as planned; ``task_no`` is ``None`` if it was stored before."""
        if plan.node_no is None:
            self._hints.operation_is_due(plan.due_at)
            return
        self._reserved -= 1
        if task_no is None:
            if self._has_backlog:
                # Who came while the room was taken found none, and it was not needed.
                self._hints.operations.set()
            return
        shown = record.display_key if record.display_key is not None else record.name
        row = OperationRow(
            task_no, run_no, run_id, record.id, record.operation, shown, record.key, record.params, record.attempts,
            record.started_at, 1, 0, plan.secrets, environment_no,
        )  # fmt: skip
        self._begin(row, plan.work)

    def give_up(self, plan: Plan) -> None:
        """Give the room back: it is not known whether the operation was stored."""
        if plan.node_no is not None:
            self._reserved -= 1
            self.is_in_doubt = True
            self._hints.operations.set()

    async def take_due(self) -> bool:
        """Begin with operations that are due, as far as there is room; whether there was any."""
        room = self._room()
        self._has_backlog = room == 0
        if not room:
            return False
        now = self._clock.now()
        try:
            taken = await self._storage.write(operations.take_due, node_no=self._node_no, now=now, limit=room)
        except BaseException:
            # By the database's word this node may be at them, until it counts as dead.
            self.is_in_doubt = True
            raise
        for row in taken:
            self._begin(row)
        return True

    def _room(self) -> int:
        return max(0, self._limit - len(self._at_work) - self._reserved) if self._is_open else 0

    async def reconcile(self) -> None:
        """Let what this node holds by the database's word, but does not know of, be due."""
        self.is_in_doubt = False
        try:
            held = await self._storage.write(operations.list_held, self._node_no)
            # Units of work finish in their order: whatever was stored before this one has been begun by now.
            unknown = [task_no for task_no in held if task_no not in self._at_work]
            if unknown:
                await self._storage.write(operations.release, unknown, now=self._clock.now())
        except BaseException:
            self.is_in_doubt = True
            raise

    # At work.

    def _begin(self, row: OperationRow, work: Fetch | Poll | None = None) -> None:
        # The clock may have passed the lease of one that is still under way here.
        if row.task_no in self._at_work:
            return
        task = self._loop.create_task(self._perform(row, work), context=self._context.copy())
        self._at_work[row.task_no] = task
        self._of_run.setdefault(row.run_id, set()).add(row.task_no)

    async def _perform(self, row: OperationRow, work: Fetch | Poll | None) -> None:
        began = self._clock.monotonic()
        try:
            verdict = await self._attempts.make(row, work)
            await self._store(row, verdict, timedelta(seconds=self._clock.monotonic() - began))
        except Exception as error:
            _log.exception("What came of %s %r of run %s cannot be stored.", row.operation, row.shown, row.run_id)
            failure = FetchFailedError(f"its outcome could not be stored: {type(error).__name__}.")
            await self._store(row, Verdict(error=about(row, failure)), timedelta())
        finally:
            self._forget(row)

    async def _store(self, row: OperationRow, verdict: Verdict, spent: timedelta) -> None:
        """Store what came of an attempt, however long the database cannot."""
        failures = 0
        while True:
            now = self._clock.now()
            try:
                if verdict.again_at is None:
                    await self._line.wake(1, settle_operation, row, verdict, spent=spent, now=now)
                else:
                    await self._storage.write(put_off, row, verdict, now=now)
                    self._hints.operation_is_due(verdict.again_at)
                    self._hints.run_has_changed(row.run_id)
                return
            except StorageUnavailableError:
                failures += 1
                await self._clock.wait(asyncio.Event(), self._clock.now() + back_off(failures))

    def _forget(self, row: OperationRow) -> None:
        self._at_work.pop(row.task_no, None)
        others = self._of_run.get(row.run_id)
        if others is not None:
            others.discard(row.task_no)
            if not others:
                del self._of_run[row.run_id]
        if self._has_backlog:
            self._hints.operations.set()

    # Their end.

    def run_has_ended(self, run_id: str) -> None:
        """Cut the requests of a run that has ended: nobody waits for them."""
        for task_no in self._of_run.get(run_id, ()):
            self._at_work[task_no].cancel()

    async def cut(self) -> None:
        """Cut every request and begin no more."""
        self._is_open = False
        tasks = self.at_work()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._attempts.close()

    async def stop(self) -> None:
        """Cut every request, and let them be made again by whoever comes next."""
        await self.cut()
        # If that fails, whoever comes next finds that this node is gone.
        with suppress(StorageUnavailableError):
            await self._storage.write(release_held, node_no=self._node_no, now=self._clock.now())
