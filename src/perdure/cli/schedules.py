"""``perdure schedules``: list schedules, and when they tick next."""

from __future__ import annotations

import heapq
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.protocol.management import Desk, ScheduleListAnswer

COLUMNS = ("schedule", "ticks", "next", "last", "jobs", "of", "account")


def list_schedules(*, take: int = 100, cursor: str | None = None, common: Common = COMMON) -> int:
    """List schedules: those of jobs, and registrations with dynamic ones.

    Args:
        take: How many.
        cursor: Where to go on: next_cursor of the list before.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output

        output = Output(as_json=common.json)
        schedules, following = await _read(connection.desk, take=take, cursor=cursor)
        if output.as_json:
            output.value({"schedules": [_record(schedule) for schedule in schedules], "next_cursor": following})
        else:
            output.table(COLUMNS, [_row(schedule) for schedule in schedules], empty="There are no schedules.")
        return 0

    return ask(common, work)


def show_next(schedule: str | None = None, /, *, take: int = 10, common: Common = COMMON) -> int:
    """Show the ticks that come next.

    Args:
        schedule: Only those of this schedule: the id of a job, or what a registration was made as.
        take: How many ticks.
    """

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.pages import MOST
        from perdure.cli.unknown import nearest
        from perdure.errors import InvalidArgumentError, NotFoundError

        if not 1 <= take <= MOST:
            raise InvalidArgumentError(f"--take is a number from 1 to {MOST:,}, not {take}.")
        schedules, _ = await _read(connection.desk, take=MOST, cursor=None)
        if schedule is not None:
            known = [one.key for one in schedules]
            if schedule not in known:
                raise NotFoundError(f"There is no schedule {schedule!r:.80}.{nearest(schedule, known)}")
            schedules = [one for one in schedules if one.key == schedule]
        ticks = _ticks_ahead(schedules, take)
        output = Output(as_json=common.json)
        if output.as_json:
            output.value([{"at": at, "schedule": _record(one)} for at, one in ticks])
        else:
            rows = [(at, one.key, ", ".join(one.job_ids)) for at, one in ticks]
            output.table(("at", "schedule", "jobs"), rows, empty="No schedule ticks.")
        return 0

    return ask(common, work)


async def _read(desk: Desk, *, take: int, cursor: str | None) -> tuple[list[ScheduleListAnswer], str | None]:
    from perdure.cli.pages import collect

    async def read(at: str | None, size: int) -> tuple[Sequence[ScheduleListAnswer], str | None]:
        page = await desk.list_schedules(cursor=at, take=size)
        return page.schedules, page.next_cursor

    return await collect(read, take=take, cursor=cursor)


def _ticks_ahead(schedules: Sequence[ScheduleListAnswer], most: int) -> list[tuple[datetime, ScheduleListAnswer]]:
    """Merge what each schedule will do; of two ticks at one time, that of the older schedule is first."""
    ticks = heapq.merge(*(_walk(number, one) for number, one in enumerate(schedules)), key=lambda tick: tick[:2])
    return [(at, one) for at, _, one in islice(ticks, most)]


def _walk(number: int, schedule: ScheduleListAnswer) -> Iterator[tuple[datetime, int, ScheduleListAnswer]]:
    at = schedule.next_tick_at if schedule.is_active else None
    while at is not None:
        yield at, number, schedule
        at = schedule.timing.following(at)


def _row(schedule: ScheduleListAnswer) -> tuple[Any, ...]:
    return (
        schedule.key,
        _timing(schedule) if schedule.is_active else f"{_timing(schedule)} (off)",
        schedule.next_tick_at,
        schedule.last_tick_at,
        ", ".join(schedule.job_ids),
        schedule.dynamic_id,
        schedule.account_id,
    )


def _timing(schedule: ScheduleListAnswer) -> str:
    from perdure.protocol.schedules import CronTiming

    timing = schedule.timing
    if isinstance(timing, CronTiming):
        return f"{timing.cron} {timing.timezone}"
    return f"every {timing.seconds} s"


def _record(schedule: ScheduleListAnswer) -> Any:
    import msgspec

    from perdure.protocol.api_json import encode

    return msgspec.Raw(encode(schedule))
