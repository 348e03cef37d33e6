"""Pages of an environment's events, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage.events import EventRow, read_event_row
from perdure.storage.json_lists import number_list
from perdure.storage.sizes import take_fitting
from perdure.storage.stretches import walk

if TYPE_CHECKING:
    from perdure.protocol.management import EventFilter
    from perdure.storage.interface import Session


async def list_page(
    tx: Session, environment_no: int, filter: EventFilter, *, first: int, limit: int
) -> tuple[list[EventRow], int | None]:
    """List a page of events from a number downwards; and with which number to go on, ``None`` if there are no more."""
    query = "pending_events_from" if filter.is_pending else "events_from"
    wanted = (environment_no, filter.name, filter.internal, filter.is_request)
    numbers, goes_on = await walk(tx, query, *wanted, first=first, limit=limit)
    if len(numbers) > limit:
        numbers, goes_on = numbers[:limit], numbers[limit]
    numbers, rest = take_fitting(await tx.all("sizes_of_events", number_list(numbers)))
    goes_on = goes_on if rest is None else rest
    rows = await tx.all("list_events_by_number", number_list(numbers))
    return [read_event_row(row) for row in rows], goes_on
