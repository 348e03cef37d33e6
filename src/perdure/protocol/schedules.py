"""Schedules: what they are asked for with, and when they tick."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import JsonText
from perdure.protocol.limits import INTERVAL_LIMITS

SCHEDULED_EVENT: Final = "dev.trigger.scheduled"
"""The name of the event that a tick is (v2 protocol, section 10.2)."""

CatchUp = Literal["latest", "all", "none"]
"""What becomes of ticks that were missed: the last of them fires, or all do, or none does."""

_SECOND: Final = timedelta(seconds=1)


class IntervalTiming(Struct, frozen=True, gc=False, tag=True):
    """Ticks that are equally far apart."""

    seconds: int

    def first(self, *, anchor: datetime, after: datetime) -> datetime | None:
        """Give the first tick after an instant: a whole number of intervals from ``anchor``."""
        step = timedelta(seconds=self.seconds)
        return anchor + ((after - anchor) // step + 1) * step

    def following(self, tick: datetime) -> datetime | None:
        """Give the tick after a tick."""
        return tick + timedelta(seconds=self.seconds)

    def last(self, *, tick: datetime, until: datetime) -> datetime:
        """Give the last tick of those from a tick on that are not after ``until``."""
        step = timedelta(seconds=self.seconds)
        return tick + (until - tick) // step * step


class CronTiming(Struct, frozen=True, gc=False, tag=True):
    """Ticks at the local times that a cron expression matches; `local_time` says when those are."""

    cron: str
    timezone: str = "UTC"

    def first(self, *, anchor: datetime, after: datetime) -> datetime | None:
        """Give the first tick after an instant, or ``None``; ``anchor`` does not matter."""
        return self.following(after)

    def following(self, tick: datetime) -> datetime | None:
        """Give the first tick after an instant; ``None`` if there is none for 50 years."""
        # Imported when a cron is there: most apps have none, and `import perdure` is to be quick.
        from perdure.protocol.cron import parse_cron
        from perdure.protocol.local_time import next_tick
        from perdure.protocol.time_zones import find_zone

        return next_tick(parse_cron(self.cron), find_zone(self.timezone), tick)

    def last(self, *, tick: datetime, until: datetime) -> datetime:
        """Give the last tick of those from a tick on that are not after ``until``."""
        # Halved, not walked: a year has half a million minutes. No tick is after `high` and not after `until`.
        high = until
        while high - tick >= _SECOND:
            middle = tick + (high - tick) / 2
            found = self.following(middle)
            if found is not None and found <= until:
                tick = found
            else:
                high = middle
        return tick


class V2CronTiming(CronTiming, frozen=True, gc=False, tag=True):
    """Ticks at the seconds that a cron expression of a v2 client matches, in UTC; `v2_cron` says when those are."""

    def following(self, tick: datetime) -> datetime | None:
        """Give the first tick after an instant; ``None`` if there is none for 50 years."""
        from perdure.protocol.v2_cron_text import parse_v2_cron

        found = parse_v2_cron(self.cron).after(tick.astimezone(UTC).replace(tzinfo=None))
        return None if found is None else found.replace(tzinfo=UTC)


Timing = IntervalTiming | CronTiming | V2CronTiming


class RegisterSchedule(Struct, frozen=True, gc=False, tag=True):
    """Let a dynamic schedule tick under a key, in place of how it ticked before.

    The outcome is the registration in the form that it has on the wire (v2 protocol, section 4.6).
    """

    dynamic_id: str
    key: str
    timing: IntervalTiming | CronTiming
    account_id: str | None = None
    metadata: JsonText | None = None


class UnregisterSchedule(Struct, frozen=True, gc=False, tag=True):
    """Let a dynamic schedule tick no more under a key; the outcome is the registration, which is no longer active."""

    dynamic_id: str
    key: str


class ScheduleAnswer(Struct, frozen=True, gc=False):
    """A registration with a dynamic schedule."""

    key: str
    timing: Timing
    account_id: str | None
    metadata: JsonText | None
    is_active: bool


def check_timing(timing: Timing) -> None:
    """Refuse a timing that no schedule can have.

    Raises:
        InvalidArgumentError: The interval is no whole number of 20 to 2,592,000 seconds; there is no such time zone.
        InvalidCronError: It is no cron expression.
        CronNeverFiresError: No date matches it.
    """
    if isinstance(timing, V2CronTiming):
        from perdure.protocol.v2_cron_text import parse_v2_cron

        parse_v2_cron(timing.cron)
        return
    if isinstance(timing, CronTiming):
        from perdure.protocol.cron import parse_cron
        from perdure.protocol.time_zones import find_zone

        parse_cron(timing.cron)
        find_zone(timing.timezone)
        return
    least, most = INTERVAL_LIMITS
    if not least <= timing.seconds <= most:
        raise InvalidArgumentError(f"An interval has {least} to {most:,} seconds, not {timing.seconds!r:.80}.")
