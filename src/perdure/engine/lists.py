"""Lists of what an environment has: runs, events, jobs, schedules, stored values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from perdure.engine.event_views import answer_of_event
from perdure.engine.run_views import page_of, read_waits
from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import JsonText
from perdure.protocol.limits import KEY_LIMIT
from perdure.protocol.management import (
    EventPageAnswer,
    JobAnswer,
    ScheduleListAnswer,
    SchedulePageAnswer,
    ValueAnswer,
    ValuePageAnswer,
)
from perdure.storage import event_pages, jobs, key_values, run_pages, schedules
from perdure.storage.stretches import NEWEST

if TYPE_CHECKING:
    from perdure.engine.run_views import Waits
    from perdure.protocol.management import EventFilter, RunFilter
    from perdure.protocol.runs import RunPageAnswer
    from perdure.storage.interface import Session, Storage
    from perdure.storage.runs import RunRow

MAX_PAGE = 50
"""How many entries a page may have."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Lists:
    """Lists what is stored, page by page."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def runs(self, environment_no: int, filter: RunFilter, *, cursor: str | None, take: int) -> RunPageAnswer:
        """List a page of runs, newest first, without their tasks.

        Where few of very many runs have the statuses asked for, a page may have fewer runs than fit, or none, and be
        followed by others all the same.

        Args:
            environment_no: Where to look.
            filter: Which runs.
            cursor: ``next_cursor`` of the page before.
            take: How many runs, 1 to 50.

        Raises:
            InvalidArgumentError: ``take`` is out of range, or the cursor is none.
        """
        check_take(take, "runs")
        first = read_cursor(cursor, newest=NEWEST)
        found, goes_on = await self._storage.scan(read_runs, environment_no, filter, first=first, limit=take)
        return page_of(found, goes_on)

    async def events(
        self, environment_no: int, filter: EventFilter, *, cursor: str | None, take: int
    ) -> EventPageAnswer:
        """List a page of events, newest first; see `runs`."""
        check_take(take, "events")
        first = read_cursor(cursor, newest=NEWEST)
        found, goes_on = await self._storage.scan(
            event_pages.list_page, environment_no, filter, first=first, limit=take
        )
        return EventPageAnswer(tuple(answer_of_event(event) for event in found), _cursor(goes_on))

    async def jobs(self, environment_no: int) -> list[JobAnswer]:
        """List every job that was ever registered, by id."""
        return [
            JobAnswer(
                job.id,
                job.name,
                job.version,
                job.endpoint_id,
                job.is_enabled,
                JsonText(job.trigger_spec),
                job.registered_at,
            )
            for job in await self._storage.scan(jobs.list_registered, environment_no)
        ]

    async def schedules(self, environment_no: int, *, cursor: str | None, take: int) -> SchedulePageAnswer:
        """List a page of schedules with their next ticks, oldest first.

        Raises:
            InvalidArgumentError: ``take`` is out of range, or the cursor is none.
        """
        check_take(take, "schedules")
        first = read_cursor(cursor, newest=0)
        rows = await self._storage.scan(schedules.list_page, environment_no, first=first, limit=take + 1)
        shown = tuple(
            ScheduleListAnswer(
                row.dynamic_id,
                row.key,
                row.timing,
                row.is_active,
                row.job_ids,
                row.account_id,
                row.last_tick_at,
                row.next_tick_at,
            )
            for row in rows[:take]
        )
        return SchedulePageAnswer(shown, _cursor(rows[take].schedule_no) if len(rows) > take else None)

    async def values(self, environment_no: int, *, prefix: str, cursor: str | None, take: int) -> ValuePageAnswer:
        """List a page of the keys of stored values, in their order; the cursor is the key that a page begins with.

        Raises:
            InvalidArgumentError: ``take`` is out of range, or the prefix or the cursor is no key.
        """
        check_take(take, "keys")
        for given, what in ((prefix, "prefix"), (cursor, "cursor")):
            if given is not None and (len(given) > 2 * KEY_LIMIT or _SURROGATE.search(given)):
                raise InvalidArgumentError(f"{what}={given!r:.60} is no part of any key.")
        first = prefix if cursor is None else max(prefix, cursor)
        rows = await self._storage.scan(
            key_values.list_keys, environment_no, prefix=prefix, first=first, limit=take + 1
        )
        shown = tuple(ValueAnswer(row.key, row.size, row.updated_at) for row in rows[:take])
        return ValuePageAnswer(shown, rows[take].key if len(rows) > take else None)


async def read_runs(
    tx: Session, environment_no: int, filter: RunFilter, *, first: int, limit: int
) -> tuple[list[tuple[RunRow, Waits]], int | None]:
    """Read a page of runs, each with what it waits for; and with which number to go on, if there are more."""
    if filter.job_id is None:
        job_nos = await jobs.list_numbers(tx, environment_no)
    else:
        job = await jobs.find_job(tx, environment_no, job_id=filter.job_id)
        if job is None:
            return [], None
        job_nos = [job.job_no]
    wanted = run_pages.Wanted(environment_no, tuple(job_nos), filter.job_id is not None, filter.statuses, first, limit)
    page, goes_on = await run_pages.list_page(tx, wanted)
    return [(run, await read_waits(tx, run)) for run in page], goes_on


def check_take(take: int, what: str) -> None:
    """Refuse a page of no entries, or of too many.

    Raises:
        InvalidArgumentError: It is not 1 to 50.
    """
    if type(take) is not int or not 1 <= take <= MAX_PAGE:
        raise InvalidArgumentError(f"take={take!r:.60}: a page has 1 to {MAX_PAGE} {what}.")


def read_cursor(cursor: str | None, *, newest: int) -> int:
    """Read where a page begins: the number of its first entry. It stays right when that is deleted.

    Raises:
        InvalidArgumentError: It is no cursor.
    """
    if cursor is None:
        return newest
    if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > len(str(NEWEST)) or int(cursor) > NEWEST:
        raise InvalidArgumentError(f"cursor={cursor!r:.60} is not the next_cursor of a page.")
    return int(cursor)


def _cursor(number: int | None) -> str | None:
    return None if number is None else str(number)
