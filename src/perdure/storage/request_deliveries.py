"""Requests on their way to the app of a source, which makes events of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.storage.instants import from_ms_or_none, to_due_ms, to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


class RequestDelivery(Struct, frozen=True, gc=False):
    """A request that a node hands over now: the event that it is, and its payload."""

    event_no: int
    source_no: int
    attempts: int
    event_id: str
    payload: JsonText


async def insert(tx: Session, event_no: int, *, source_no: int, now: datetime) -> None:
    """Have a request handed to the app of a source, at once."""
    await tx.run("insert_request_delivery", event_no, source_no, to_ms(now))


async def next_due(tx: Session) -> datetime | None:
    """When the first request is due."""
    row = await tx.one("next_request_due")
    return None if row is None else from_ms_or_none(cast("tuple[int | None]", row)[0])


async def take_due(tx: Session, *, now: datetime, due_again_at: datetime, limit: int) -> list[RequestDelivery]:
    """Take requests that are due; if they are not dealt with, they are due again at ``due_again_at``."""
    taken: list[RequestDelivery] = []
    for row in await tx.all("list_due_requests", to_ms(now), limit):
        (event_no,) = cast("tuple[int]", row)
        found = await tx.one("take_request_if_due", to_due_ms(due_again_at), event_no, to_ms(now))
        if found is not None:
            taken.append(RequestDelivery(*cast("tuple[int, int, int, str, JsonText]", found)))
    return taken


async def postpone_if_taken(tx: Session, one: RequestDelivery, *, until: datetime, counts: bool) -> None:
    """Let a request be due later, unless another attempt has begun; ``counts``: whether this one does."""
    await tx.run("postpone_request_if_taken", not counts, to_due_ms(until), one.event_no, one.attempts)


async def delete_if_taken(tx: Session, one: RequestDelivery, *, context: JsonText) -> None:
    """Be done with a request, unless another attempt has begun; ``context`` says what became of it."""
    if await tx.run("delete_request_if_taken", one.event_no, one.attempts) == 1:
        await tx.run("keep_event_context", context, one.event_no)


async def hasten(tx: Session, environment_no: int, *, now: datetime) -> None:
    """Let what was put off be due, since an app has just been there."""
    await tx.run("hasten_requests", to_ms(now), environment_no)


async def hasten_lost(tx: Session, *, now: datetime) -> None:
    """Let be due what a node that is gone was handing over."""
    await tx.run("hasten_lost_requests", to_ms(now))
