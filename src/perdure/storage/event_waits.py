"""Tasks that wait for an event, found by its name and, where a filter allows it, by one value of its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.json_text import JsonText
from perdure.storage.instants import to_due_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.storage.interface import Session


class EventWaitRow(Struct, frozen=True, gc=False):
    """A task that waits for an event."""

    task_no: int
    source: str
    account_id: str | None
    filter: JsonText | None
    context_filter: JsonText | None


async def insert_event_wait(
    tx: Session,
    task_id: str,
    *,
    environment_no: int,
    name: str,
    path: str,
    value: str,
    source: str,
    account_id: str | None,
    filter: JsonText | None,
    context_filter: JsonText | None,
    until: datetime | None,
) -> None:
    """Let a task wait for an event; ``path`` and ``value`` say what its payload must hold where, or are empty.

    Events that are delivered at ``until`` or later do not end it.
    """
    await tx.run(
        "insert_event_wait", environment_no, name, path, value, source, account_id, filter, context_filter,
        None if until is None else to_due_ms(until), task_id,
    )  # fmt: skip


async def list_paths(tx: Session, environment_no: int, *, name: str) -> list[str]:
    """List the places in the payload by which waits for events of this name can be found; ``""``: by none."""
    first, last = cast("tuple[str | None, str]", await tx.one("find_event_wait_paths", environment_no, name))
    if first is None or first == last:
        # Mostly so, and found in less than half the time.
        return [] if first is None else [first]
    return [cast("tuple[str]", row)[0] for row in await tx.all("list_event_wait_paths", environment_no, name)]


async def list_event_waits(
    tx: Session, environment_no: int, *, name: str, path: str, value: str, after: int, at: datetime, limit: int
) -> Sequence[EventWaitRow]:
    """List waits found by name, place and value that had not ended at an instant, in the order of their tasks."""
    rows = await tx.all("list_event_waits", environment_no, name, path, value, after, to_ms(at), limit)
    return [EventWaitRow(*cast("tuple[int, str, str | None, JsonText | None, JsonText | None]", row)) for row in rows]


async def list_names(tx: Session, *, limit: int) -> list[tuple[int, str]]:
    """List the events that are waited for, by environment and name."""
    return [cast("tuple[int, str]", row) for row in await tx.all("list_event_wait_names", limit)]


async def has_event_wait(tx: Session, *, task_no: int, now: datetime) -> bool:
    """Whether a task waits for an event that may still come."""
    return await tx.one("has_event_wait", task_no, to_ms(now)) is not None


async def delete_event_wait(tx: Session, *, task_no: int) -> None:
    """Let a task wait for no event any more."""
    await tx.run("delete_event_wait", task_no)
