"""Schedules: who is started by them, how they are registered, when they are due next."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.protocol.schedules import CatchUp, CronTiming, IntervalTiming, ScheduleAnswer, Timing, V2CronTiming
from perdure.storage.instants import from_ms, from_ms_or_none, to_ms
from perdure.storage.json_lists import number_list, read_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.storage.interface import Session

SubscriberType = Literal["JOB", "DYNAMIC_SCHEDULE"]


class ScheduleRow(Struct, frozen=True, gc=False):
    """A schedule, as far as its next tick depends on it; ``due_at`` is that of its timer, if it has one."""

    schedule_no: int
    timing: Timing
    is_active: bool
    created_at: datetime
    last_tick_at: datetime | None
    due_at: datetime | None


class NewSchedule(Struct, frozen=True, gc=False):
    """A schedule about to be created or changed."""

    dispatcher_no: int
    key: str
    timing: Timing
    catch_up: CatchUp = "latest"
    account_no: int | None = None
    metadata: JsonText | None = None


class ListedSchedule(Struct, frozen=True, gc=False):
    """A schedule as it is listed; ``dynamic_id`` is ``None`` for a job's own, whose key is the job's id."""

    schedule_no: int
    dynamic_id: str | None
    key: str
    timing: Timing
    is_active: bool
    account_id: str | None
    last_tick_at: datetime | None
    next_tick_at: datetime | None
    job_ids: tuple[str, ...]


def read_timing(kind: str, seconds: int | None, cron: str | None, timezone: str) -> Timing:
    """Make a timing of the columns that hold it."""
    if kind == "interval":
        return IntervalTiming(cast("int", seconds))
    if kind == "v2-cron":
        return V2CronTiming(cast("str", cron))
    return CronTiming(cast("str", cron), timezone)


def _read_schedule(row: Any) -> ScheduleRow:
    number, kind, seconds, cron, timezone, active, created, last, due = row
    return ScheduleRow(
        number, read_timing(kind, seconds, cron, timezone), active == 1, from_ms(created), from_ms_or_none(last),
        from_ms_or_none(due),
    )  # fmt: skip


async def open_dispatcher(tx: Session, environment_no: int, *, kind: SubscriberType, subscriber: str) -> int:
    """Find or create what schedules start the jobs of a subscriber with; its number."""
    row = await tx.one("upsert_schedule_dispatcher", environment_no, kind, subscriber)
    return cast("tuple[int]", row)[0]


async def find_dynamic(tx: Session, environment_no: int, *, dynamic_id: str) -> tuple[int, bool] | None:
    """Look a dynamic schedule up: the number of its dispatcher, and whether that starts a job."""
    row = await tx.one("find_schedule_dispatcher", environment_no, dynamic_id)
    if row is None:
        return None
    number, starts = cast("tuple[int, int]", row)
    return number, starts == 1


async def list_dynamic_ids(tx: Session, environment_no: int) -> list[str]:
    """List the ids of the dynamic schedules that the environment has seen."""
    return [cast("tuple[str]", row)[0] for row in await tx.all("list_dynamic_schedules", environment_no)]


async def attach_job(tx: Session, job_no: int, dispatcher_no: int) -> None:
    """Have a dispatcher's schedules start a job, and no others."""
    await tx.run("attach_scheduled_job", job_no, dispatcher_no)


async def detach_job(tx: Session, job_no: int) -> None:
    """Have no schedule start a job."""
    await tx.run("detach_scheduled_job", job_no)


async def detach_undeclared(tx: Session, *, endpoint_no: int, declared: Iterable[int]) -> None:
    """Have no schedule start the jobs that this endpoint registered last and no longer declares."""
    await tx.run("detach_undeclared_jobs", number_list(declared), endpoint_no)


async def rest_without_jobs(tx: Session, environment_no: int) -> None:
    """Let schedules rest that start no job; those of jobs themselves are no longer active."""
    await tx.run("stop_jobs_own_schedules", environment_no)
    await tx.run("rest_schedules_without_jobs", environment_no)


async def list_resting(tx: Session, environment_no: int, *, after: int, limit: int, now: datetime) -> list[ScheduleRow]:
    """List active schedules that start a job and are not due, or have ticked in the future; numbers above ``after``."""
    rows = await tx.all("list_resting_schedules", environment_no, after, to_ms(now), limit)
    return [_read_schedule(row) for row in rows]


async def find_schedule(tx: Session, environment_no: int, *, dispatcher_no: int, key: str) -> ScheduleRow | None:
    """Look a schedule up by its key."""
    row = await tx.one("find_schedule", environment_no, dispatcher_no, key)
    return None if row is None else _read_schedule(row)


async def put_schedule(tx: Session, environment_no: int, *, schedule: NewSchedule, now: datetime) -> int:
    """Create a schedule, or change it, and let it be active; its number."""
    timing = schedule.timing
    if isinstance(timing, IntervalTiming):
        columns: tuple[str, int | None, str | None, str] = ("interval", timing.seconds, None, "UTC")
    else:
        columns = ("v2-cron" if isinstance(timing, V2CronTiming) else "cron", None, timing.cron, timing.timezone)
    row = await tx.one(
        "upsert_schedule", environment_no, schedule.dispatcher_no, schedule.key, *columns, schedule.catch_up,
        schedule.account_no, schedule.metadata, to_ms(now),
    )  # fmt: skip
    return cast("tuple[int]", row)[0]


async def stop_schedule(tx: Session, schedule_no: int) -> None:
    """Let a schedule be active no longer."""
    await tx.run("stop_schedule", schedule_no)


async def show_schedule(tx: Session, schedule_no: int) -> ScheduleAnswer:
    """Look up how a schedule is shown."""
    row = await tx.one("show_schedule", schedule_no)
    key, kind, seconds, cron, timezone, account, metadata, active = cast("Any", row)
    return ScheduleAnswer(key, read_timing(kind, seconds, cron, timezone), account, metadata, active == 1)


async def count_registrations(tx: Session, environment_no: int, *, limit: int) -> int:
    """Count the active registrations with dynamic schedules, up to a limit."""
    return cast("tuple[int]", await tx.one("count_registrations", environment_no, limit))[0]


async def list_page(tx: Session, environment_no: int, *, first: int, limit: int) -> list[ListedSchedule]:
    """List schedules from a number on, in the order of their creation."""
    return [_read_listed(row) for row in await tx.all("list_schedules", environment_no, first, limit)]


def _read_listed(row: Any) -> ListedSchedule:
    (number, subscriber_type, subscriber, key, kind, seconds, cron, timezone, active, account, last, due,
     job_ids) = row  # fmt: skip
    return ListedSchedule(
        number, subscriber if subscriber_type == "DYNAMIC_SCHEDULE" else None, key,
        read_timing(kind, seconds, cron, timezone), active == 1, account, from_ms_or_none(last), from_ms_or_none(due),
        tuple(sorted(read_texts(job_ids))),
    )  # fmt: skip
