"""Takes in what the executions of a process elsewhere have to store, many at once (`perdure.protocol.task_batches`)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from perdure.engine.task_checks import check_call, check_record, check_task_id
from perdure.errors import (
    InvalidArgumentError,
    NotFoundError,
    PerdureError,
    StaleExecutionError,
    StorageError,
    ValueTooLargeError,
)
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_batches import BatchOutcome
from perdure.storage import runs, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.callbacks import Callbacks
    from perdure.engine.holds import Hold, Holds, Tell
    from perdure.engine.state import State
    from perdure.engine.tasks import Result, Tasks
    from perdure.protocol.task_batches import BatchItem
    from perdure.storage.interface import Storage

_LARGEST_EPOCH = 2**53

_log = logging.getLogger(__name__)


class TaskBatches:
    """Stores what executions elsewhere ask for, each thing by itself: one that is refused spoils no other.

    Args:
        environment_no: Where the runs must be.
        storage: The database.
        holds: The executions of this node.
        tasks: Stores tasks.
        state: Does work on state.
        callbacks: Knows callback URLs.
    """

    def __init__(
        self, environment_no: int, storage: Storage, holds: Holds, *, tasks: Tasks, state: State, callbacks: Callbacks
    ) -> None:
        self._environment_no = environment_no
        self._storage = storage
        self._holds = holds
        self._tasks = tasks
        self._state = state
        self._callbacks = callbacks

    async def take(self, items: Sequence[BatchItem], tell: Tell | None = None) -> list[BatchOutcome | None]:
        """Store items; returns when all that is stored is durable.

        Of a run the items are stored in their order. Whoever does not know whether a batch was taken sends it again.

        Args:
            items: The items.
            tell: Tells whoever has sent them of waits that are over; ``None``: that cannot be.

        Raises:
            StorageError: The database cannot do it now; some items may be stored.
        """
        outcomes: list[BatchOutcome | None] = [None] * len(items)
        plain: list[tuple[int, Hold]] = []
        others: list[int] = []
        # Were some of a run's items stored apart from those before, they would not be in their order.
        with_others: set[str] = set()
        for place, item in enumerate(items):
            try:
                hold = self._check(item, tell)
            except ValueTooLargeError as error:
                outcomes[place] = BatchOutcome("output_too_large", error.message)
                continue
            except PerdureError as error:
                outcomes[place] = _refused(error)
                continue
            if hold is not None and _is_result(item) and item.run not in with_others:
                plain.append((place, hold))
            else:
                with_others.add(item.run)
                others.append(place)
        # Each gives its unit of work to the writer before it waits for the first time, in this order.
        if others and plain:
            again, _ = await asyncio.gather(self._store_results(items, plain), self._do_all(items, others, outcomes))
        elif plain:
            again = await self._store_results(items, plain)
        else:
            again = others
        await self._do_all(items, again, outcomes)
        return outcomes

    async def check_held(self, run_id: str, epoch: int) -> None:
        """See to it that a run is that execution's; another node may hold it.

        Raises:
            StaleExecutionError: It is not: the run has ended, waits, or another execution has it, or had it before the
                server was put back to a backup.
        """
        epoch = self._holds.number(epoch)
        hold = self._holds.find(run_id)
        if hold is not None and (hold.environment_no, hold.epoch) == (self._environment_no, epoch):
            return
        found = await self._storage.read(runs.find_writer, self._environment_no, run_id=run_id)
        if found is None or found[1:] != (RunStatus.EXECUTING, epoch):
            raise StaleExecutionError

    async def _do_all(
        self, items: Sequence[BatchItem], places: Sequence[int], outcomes: list[BatchOutcome | None]
    ) -> None:
        if places:
            done = await asyncio.gather(*(self._do(items[place]) for place in places), return_exceptions=True)
            for place, outcome in zip(places, done, strict=True):
                outcomes[place] = _refused(outcome) if isinstance(outcome, BaseException) else outcome

    def _check(self, item: BatchItem, tell: Tell | None) -> Hold | None:
        if not 0 <= item.epoch < _LARGEST_EPOCH:
            raise InvalidArgumentError("The number of an execution is a whole number.")
        item.epoch = self._holds.number(item.epoch)
        if item.url_of is not None:
            check_task_id(item.url_of)
            return None
        hold = self._holds.find(item.run)
        if hold is not None and hold.environment_no != self._environment_no:
            raise NotFoundError(f"There is no run {item.run!r:.80} in this environment.")
        if hold is not None and hold.epoch == item.epoch and tell is not None:
            hold.tell_by(tell)
        if item.record is None:
            if item.call is not None:
                raise InvalidArgumentError("Work on state has a record of its task.")
            return hold
        check_record(item.record)
        if item.call is not None:
            check_call(item.call)
        return hold

    async def _store_results(self, items: Sequence[BatchItem], plain: Sequence[tuple[int, Hold]]) -> list[int]:
        """Store new tasks with their results; the places of those that are not stored by that."""
        results: list[Result] = []
        for place, hold in plain:
            item = items[place]
            assert item.record is not None
            results.append((hold, item.epoch, item.record))
        try:
            stored = await self._tasks.record_results(results)
        except StorageError:
            raise
        except Exception:
            # One of them cannot be stored at all; which, they are to say each by itself.
            return [place for place, _ in plain]
        return [place for (place, _), is_stored in zip(plain, stored, strict=True) if not is_stored]

    async def _do(self, item: BatchItem) -> BatchOutcome | None:
        if item.url_of is not None:
            return await self._find_url(item.url_of)
        record = item.record
        if record is None:
            await self.check_held(item.run, item.epoch)
            return None
        if item.call is not None:
            outcome = await self._state.perform(self._environment_no, item.run, item.epoch, record, item.call)
            return BatchOutcome(state=outcome)
        record = self._tasks.checked(self._environment_no, record)
        await self._tasks.record(self._environment_no, item.run, item.epoch, record)
        return None

    async def _find_url(self, task_id: str) -> BatchOutcome:
        whose = await self._storage.read(tasks.find_environment, task_id)
        if whose not in (None, self._environment_no):
            raise NotFoundError("There is no such task in this environment.")
        return BatchOutcome(url=self._callbacks.url(task_id))


def _is_result(item: BatchItem) -> bool:
    record = item.record
    return (
        record is not None
        and record.status is TaskStatus.COMPLETED
        and record.is_new
        and record.wait is None
        and not record.ancestors
        and item.call is None
    )


def _refused(error: BaseException) -> BatchOutcome:
    if isinstance(error, StorageError) or not isinstance(error, Exception):
        raise error
    if isinstance(error, PerdureError):
        return BatchOutcome(error.code, error.message)
    _log.error("What an execution asked for could not be stored.", exc_info=error)
    return BatchOutcome("internal_error", "Something went wrong on the server; it has been logged.")
