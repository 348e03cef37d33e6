"""Registering and unregistering schedules: done in the transaction that records the task, and so exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from perdure.errors import InvalidArgumentError
from perdure.protocol.schedules import IntervalTiming
from perdure.sdk.io.options import TaskOptions, details_text, params_text
from perdure.sdk.io.part import Part
from perdure.sdk.schedule_calls import (
    cron_timing,
    interval_timing,
    registration_call,
    registration_from,
    unregistration_call,
)
from perdure.sdk.schedules import DynamicSchedule

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.protocol.schedules import RegisterSchedule, Timing, UnregisterSchedule
    from perdure.sdk.records import ScheduleRegistration


class ScheduleCalls(Part):
    """Schedules, by the names that v2 gave their calls; `DynamicSchedule.register` is the same in one."""

    def register_interval(
        self,
        key: CacheKey | None = None,
        schedule: DynamicSchedule | None = None,
        id: str | None = None,
        *,
        seconds: float | timedelta,
        account_id: str | None = None,
        metadata: Any = None,
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Register an interval with a dynamic schedule: `DynamicSchedule.register` with ``seconds``.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            schedule: The dynamic schedule. It must be given.
            id: Names the registration: 1 to 512 bytes. It must be given.
            seconds: Tick so many seconds apart: 20 to 2,592,000 (30 days).
            account_id: The external account that the runs concern.
            metadata: A JSON value, handed on as ``ctx.source.metadata``; at most 64 KiB.

        Raises:
            NotFoundError: The environment has never seen the dynamic schedule.
            InvalidArgumentError: An argument is outside what it may be, or there are too many registrations.
            ValueTooLargeError: The metadata is over 64 KiB.

        See also: v2 protocol, sections 4.6 and 10.
        """
        return self._register(key, schedule, id, interval_timing(seconds), account_id, metadata)

    def register_cron(
        self,
        key: CacheKey | None = None,
        schedule: DynamicSchedule | None = None,
        id: str | None = None,
        *,
        cron: str,
        timezone: str = "UTC",
        account_id: str | None = None,
        metadata: Any = None,
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Register a cron with a dynamic schedule: `DynamicSchedule.register` with ``cron``.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            schedule: The dynamic schedule. It must be given.
            id: Names the registration: 1 to 512 bytes. It must be given.
            cron: A cron expression of five fields.
            timezone: The time zone that it is meant in, such as ``Europe/Berlin``.
            account_id: The external account that the runs concern.
            metadata: A JSON value, handed on as ``ctx.source.metadata``; at most 64 KiB.

        Raises:
            NotFoundError: The environment has never seen the dynamic schedule.
            InvalidCronError, CronNeverFiresError: The cron is none, or does not fire within five years.
            InvalidArgumentError: Another argument is outside what it may be, or there are too many registrations.
            ValueTooLargeError: The metadata is over 64 KiB.

        See also: v2 protocol, sections 4.6 and 10.
        """
        return self._register(key, schedule, id, cron_timing(cron, timezone), account_id, metadata)

    def unregister_interval(
        self, key: CacheKey | None = None, schedule: DynamicSchedule | None = None, id: str | None = None
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Let a dynamic schedule tick no more under an id: `DynamicSchedule.unregister`.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            schedule: The dynamic schedule. It must be given.
            id: What was registered. It must be given.

        Returns:
            The registration, which is no longer active; the same again if it was not.

        Raises:
            NotFoundError: Nothing was ever registered under the id.
        """
        return self._unregister(key, schedule, id)

    def unregister_cron(
        self, key: CacheKey | None = None, schedule: DynamicSchedule | None = None, id: str | None = None
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Let a dynamic schedule tick no more under an id: the same as `unregister_interval`.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            schedule: The dynamic schedule. It must be given.
            id: What was registered. It must be given.

        Returns:
            The registration, which is no longer active; the same again if it was not.

        Raises:
            NotFoundError: Nothing was ever registered under the id.
        """
        return self._unregister(key, schedule, id)

    def _register(
        self, key: CacheKey | None, schedule: object, id: object, timing: Timing, account_id: str | None, metadata: Any
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        call = registration_call(_dynamic_id(schedule), id, timing, account_id=account_id, metadata=metadata)
        shown: dict[str, Any] = {"schedule": call.dynamic_id, "id": call.key, **asdict(timing)}
        if account_id is not None:
            shown["account_id"] = account_id
        if call.metadata is not None:
            shown["metadata"] = msgspec.Raw(call.metadata.encode())
        text = f"{timing.seconds}s" if isinstance(timing, IntervalTiming) else f"{timing.cron} ({timing.timezone})"
        kind = "interval" if isinstance(timing, IntervalTiming) else "cron"
        return self._change("Register", key, call, shown, icon=f"schedule-{kind}", properties={kind: text})

    def _unregister(
        self, key: CacheKey | None, schedule: object, id: object
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        call = unregistration_call(_dynamic_id(schedule), id)
        shown = {"schedule": call.dynamic_id, "id": call.key}
        return self._change("Unregister", key, call, shown, icon="schedule", properties={})

    def _change(
        self,
        verb: str,
        key: CacheKey | None,
        call: RegisterSchedule | UnregisterSchedule,
        shown: dict[str, Any],
        *,
        icon: str,
        properties: dict[str, str],
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        listed = {"schedule": call.dynamic_id, "id": call.key, **properties}
        options = TaskOptions(
            operation=f"schedule.{verb.lower()}",
            name=f"{verb} Schedule {call.key}",
            params=params_text(shown),
            details=details_text(
                icon=icon, properties=[{"label": label, "text": text} for label, text in listed.items()]
            ),
            call=lambda _: call,
            wrap=registration_from,
        )
        return self._start(options.operation, key, None, options)


def _dynamic_id(schedule: object) -> str:
    if not isinstance(schedule, DynamicSchedule):
        raise InvalidArgumentError(f"The schedule is what client.define_dynamic_schedule makes, not {schedule!r:.80}.")
    return schedule.id
