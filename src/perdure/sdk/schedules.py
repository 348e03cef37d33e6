"""Schedules as triggers: intervals, crons, and dynamic schedules, which are registered with while the app runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.errors import InvalidArgumentError, NotInRunError
from perdure.protocol.endpoint import DynamicScheduleSpec, ScheduleTriggerSpec
from perdure.sdk.current import current
from perdure.sdk.records import ScheduledPayload, ScheduleRegistration
from perdure.sdk.schedule_calls import check_catch_up, cron_timing, interval_timing, timing_of
from perdure.sdk.triggers import Trigger

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.protocol.endpoint import TriggerSpec
    from perdure.protocol.keys import CacheKey
    from perdure.protocol.schedules import CatchUp, Timing
    from perdure.sdk.io import IO
    from perdure.sdk.sync_schedules import SyncDynamicSchedule

L = TypeVar("L")


class ScheduleTrigger(Trigger[ScheduledPayload], frozen=True, kw_only=True):
    """Starts a job at the ticks of a schedule of its own.

    Attributes:
        timing: When it ticks.
        catch_up: What becomes of ticks that were missed.
    """

    timing: Timing
    catch_up: CatchUp = "latest"

    def spec(self) -> TriggerSpec:
        """Give the trigger as the platform registers it."""
        return ScheduleTriggerSpec(self.timing, self.catch_up)


def interval_trigger(*, seconds: float | timedelta, catch_up: CatchUp = "latest") -> ScheduleTrigger:
    """Start a job every so many seconds.

    The first tick is one interval after the job was first registered; restarts and deploys do not shift the others.

    Args:
        seconds: How far apart ticks are: a whole number of seconds from 20 to 2,592,000 (30 days), or such a
            ``timedelta``.
        catch_up: What becomes of ticks that were missed because no node was at work: ``"latest"`` fires the last of
            them once, ``"all"`` fires each, ``"none"`` fires none.

    Raises:
        InvalidArgumentError: The interval is none, or there is no such policy.

    See also: v2 protocol, section 10.
    """
    return ScheduleTrigger(schema=ScheduledPayload, timing=interval_timing(seconds), catch_up=check_catch_up(catch_up))


def cron_trigger(*, cron: str, timezone: str = "UTC", catch_up: CatchUp = "latest") -> ScheduleTrigger:
    """Start a job at the local times that a cron expression names.

    Args:
        cron: Minute, hour, day of the month, month, day of the week, such as ``"0 9 * * MON-FRI"``; ``L`` and ``#``
            are not supported.
        timezone: The name of the time zone that it is meant in, such as ``Europe/Berlin``.
        catch_up: What becomes of ticks that were missed because no node was at work: ``"latest"`` fires the last of
            them once, ``"all"`` fires each, ``"none"`` fires none.

    Raises:
        InvalidCronError: It is no cron expression.
        CronNeverFiresError: No date matches it.
        InvalidArgumentError: There is no such time zone, or no such policy.

    See also: v2 protocol, section 10.
    """
    return ScheduleTrigger(
        schema=ScheduledPayload, timing=cron_timing(cron, timezone), catch_up=check_catch_up(catch_up)
    )


class DynamicSchedule(Trigger[ScheduledPayload], frozen=True, kw_only=True):
    """Starts jobs at the ticks of whatever is registered with it; made by ``client.define_dynamic_schedule``.

    Attributes:
        id: Names it in the environment.
    """

    schema: type[ScheduledPayload] | None = ScheduledPayload
    id: str

    def spec(self) -> TriggerSpec:
        """Give the trigger as the platform registers it."""
        return DynamicScheduleSpec(self.id)

    def register(
        self,
        key: CacheKey | None = None,
        id: str | None = None,
        *,
        seconds: float | timedelta | None = None,
        cron: str | None = None,
        timezone: str = "UTC",
        account_id: str | None = None,
        metadata: Any = None,
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Let it tick under an id, in place of how it ticked before: a task of the current run.

        The same again shifts and repeats nothing; another interval, cron or time zone gives another next tick.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            id: Names the registration, such as the id of a customer: 1 to 512 bytes. It must be given.
            seconds: Tick so many seconds apart: 20 to 2,592,000 (30 days). The first tick is that much from now.
            cron: Tick at the times that this cron expression of five fields names.
            timezone: The time zone that the cron is meant in, such as ``Europe/Berlin``.
            account_id: The external account that the runs concern, as ``ctx.account``.
            metadata: A JSON value, handed on as ``ctx.source.metadata``; at most 64 KiB.

        Raises:
            NotInRunError: The calling code belongs to no run; there, `Client.register_schedule` is the call.
            NotFoundError: The environment has never seen the dynamic schedule.
            InvalidCronError, CronNeverFiresError: The cron is none, or does not fire within five years.
            InvalidArgumentError: Not exactly one of ``seconds`` and ``cron`` is given, another argument is outside
                what it may be, or the environment has as many registrations as it may.
            ValueTooLargeError: The metadata is over 64 KiB.

        See also: v2 protocol, sections 4.6 and 10.
        """
        io = self._io("register")
        timing_of("schedule.register", seconds=seconds, cron=cron, timezone=timezone)
        if cron is not None:
            return io.register_cron(
                key, self, id, cron=cron, timezone=timezone, account_id=account_id, metadata=metadata
            )
        assert seconds is not None
        return io.register_interval(key, self, id, seconds=seconds, account_id=account_id, metadata=metadata)

    def unregister(
        self, key: CacheKey | None = None, id: str | None = None
    ) -> Coroutine[Any, Any, ScheduleRegistration]:
        """Let it tick no more under an id: a task of the current run. Runs that it has started go on.

        Args:
            key: The cache key, or ``None`` for an automatic one.
            id: What was registered. It must be given.

        Returns:
            The registration, which is no longer active; the same again if it was not.

        Raises:
            NotInRunError: The calling code belongs to no run; there, `Client.unregister_schedule` is the call.
            NotFoundError: Nothing was ever registered under the id.

        See also: v2 protocol, sections 4.6 and 10.
        """
        return self._io("unregister").unregister_cron(key, self, id)

    @property
    def sync(self) -> SyncDynamicSchedule:
        """`register` and `unregister` for plain functions: they block."""
        from perdure.sdk.sync_schedules import SyncDynamicSchedule

        return SyncDynamicSchedule(self.id)

    def _io(self, call: str) -> IO:
        """Give the library of the run at hand."""
        from perdure.sdk.io import IO

        return io_at_hand(IO, call, f"In a plain function, call schedule.sync.{call}, which blocks.")


def io_at_hand(kind: type[L], call: str, remedy: str, *, what: str = "schedule") -> L:
    """Give the library of the current run, of the kind that a call of a schedule or a trigger needs.

    Raises:
        NotInRunError: There is no run.
        InvalidArgumentError: The calling code has the other kind.
    """
    try:
        return current(kind).io
    except NotInRunError as error:
        raise NotInRunError(
            f"{what}.{call} is a task of a run, and there is none here; from outside, call client.{call}_{what}."
        ) from error
    except InvalidArgumentError as error:
        raise InvalidArgumentError(remedy) from error
