"""When a cron expression fires in a time zone whose clocks are moved.

Where they are put forward, wall times are skipped; where they are put back, wall times come twice. The rules for both
are told apart by `Cron.is_fixed`: a time of day that somebody chose is not to be lost or doubled, and what repeats all
the time is to go on at its pace.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from perdure.protocol.cron import Cron

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Shift(Struct, frozen=True):
    """A moment at which clocks are moved.

    Attributes:
        at: The first instant with the new offset, in UTC.
        before: The offset from UTC until then.
        since: The offset from then on.
    """

    at: datetime
    before: timedelta
    since: timedelta

    @property
    def begin(self) -> datetime:
        """The first wall time that is skipped or comes twice."""
        return _wall(self.at + min(self.before, self.since))

    @property
    def end(self) -> datetime:
        """The first wall time after those."""
        return _wall(self.at + max(self.before, self.since))


def next_tick(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    """Give the first instant later than another at which a cron fires; ``None`` if that is decades away.

    With fixed minutes and hours, skipped times fire together, once, when the clock is put forward, and a doubled one
    fires the first time. Otherwise ticks follow elapsed time: minutes that come twice fire twice, skipped ones do not
    exist; but if all times of a date are skipped, it fires once when the clock is put forward.

    Args:
        cron: The expression.
        zone: The time zone it is meant in.
        after: An aware instant.

    Returns:
        The instant, in UTC.
    """
    local = after.astimezone(zone)
    wall = _wall(local).replace(microsecond=0)
    shift = _shift_around(zone, wall)
    if shift is not None and shift.before > shift.since:
        # This minute comes twice.
        if cron.is_fixed:
            return _next(cron, zone, wall if not local.fold else shift.end - _SECOND)
        found = cron.after(wall)
        if not local.fold:
            if found is not None and found < shift.end:
                return _instant(found, shift.before)
            found = cron.at_or_after(shift.begin)
        if found is not None and found < shift.end:
            return _instant(found, shift.since)
    return _next(cron, zone, wall)


def _next(cron: Cron, zone: tzinfo, wall: datetime) -> datetime | None:
    """Give the first tick of wall times later than one; of those that come twice, the first."""
    found = cron.after(wall)
    while found is not None:
        shift = _shift_around(zone, found)
        if shift is None:
            return _instant(found, _offset(zone, found, fold=0))
        if shift.before > shift.since:
            return _instant(found, shift.before)
        if cron.is_fixed or _is_skipped(cron, found.date(), shift):
            return shift.at
        found = cron.at_or_after(min(shift.end, datetime.combine(found.date() + _DAY, time())))
    return None


def _is_skipped(cron: Cron, day: date, shift: Shift) -> bool:
    """Whether every time of a date is skipped, if one is."""
    first, later = cron.first_from(day), cron.at_or_after(shift.end)
    return first is not None and first >= shift.begin and (later is None or later.date() > day)


def _shift_around(zone: tzinfo, wall: datetime) -> Shift | None:
    """Find the shift by which a wall time is skipped, or comes twice."""
    before, since = _offset(zone, wall, fold=0), _offset(zone, wall, fold=1)
    if before == since:
        return None
    earlier, later = sorted((_instant(wall, before), _instant(wall, since)))
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return Shift(later, before, since)


def _offset(zone: tzinfo, wall: datetime, *, fold: int) -> timedelta:
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset


def _instant(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None, fold=0)
