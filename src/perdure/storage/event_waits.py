"""Tasks that wait for an event, found by its name and, where a filter allows it, by one value of its payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Sequence

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
) -> None:
    """Let a task wait for an event; ``path`` and ``value`` say what its payload must hold where, or are empty."""
    await tx.run(
        "insert_event_wait", environment_no, name, path, value, source, account_id, filter, context_filter, task_id
    )


async def list_paths(tx: Session, environment_no: int, *, name: str) -> list[str]:
    """List the places in the payload by which waits for events of this name can be found; ``""``: by none."""
    return [cast("tuple[str]", row)[0] for row in await tx.all("list_event_wait_paths", environment_no, name)]


async def list_event_waits(
    tx: Session, environment_no: int, *, name: str, path: str, value: str, after: int, limit: int
) -> Sequence[EventWaitRow]:
    """List waits found by name, place and value, in the order of their tasks."""
    rows = await tx.all("list_event_waits", environment_no, name, path, value, after, limit)
    return [EventWaitRow(*cast("tuple[int, str, str | None, JsonText | None, JsonText | None]", row)) for row in rows]


async def list_names(tx: Session, *, limit: int) -> list[tuple[int, str]]:
    """List the events that are waited for, by environment and name."""
    return [cast("tuple[int, str]", row) for row in await tx.all("list_event_wait_names", limit)]


async def delete_event_wait(tx: Session, *, task_no: int) -> None:
    """Let a task wait for no event any more."""
    await tx.run("delete_event_wait", task_no)
