"""Ticks: what a schedule that is due comes to, decided by its timing and by what becomes of missed ticks."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct

from perdure.engine.starts import create_runs
from perdure.protocol.execution import JsonText, SourceInfo
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.schedules import ScheduledPayload
from perdure.protocol.schedules import SCHEDULED_EVENT
from perdure.storage import events, ticks
from perdure.storage.events import NewEvent
from perdure.storage.instants import to_ms
from perdure.storage.runs import NewRun
from perdure.storage.ticks import DueSchedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.engine.attendance import Attendance
    from perdure.engine.executions import Reservation
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun
    from perdure.storage.ticks import ScheduledJob

_NO_CONTEXT = JsonText("{}")


class Tick(Struct, frozen=True, gc=False):
    """A tick that is to fire: the event that it is, and the runs it starts."""

    event: NewEvent
    runs: tuple[NewRun, ...]


class Firing(Struct, frozen=True):
    """A schedule that is due, with its ticks that fire, and when it is due next (``None``: never)."""

    schedule: DueSchedule
    ticks: tuple[Tick, ...]
    next_at: datetime | None


def due_ticks(
    schedule: DueSchedule, *, attendance: Attendance, most: int, now: datetime
) -> tuple[list[datetime], datetime | None]:
    """Decide which ticks of a schedule fire now, and when it is due next; that may be in the past.

    Args:
        schedule: A schedule that is due.
        attendance: Tells which ticks were missed.
        most: How many ticks may fire at once.
        now: The engine clock's time.
    """
    timing, tick = schedule.timing, schedule.due_at
    following = timing.following(tick)
    if schedule.catch_up == "all":
        fired = [tick]
        while following is not None and following <= now and len(fired) < most:
            fired.append(following)
            following = timing.following(following)
        return fired, following
    if following is not None and following <= now:
        tick = timing.last(tick=tick, until=now)
        following = timing.following(tick)
    is_lost = schedule.catch_up == "none" and attendance.was_missed(tick)
    return [] if is_lost else [tick], following


def plan_firing(
    schedule: DueSchedule,
    jobs: Sequence[ScheduledJob],
    ids: IdGenerator,
    *,
    attendance: Attendance,
    most: int,
    now: datetime,
) -> Firing:
    """Decide what a schedule that is due comes to; arguments as for `due_ticks`, with the jobs that it starts."""
    fired, next_at = due_ticks(schedule, attendance=attendance, most=most, now=now)
    planned: list[Tick] = []
    last = schedule.last_tick_at
    for at in fired:
        runs = tuple(
            NewRun(ids.new(RUN_PREFIX), job.job_no, job.job_id, job.version_no, job.version, job.dispatcher_no)
            for job in jobs
        )
        planned.append(Tick(_event(schedule, at, last, now), runs))
        last = at
    return Firing(schedule, tuple(planned), next_at)


def source_id(schedule: DueSchedule) -> str:
    """Name a schedule in its environment; it is the same one after it was unregistered and registered again."""
    named = f"{schedule.subscriber_type}:{len(schedule.subscriber)}:{schedule.subscriber}:{schedule.key}"
    return f"sched_{sha256(named.encode()).hexdigest()[:26]}"


def _event(schedule: DueSchedule, at: datetime, last: datetime | None, now: datetime) -> NewEvent:
    payload = ScheduledPayload(ts=Instant.of(at), last_timestamp=UNSET if last is None else Instant.of(last))
    return NewEvent(
        f"{source_id(schedule)}:{to_ms(at)}",
        SCHEDULED_EVENT,
        "trigger.dev",
        JsonText(encode_message(payload).decode()),
        _NO_CONTEXT,
        at,
        at,
        now,
        None if schedule.account is None else schedule.account.id,
    )


async def fire_ticks(
    tx: Session, reservation: Reservation | None, firings: Sequence[Firing], *, now: datetime
) -> tuple[int, list[ClaimedRun]]:
    """Fire ticks of schedules that are due and have not changed since they were read; of how many, and runs held."""
    held: list[ClaimedRun] = []
    fired = 0
    for firing in firings:
        if await ticks.move_timer_if_unchanged(tx, firing.schedule, next_at=firing.next_at):
            fired += 1
            for tick in firing.ticks:
                held += await _fire(tx, reservation, firing.schedule, tick, now)
    return fired, held


async def _fire(
    tx: Session, reservation: Reservation | None, schedule: DueSchedule, tick: Tick, now: datetime
) -> list[ClaimedRun]:
    """Fire one tick, unless it has fired."""
    event: NewEvent | events.EventRow = tick.event
    source = SourceInfo(schedule.key, schedule.metadata)
    event_no = await ticks.insert_event(tx, schedule, event=tick.event, source=source, now=now)
    if event_no is None:
        # An event of that id is there: the tick itself, or one that somebody has sent under its name.
        found = await events.find_event(tx, schedule.environment_no, event_id=tick.event.id)
        assert found is not None
        event, event_no = found, found.event_no
    if not await ticks.insert_tick(tx, schedule.schedule_no, tick_at=tick.event.timestamp, event_no=event_no):
        return []
    await ticks.keep_last_tick(tx, schedule.schedule_no, tick_at=tick.event.timestamp)
    return await create_runs(
        tx, schedule.environment_no, event, event_no=event_no, account=schedule.account, planned=tick.runs,
        reservation=reservation, source=source, now=now,
    )  # fmt: skip
