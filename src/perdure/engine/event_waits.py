"""Tasks that wait for an event: which of them an event ends."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from perdure.engine.waits import Resolved, Settlement, Waking, settle_waits
from perdure.protocol.event_filter import CompiledFilter, compile_event_filter
from perdure.protocol.filter_keys import NO_KEY, filter_key, values_at
from perdure.protocol.json_text import JsonText, load
from perdure.protocol.messages.instant import Instant
from perdure.storage import event_waits, events, tasks, timers
from perdure.storage.events import EventRow, NewEvent
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from perdure.protocol.task_waits import EventWait
    from perdure.storage.event_waits import EventWaitRow
    from perdure.storage.interface import Session

BATCH = 1000
"""How many waits an event ends in one transaction."""

_PAGE = 500
_encode = msgspec.json.Encoder().encode


async def register_event_wait(
    tx: Session, environment_no: int, task_id: str, wait: EventWait, *, until: datetime | None = None
) -> None:
    """Let a task wait for an event that is delivered before ``until``; ``None``: for as long as the task waits."""
    path, value = NO_KEY if wait.filter is None else filter_key(load(wait.filter))
    await event_waits.insert_event_wait(
        tx, task_id, environment_no=environment_no, name=wait.name, path=path, value=value, source=wait.source,
        account_id=wait.account_id, filter=wait.filter, context_filter=wait.context_filter, until=until,
    )  # fmt: skip


async def end_waits(
    tx: Session, environment_no: int, event: NewEvent | EventRow, *, now: datetime
) -> tuple[list[Resolved], bool]:
    """End the waits for an event that has just been delivered; whether there are more, for later transactions."""
    ended = await find_ended(tx, environment_no, event, at=now)
    if len(ended) > BATCH:
        # Only those that waited when it was delivered: later ones wait for another.
        below = await tasks.find_next_number(tx)
        event_no = await events.keep_waits_below(tx, environment_no, event_id=event.id, below=below)
        await timers.set_timer(tx, TimerKind.WAITS, subject_no=event_no, due_at=now)
    return await settle_waits(tx, ended[:BATCH], now=now), len(ended) > BATCH


async def end_more_waits(tx: Session, event_no: int, *, now: datetime) -> Waking[None]:
    """End further waits for an event that was delivered earlier."""
    found = await events.find_with_waits(tx, event_no)
    if found is None:
        await timers.delete_timer(tx, TimerKind.WAITS, subject_no=event_no)
        return Waking(None)
    event, below = found
    # Waits whose time has come meanwhile were there when it was delivered.
    ended = await find_ended(tx, event.environment_no, event, at=event.delivered_at or now, below=below)
    if len(ended) <= BATCH:
        await timers.delete_timer(tx, TimerKind.WAITS, subject_no=event_no)
    return Waking(None, await settle_waits(tx, ended[:BATCH], now=now))


async def find_ended(
    tx: Session, environment_no: int, event: NewEvent | EventRow, *, at: datetime, below: int | None = None
) -> list[Settlement]:
    """Find the waits that an event ends, at most one more than `BATCH`.

    Args:
        tx: The transaction.
        environment_no: The environment.
        event: The event.
        at: When it was delivered.
        below: Only waits of tasks before that number.
    """
    paths = await event_waits.list_paths(tx, environment_no, name=event.name)
    if not paths:
        return []
    search = _Search(event, load(event.payload), load(event.context), at, below)
    for path in paths:
        for value in [""] if path == "" else values_at(path, search.payload):
            await search.collect(tx, environment_no, path, value)
    return search.ended


class _Search(Struct):
    """An event that looks for those who wait for it."""

    event: NewEvent | EventRow
    payload: Any
    context: Any
    at: datetime
    below: int | None
    ended: list[Settlement] = []
    output: JsonText | None = None

    async def collect(self, tx: Session, environment_no: int, path: str, value: str) -> None:
        """Collect those who are found by this value and whose filters hold."""
        after = 0
        while len(self.ended) <= BATCH:
            page = await event_waits.list_event_waits(
                tx, environment_no, name=self.event.name, path=path, value=value, after=after, at=self.at, limit=_PAGE
            )
            for row in page:
                if (self.below is None or row.task_no < self.below) and self._matches(row):
                    self._end(row)
            if len(page) < _PAGE:
                return
            after = page[-1].task_no

    def _end(self, row: EventWaitRow) -> None:
        if self.output is None:
            self.output = _output(self.event)
        if len(self.ended) <= BATCH:
            self.ended.append(Settlement(row.task_no, self.output))

    def _matches(self, row: EventWaitRow) -> bool:
        event = self.event
        return (
            row.source == event.source
            and (row.account_id is None or row.account_id == event.account_id)
            and (row.filter is None or _compiled(row.filter).matches(self.payload))
            and (row.context_filter is None or _compiled(row.context_filter).matches(self.context))
        )


@lru_cache(maxsize=4096)
def _compiled(text: JsonText) -> CompiledFilter:
    return compile_event_filter(load(text), lenient=True)


def _output(event: NewEvent | EventRow) -> JsonText:
    """Write the event as the task's output (v2 protocol, section 8.3)."""
    shown: dict[str, Any] = {
        "id": event.id,
        "source": event.source,
        "name": event.name,
        "payload": msgspec.Raw(event.payload.encode()),
        "context": msgspec.Raw(event.context.encode()),
        "timestamp": Instant.of(event.timestamp).wire_text(),
    }
    if event.account_id is not None:
        shown["accountId"] = event.account_id
    return JsonText(_encode(shown).decode())
