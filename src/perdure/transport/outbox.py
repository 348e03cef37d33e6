"""What the executions of a process have to store, on its way to a platform of perdure's: many at once.

While a request is under way, what comes gathers for the next one, as commits do in a database.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from functools import partial
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from perdure.errors import NotConnectedError, PerdureError, StaleExecutionError
from perdure.protocol.task_batches import BatchItem, BatchOutcome, pack
from perdure.transport.batch_requests import BatchRequests, PackedBatch, read_outcomes
from perdure.transport.line_connection import LineError
from perdure.transport.node_errors import Refused, error_of
from perdure.transport.wire_execution import WireExecution
from perdure.transport.wire_link import REQUEST_SECONDS

if TYPE_CHECKING:
    from perdure.transport.line_connection import LineAnswer
    from perdure.transport.wire_link import WireLink

ITEMS_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 1024 * 1024
"""How much goes into one request; a single item may be larger."""

ROOM: Final = 10_000
ROOM_BYTES: Final = 64 * 1024 * 1024
"""How much may wait; the largest single item fits many times."""

_STOPS: Final = "The app stops."
_REFUSED: Final = 409
_WELL: Final = 200


class Entry(Struct, eq=False, gc=False):
    """An item on its way; ``execution``: whose it is. Numbers are in the order in which items were put in."""

    number: int
    item: BatchItem
    packed: Raw
    done: asyncio.Future[BatchOutcome | None]
    execution: WireExecution | None


class Outbox:
    """Sends what executions ask for, in its order, and tells each what became of it; for one event loop.

    One request is under way at a time. Two were no faster: what is in the second is not in the first.

    Args:
        link: The way to the platform.
        outlives_servers: Whether what is there is kept while the platform is started anew. What waits for that keeps
            its execution, and where that is a request in a thread, the thread.
    """

    def __init__(self, link: WireLink, *, outlives_servers: bool = True) -> None:
        self._link = link
        self._requests = BatchRequests(link, outlives_servers=outlives_servers)
        self._waiting: list[Entry] = []
        self._sending: asyncio.Task[None] | None = None
        self._on_line: list[Entry] = []
        # By the number of an execution that the platform does not know any more, what it had to store.
        self._held: dict[int, list[Entry]] = {}
        self._numbers = count()
        # Of what waits or is held.
        self._size = 0
        self._is_closed = False
        self._loop = asyncio.get_running_loop()

    async def put(self, item: BatchItem, execution: WireExecution | None = None) -> BatchOutcome | None:
        """Put an item in; returns when the platform has done it. Cancelling this changes nothing: it is sent.

        Args:
            item: What is to be stored.
            execution: Whose it is. While the platform does not know that under its number, and it may yet get another,
                its items wait, and are sent anew with that, in their order.

        Raises:
            NotConnectedError: The platform does not answer, or too much is waiting already.
            PerdureError: The platform refuses it: what the same call raises in a node's own process.
        """
        if self._is_closed:
            raise NotConnectedError(_STOPS)
        if len(self._waiting) >= ROOM or self._size >= ROOM_BYTES:
            raise NotConnectedError(f"{len(self._waiting):,} tasks wait already for the server to store them.")
        done: asyncio.Future[BatchOutcome | None] = self._loop.create_future()
        packed = Raw(pack(item))
        self._waiting.append(Entry(next(self._numbers), item, packed, done, execution))
        self._size += len(packed)
        if self._sending is None and not self._on_line:
            self._begin()
        outcome = await done
        if outcome is not None and outcome.code is not None:
            raise error_of(_REFUSED, Refused(outcome.error or "", outcome.code), url=self._link.url)
        return outcome

    async def url_of(self, task_id: str) -> str:
        """Ask for the callback URL of a task that is not stored yet; errors are those of `put`."""
        outcome = await self.put(BatchItem("", 0, url_of=task_id))
        if outcome is None or outcome.url is None:
            raise PerdureError("The server has not told where the task gets its result.")
        return outcome.url

    def close(self) -> None:
        """Send nothing more."""
        self._is_closed = True
        sending, self._sending = self._sending, None
        if sending is not None:
            # If it has not begun, it does nothing more, not even tell whoever waits.
            sending.cancel()
        self._stop(self._on_line)

    def _begin(self) -> None:
        line = self._link.open_line()
        if line is None or len(self._waiting[0].packed) > BYTES_AT_ONCE:
            self._sending = self._loop.create_task(self._send_all(), context=Context())
            return
        # Nothing is between the step and its batch, nor between the answer and who waits for it: a step of one run
        # after the other takes as long as they do.
        self._on_line = self._take()
        batch = pack(PackedBatch([entry.packed for entry in self._on_line]))
        line.send(batch, self._take_answer, seconds=REQUEST_SECONDS)

    def _take_answer(self, answer: LineAnswer | LineError) -> None:
        taken, self._on_line = self._on_line, []
        if not taken:
            return
        if isinstance(answer, LineError) or answer.status != _WELL:
            # Whatever it is, the whole of it comes again, the usual way.
            self._put_first(taken)
            self._sending = self._loop.create_task(self._send_all(), context=Context())
            return
        try:
            self._tell(taken, read_outcomes(answer.body, len(taken)))
        except PerdureError as error:
            _fail(taken, error)
        if self._waiting:
            self._begin()

    def _stop(self, taken: list[Entry]) -> None:
        held = [entry for entries in self._held.values() for entry in entries]
        _fail([*taken, *self._waiting, *held], NotConnectedError(_STOPS))
        self._waiting.clear()
        self._held.clear()
        self._on_line = []
        self._size = 0

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                taken = self._take()
                try:
                    outcomes = await self._requests.send([entry.packed for entry in taken])
                except Exception as error:
                    _fail(taken, error)
                except asyncio.CancelledError:
                    self._stop(taken)
                    raise
                else:
                    self._tell(taken, outcomes)
        finally:
            self._sending = None

    def _take(self) -> list[Entry]:
        size, most = 0, 0
        for entry in self._waiting[:ITEMS_AT_ONCE]:
            if most and size + len(entry.packed) > BYTES_AT_ONCE:
                break
            size += len(entry.packed)
            most += 1
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        self._size -= size
        return taken

    def _put_first(self, entries: list[Entry]) -> None:
        self._waiting[:0] = entries
        self._size += sum(len(entry.packed) for entry in entries)

    def _tell(self, taken: list[Entry], outcomes: list[BatchOutcome | None]) -> None:
        again: list[Entry] = []
        for entry, outcome in zip(taken, outcomes, strict=True):
            if outcome is not None and outcome.code == StaleExecutionError.code and entry.execution is not None:
                if entry.item.epoch != entry.execution.epoch:
                    again.append(entry)
                    continue
                if entry.execution.may_be_renewed:
                    self._hold(entry, entry.execution)
                    continue
            if entry.execution is not None and (outcome is None or outcome.code is None):
                entry.execution.is_known = True
                if entry.item.record is not None:
                    entry.execution.note_stored(entry.item.record)
            if not entry.done.done():
                entry.done.set_result(outcome)
        if again:
            self._renumber(again)

    def _hold(self, entry: Entry, execution: WireExecution) -> None:
        """Keep an item until its execution has another number."""
        self._held.setdefault(execution.number, []).append(entry)
        self._size += len(entry.packed)
        execution.on_change = partial(self._release, execution)
        assert execution.doubt is not None
        execution.doubt()

    def _release(self, execution: WireExecution) -> None:
        held = self._held.pop(execution.number, [])
        self._size -= sum(len(entry.packed) for entry in held)
        if execution.is_let_go:
            _fail(held, StaleExecutionError())
        elif held:
            self._renumber(held)
            if self._sending is None and not self._on_line:
                self._begin()

    def _renumber(self, entries: list[Entry]) -> None:
        """Let what was refused wait in its place, and all of its executions under the numbers that they have now."""
        executions = {entry.execution.number for entry in entries if entry.execution is not None}
        waiting, self._waiting, self._size = (
            self._waiting,
            [],
            self._size - sum(len(one.packed) for one in self._waiting),
        )
        for entry in (*entries, *waiting):
            execution = entry.execution
            if execution is not None and execution.number in executions and execution.epoch is not None:
                entry.item = replace(entry.item, epoch=execution.epoch)
                entry.packed = Raw(pack(entry.item))
        self._put_first(sorted([*entries, *waiting], key=attrgetter("number")))


def _fail(entries: list[Entry], error: Exception) -> None:
    for entry in entries:
        if not entry.done.done():
            entry.done.set_exception(error)
            # Whoever was to read it may have gone.
            entry.done.exception()
