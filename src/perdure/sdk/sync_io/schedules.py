"""The calls of `perdure.sdk.io.schedules`, for plain functions: they block.

Written by ``make generate`` from that module; change that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.sdk.blocking import SyncPart

if TYPE_CHECKING:
    from datetime import timedelta

    from perdure.protocol.keys import CacheKey
    from perdure.sdk.records import ScheduleRegistration
    from perdure.sdk.schedules import DynamicSchedule


class SyncScheduleCalls(SyncPart):
    """`ScheduleCalls` for plain functions: the same calls, blocking.

    Schedules, by the names that v2 gave their calls; `DynamicSchedule.register` is the same in one.
    """

    def register_interval(
        self,
        key: CacheKey | None = None,
        schedule: DynamicSchedule | None = None,
        id: str | None = None,
        *,
        seconds: float | timedelta,
        account_id: str | None = None,
        metadata: Any = None,
    ) -> ScheduleRegistration:
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
        return self._run(
            self._io.register_interval(key, schedule, id, seconds=seconds, account_id=account_id, metadata=metadata)
        )

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
    ) -> ScheduleRegistration:
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
        return self._run(
            self._io.register_cron(
                key, schedule, id, cron=cron, timezone=timezone, account_id=account_id, metadata=metadata
            )
        )

    def unregister_interval(
        self, key: CacheKey | None = None, schedule: DynamicSchedule | None = None, id: str | None = None
    ) -> ScheduleRegistration:
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
        return self._run(self._io.unregister_interval(key, schedule, id))

    def unregister_cron(
        self, key: CacheKey | None = None, schedule: DynamicSchedule | None = None, id: str | None = None
    ) -> ScheduleRegistration:
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
        return self._run(self._io.unregister_cron(key, schedule, id))
