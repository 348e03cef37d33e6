"""Schedules: registered, unregistered, and fired when they are due."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from perdure.engine.schedule_changes import register_schedule, unregister_schedule
from perdure.engine.ticks import Firing, fire_ticks, plan_firing
from perdure.storage import ticks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.engine.attendance import Attendance
    from perdure.engine.clock import Clock
    from perdure.engine.directory import Directory
    from perdure.engine.hints import Hints
    from perdure.engine.starts import Starts
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.schedules import RegisterSchedule, ScheduleAnswer, UnregisterSchedule
    from perdure.storage.interface import Storage
    from perdure.storage.ticks import DueSchedule, ScheduledJob

BATCH = 200
"""How many schedules are looked at for one transaction."""

_log = logging.getLogger(__name__)


class Schedules:
    """Registers schedules and fires those that are due.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        directory: Tells which environments are this node's; the schedules of others wait for a node of theirs.
        starts: Creates runs.
        hints: Are told of timers.
        attendance: Tells which ticks were missed.
        most: How many registrations with dynamic schedules an environment may have.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        ids: IdGenerator,
        directory: Directory,
        starts: Starts,
        hints: Hints,
        attendance: Attendance,
        *,
        most: int,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._starts = starts
        self._hints = hints
        self._attendance = attendance
        self._most = most

    async def register(self, environment_no: int, call: RegisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick under a key; returns when that is durable. See `register_schedule`."""
        now = self._clock.now()
        answer = await self._storage.write(register_schedule, environment_no, call, most=self._most, now=now)
        self._hints.timer_is_set(now)
        return answer

    async def unregister(self, environment_no: int, call: UnregisterSchedule) -> ScheduleAnswer:
        """Let a dynamic schedule tick no more under a key. See `unregister_schedule`."""
        return await self._storage.write(unregister_schedule, environment_no, call)

    async def fire_due(self, limit: int) -> int:
        """Fire what is due; how many schedules have ticked, or have left ticks out."""
        now = self._clock.now()
        due = await self._storage.read(ticks.list_due, self._directory.tenants, now=now, limit=min(limit, BATCH))
        if not due:
            return 0
        jobs: dict[int, list[ScheduledJob]] = {}
        for job in await self._storage.read(ticks.list_jobs, {one.dispatcher_no for one in due}):
            jobs.setdefault(job.dispatcher_no, []).append(job)
        firings: list[Firing] = []
        runs = 0
        for schedule in due:
            # Whoever has many ticks to catch up with leaves room for others.
            firing = self._plan(schedule, jobs.get(schedule.dispatcher_no, []), most=max(1, limit // len(due)), now=now)
            firings.append(firing)
            runs += sum(len(tick.runs) for tick in firing.ticks)
            if runs >= limit:
                break
        planned = [run for firing in firings for tick in firing.ticks for run in tick.runs]
        return await self._starts.write(planned, fire_ticks, firings, now=now)

    def _plan(self, schedule: DueSchedule, jobs: Sequence[ScheduledJob], *, most: int, now: datetime) -> Firing:
        try:
            return plan_firing(schedule, jobs, self._ids, attendance=self._attendance, most=most, now=now)
        except Exception:
            # The zone may be gone from the database of zones. One such schedule must not stop the others.
            _log.exception(
                "The schedule %r of %s %r cannot tick any more; register it anew.",
                schedule.key,
                schedule.subscriber_type,
                schedule.subscriber,
            )
            return Firing(schedule, (), None)
