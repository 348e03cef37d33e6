"""Ticks: schedules that are due, and that they have ticked. A tick is one row, so it fires once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from perdure.protocol.execution import AccountInfo, JsonText
from perdure.protocol.schedules import CatchUp, Timing
from perdure.storage.instants import from_ms, from_ms_or_none, to_ms
from perdure.storage.json_lists import number_list
from perdure.storage.schedules import read_timing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.protocol.execution import SourceInfo
    from perdure.storage.events import NewEvent
    from perdure.storage.interface import Session


class DueSchedule(Struct, frozen=True, gc=False):
    """A schedule whose timer is due; ``subscriber`` is the id of its job or dynamic schedule, as the type says."""

    schedule_no: int
    environment_no: int
    revision: int
    timing: Timing
    catch_up: CatchUp
    due_at: datetime
    last_tick_at: datetime | None
    dispatcher_no: int
    subscriber_type: str
    subscriber: str
    key: str
    metadata: JsonText | None
    account_no: int | None
    account: AccountInfo | None


class ScheduledJob(Struct, frozen=True, gc=False):
    """A job that a dispatcher's schedules start, with its version registered last."""

    dispatcher_no: int
    job_no: int
    job_id: str
    version_no: int
    version: str


async def list_due(tx: Session, environment_nos: Iterable[int], *, now: datetime, limit: int) -> list[DueSchedule]:
    """List schedules of these environments that are due, first due first."""
    rows = await tx.all("list_due_schedules", to_ms(now), number_list(environment_nos), limit)
    return [_read_due(row) for row in rows]


def _read_due(row: Any) -> DueSchedule:
    (number, environment_no, revision, kind, seconds, cron, timezone, catch_up, due, last, dispatcher_no,
     subscriber_type, subscriber, key, metadata, account_no, account, account_data) = row  # fmt: skip
    return DueSchedule(
        number, environment_no, revision, read_timing(kind, seconds, cron, timezone), catch_up, from_ms(due),
        from_ms_or_none(last), dispatcher_no, subscriber_type, subscriber, key, metadata, account_no,
        None if account is None else AccountInfo(account, account_data),
    )  # fmt: skip


async def list_jobs(tx: Session, dispatcher_nos: Iterable[int]) -> list[ScheduledJob]:
    """List the jobs that dispatchers' schedules start."""
    rows = await tx.all("list_scheduled_jobs", number_list(dispatcher_nos))
    return [ScheduledJob(*cast("tuple[int, int, str, int, str]", row)) for row in rows]


async def move_timer_if_unchanged(tx: Session, schedule: DueSchedule, *, next_at: datetime | None) -> bool:
    """Let a schedule be due later, or no more, unless it or its timer has changed since it was read."""
    seen = (schedule.schedule_no, to_ms(schedule.due_at), schedule.revision)
    if next_at is None:
        return await tx.run("drop_timer_if_unchanged", *seen) == 1
    return await tx.run("move_timer_if_unchanged", to_ms(next_at), *seen) == 1


async def insert_event(
    tx: Session, schedule: DueSchedule, *, event: NewEvent, source: SourceInfo, now: datetime
) -> int | None:
    """Store the event that a tick is; its number, or ``None`` if the environment has one with its id."""
    row = await tx.one(
        "insert_tick_event", schedule.environment_no, event.id, event.name, event.source, event.payload, event.context,
        to_ms(event.timestamp), schedule.account_no, source.id, source.metadata, to_ms(now),
    )  # fmt: skip
    return None if row is None else cast("tuple[int]", row)[0]


async def insert_tick(tx: Session, schedule_no: int, *, tick_at: datetime, event_no: int) -> bool:
    """Note that a schedule has ticked; ``False`` if it had."""
    return await tx.run("insert_tick", schedule_no, to_ms(tick_at), event_no) == 1


async def keep_last_tick(tx: Session, schedule_no: int, *, tick_at: datetime) -> None:
    """Remember when a schedule ticked last."""
    await tx.run("keep_last_tick", to_ms(tick_at), schedule_no)
