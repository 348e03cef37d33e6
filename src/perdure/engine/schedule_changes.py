"""Changes of schedules: declared by apps, registered and unregistered by whoever calls.

A schedule whose timing stays as it is keeps its next tick, however often it is declared; any other gets a new one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from perdure.engine.fitting import unscheduled
from perdure.engine.schedule_limits import check_first_tick, check_registration
from perdure.errors import CronNeverFiresError, InvalidArgumentError, NotFoundError
from perdure.protocol.endpoint import DynamicScheduleSpec, ScheduleTriggerSpec
from perdure.protocol.execution import JsonText
from perdure.protocol.messages.codec import JSON_NULL, encode_message
from perdure.protocol.messages.schedules import (
    CronMetadata,
    IntervalMetadata,
    IntervalOptions,
    RegisterScheduleAnswer,
    ScheduleMetadata,
    cron_options,
)
from perdure.protocol.schedules import IntervalTiming
from perdure.storage import environments, schedules, timers
from perdure.storage.schedules import NewSchedule
from perdure.storage.timers import TimerKind

if TYPE_CHECKING:
    from perdure.protocol.endpoint import Index
    from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, Timing, UnregisterSchedule
    from perdure.storage.interface import Session
    from perdure.storage.schedules import ScheduleRow


async def store_schedules(
    tx: Session, environment_no: int, index: Index, *, endpoint_no: int, job_nos: dict[int, str], now: datetime
) -> list[str]:
    """Store which schedules start an app's jobs, in place of those before; schedules that start no job rest.

    Returns:
        Which are not stored, of an app that is elsewhere: crons, not declared before, that do not fire within years.

    Raises:
        CronNeverFiresError: An app of this process has declared one.
    """
    warnings: list[str] = []
    for dynamic_id in index.dynamic_schedules:
        await schedules.open_dispatcher(tx, environment_no, kind="DYNAMIC_SCHEDULE", subscriber=dynamic_id)
    specs = {spec.id: spec for spec in index.jobs}
    for job_no, job_id in job_nos.items():
        trigger = specs[job_id].trigger if specs[job_id].enabled else None
        if isinstance(trigger, ScheduleTriggerSpec):
            try:
                await _store_own(tx, environment_no, job_no, job_id, trigger, now=now)
            except CronNeverFiresError as error:
                if not index.is_remote:
                    raise
                warnings.append(unscheduled(specs[job_id], error))
                await schedules.detach_job(tx, job_no)
        elif isinstance(trigger, DynamicScheduleSpec):
            dispatcher_no = await schedules.open_dispatcher(
                tx, environment_no, kind="DYNAMIC_SCHEDULE", subscriber=trigger.id
            )
            await schedules.attach_job(tx, job_no, dispatcher_no)
        else:
            await schedules.detach_job(tx, job_no)
    await schedules.detach_undeclared(tx, endpoint_no=endpoint_no, declared=job_nos)
    await schedules.rest_without_jobs(tx, environment_no)
    return warnings


async def _store_own(
    tx: Session, environment_no: int, job_no: int, job_id: str, trigger: ScheduleTriggerSpec, *, now: datetime
) -> None:
    """Store a job's own schedule."""
    dispatcher_no = await schedules.open_dispatcher(tx, environment_no, kind="JOB", subscriber=job_id)
    before = await schedules.find_schedule(tx, environment_no, dispatcher_no=dispatcher_no, key=job_id)
    due_at = next_due(before, trigger.timing, now=now)
    await schedules.attach_job(tx, job_no, dispatcher_no)
    account_no = await _open_account(tx, environment_no, trigger.account_id)
    new = NewSchedule(dispatcher_no, job_id, trigger.timing, trigger.catch_up, account_no, trigger.metadata)
    await put_schedule(tx, environment_no, new, due_at=due_at, now=now)


async def wake_resting(tx: Session, environment_no: int, *, after: int, limit: int, now: datetime) -> int | None:
    """Let schedules tick again that start a job again, or have ticked while the clock was ahead: from now on.

    Returns:
        The number to go on after, if there may be more.
    """
    resting = await schedules.list_resting(tx, environment_no, after=after, limit=limit, now=now)
    for row in resting:
        # A zone may be gone from the database of zones; what cannot tick rests on.
        with suppress(InvalidArgumentError):
            await _set_timer(tx, row.schedule_no, _first_after(row.timing, row, now))
    return resting[-1].schedule_no if len(resting) == limit else None


def next_due(before: ScheduleRow | None, timing: Timing, *, now: datetime) -> datetime | None:
    """Decide when a schedule is due next that was as it was ``before``, if it was, and is active from now on.

    Raises:
        CronNeverFiresError: The timing is new, and it has no tick within five years.
    """
    if before is None:
        first = timing.first(anchor=now, after=now)
        check_first_tick(timing, first, now=now)
        return first
    first = _first_after(timing, before, now)
    if before.timing != timing:
        check_first_tick(timing, first, now=now)
    elif before.is_active and before.due_at is not None:
        # It may be overdue; it is never later than the next one, unless the clock was wrong and has been set back.
        return before.due_at if first is None else min(before.due_at, first)
    return first


async def put_schedule(
    tx: Session, environment_no: int, schedule: NewSchedule, *, due_at: datetime | None, now: datetime
) -> int:
    """Create a schedule, or change it; its number."""
    schedule_no = await schedules.put_schedule(tx, environment_no, schedule=schedule, now=now)
    await _set_timer(tx, schedule_no, due_at)
    return schedule_no


async def register_schedule(
    tx: Session, environment_no: int, call: RegisterSchedule, *, most: int, now: datetime
) -> ScheduleAnswer:
    """Let a dynamic schedule tick under a key, in place of how it ticked before (v2 protocol, section 10.2).

    Args:
        tx: An open write transaction.
        environment_no: The environment.
        call: What is asked for.
        most: How many registrations the environment may have.
        now: The engine clock's time.

    Raises:
        NotFoundError: The environment has never seen the dynamic schedule.
        InvalidArgumentError: What is asked for is outside its limits, or there are too many.
        ValueTooLargeError: The metadata has more than 64 KiB.
    """
    check_registration(call)
    dispatcher_no, starts_jobs = await _find_dynamic(tx, environment_no, call.dynamic_id)
    before = await schedules.find_schedule(tx, environment_no, dispatcher_no=dispatcher_no, key=call.key)
    due_at = next_due(before, call.timing, now=now)
    is_more = before is None or not before.is_active
    if is_more and await schedules.count_registrations(tx, environment_no, limit=most) >= most:
        raise InvalidArgumentError(
            f"This environment has {most:,} registered schedules, as many as it may; {call.key!r:.80} would be one "
            "more. Unregister some, or set PERDURE_MAX_SCHEDULES."
        )
    account_no = await _open_account(tx, environment_no, call.account_id)
    new = NewSchedule(dispatcher_no, call.key, call.timing, "latest", account_no, call.metadata)
    # While it starts no job it rests.
    schedule_no = await put_schedule(tx, environment_no, new, due_at=due_at if starts_jobs else None, now=now)
    return await schedules.show_schedule(tx, schedule_no)


async def _open_account(tx: Session, environment_no: int, account_id: str | None) -> int | None:
    if account_id is None:
        return None
    account_no, _ = await environments.open_account(tx, environment_no, account_id=account_id)
    return account_no


async def unregister_schedule(tx: Session, environment_no: int, call: UnregisterSchedule) -> ScheduleAnswer:
    """Let a dynamic schedule tick no more under a key; it may have been so already.

    Raises:
        NotFoundError: There is no such dynamic schedule, or nothing was ever registered with it under the key.
    """
    dispatcher_no, _ = await _find_dynamic(tx, environment_no, call.dynamic_id)
    row = await schedules.find_schedule(tx, environment_no, dispatcher_no=dispatcher_no, key=call.key)
    if row is None:
        raise NotFoundError(
            f"Nothing was registered with the dynamic schedule {call.dynamic_id!r} as {call.key!r:.80}."
        )
    if row.is_active:
        await schedules.stop_schedule(tx, row.schedule_no)
        await _set_timer(tx, row.schedule_no, None)
    return await schedules.show_schedule(tx, row.schedule_no)


def registration_text(answer: ScheduleAnswer) -> JsonText:
    """Write a registration as it is on the wire (v2 protocol, section 4.6)."""
    timing = answer.timing
    account_id = UNSET if answer.account_id is None else answer.account_id
    metadata = UNSET if answer.metadata is None else Raw(answer.metadata.encode())
    schedule: ScheduleMetadata
    if isinstance(timing, IntervalTiming):
        interval = IntervalOptions(seconds=timing.seconds)
        schedule = IntervalMetadata(options=interval, account_id=account_id, metadata=metadata)
    else:
        schedule = CronMetadata(options=cron_options(timing), account_id=account_id, metadata=metadata)
    shown = RegisterScheduleAnswer(
        id=answer.key,
        schedule=schedule,
        metadata=JSON_NULL if metadata is UNSET else metadata,
        active=answer.is_active,
    )
    return JsonText(encode_message(shown).decode())


async def _find_dynamic(tx: Session, environment_no: int, dynamic_id: str) -> tuple[int, bool]:
    found = await schedules.find_dynamic(tx, environment_no, dynamic_id=dynamic_id)
    if found is None:
        known = await schedules.list_dynamic_ids(tx, environment_no)
        near = get_close_matches(dynamic_id, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise NotFoundError(f"This environment has never seen a dynamic schedule {dynamic_id!r:.80}.{hint}")
    return found


def _first_after(timing: Timing, row: ScheduleRow, now: datetime) -> datetime | None:
    return timing.first(anchor=row.created_at if row.last_tick_at is None else row.last_tick_at, after=now)


async def _set_timer(tx: Session, schedule_no: int, due_at: datetime | None) -> None:
    if due_at is None:
        await timers.delete_timer(tx, TimerKind.SCHEDULE, subject_no=schedule_no)
    else:
        await timers.set_timer(tx, TimerKind.SCHEDULE, subject_no=schedule_no, due_at=due_at)
