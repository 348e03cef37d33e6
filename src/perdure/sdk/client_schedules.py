"""Registrations with dynamic schedules, from outside of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.client_part import ClientPart
from perdure.sdk.current import refuse_in_job
from perdure.sdk.schedule_calls import registration_call, registration_of, timing_of, unregistration_call

if TYPE_CHECKING:
    from datetime import timedelta

    from perdure.sdk.records import ScheduleRegistration


class ClientSchedules(ClientPart):
    """Registering and unregistering schedules."""

    async def register_schedule(
        self,
        dynamic_id: str,
        schedule_id: str,
        *,
        seconds: float | timedelta | None = None,
        cron: str | None = None,
        timezone: str = "UTC",
        account_id: str | None = None,
        metadata: Any = None,
    ) -> ScheduleRegistration:
        """Let a dynamic schedule tick under an id, in place of how it ticked before; returns when that is durable.

        The same again shifts and repeats nothing; another interval, cron or time zone gives another next tick.

        Args:
            dynamic_id: The dynamic schedule.
            schedule_id: Names the registration within it, such as the id of a customer: 1 to 512 bytes.
            seconds: Tick so many seconds apart: 20 to 2,592,000 (30 days). The first tick is that much from now.
            cron: Tick at the times that this cron expression of five fields names.
            timezone: The time zone that the cron is meant in, such as ``Europe/Berlin``.
            account_id: The external account that the runs concern, as ``ctx.account``.
            metadata: A JSON value, handed on as ``ctx.source.metadata``; at most 64 KiB.

        Raises:
            NotFoundError: The environment has never seen the dynamic schedule.
            InvalidCronError, CronNeverFiresError: The cron is none, or does not fire within five years.
            InvalidArgumentError: Not exactly one of ``seconds`` and ``cron`` is given, another argument is outside
                what it may be, or the environment has as many registrations as it may.
            ValueTooLargeError: The metadata is over 64 KiB.

        See also: v2 protocol, sections 4.6 and 10.
        """
        refuse_in_job("client.register_schedule", "the schedule's register")
        timing = timing_of("client.register_schedule", seconds=seconds, cron=cron, timezone=timezone)
        call = registration_call(dynamic_id, schedule_id, timing, account_id=account_id, metadata=metadata)
        return registration_of(await self.connected().call(lambda platform: platform.register_schedule(call)))

    async def unregister_schedule(self, dynamic_id: str, schedule_id: str) -> ScheduleRegistration:
        """Let a dynamic schedule tick no more under an id; runs that it has started go on.

        Args:
            dynamic_id: The dynamic schedule.
            schedule_id: What was registered with it.

        Returns:
            The registration, which is no longer active; the same again if it was not.

        Raises:
            NotFoundError: There is no such dynamic schedule, or nothing was ever registered with it under the id.

        See also: v2 protocol, sections 4.6 and 10.
        """
        refuse_in_job("client.unregister_schedule", "the schedule's unregister")
        call = unregistration_call(dynamic_id, schedule_id)
        return registration_of(await self.connected().call(lambda platform: platform.unregister_schedule(call)))
