"""Attendance: since when a node has looked after its timers without a break."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

BREAK = timedelta(seconds=10)
"""A node that has not looked after its timers for longer was away: stopped, suspended, or without its database."""


class Attendance(Struct):
    """Tells what was due while nobody was there.

    Args:
        patience: For how long what is due may be left to another node.
    """

    patience: timedelta = timedelta()
    since: datetime | None = None
    seen: datetime | None = None

    def note(self, now: datetime) -> None:
        """Note that the timers are looked after at this moment."""
        if self.seen is None or now - self.seen > BREAK:
            self.since = now
        self.seen = now

    def was_missed(self, due_at: datetime) -> bool:
        """Whether nobody looked after the timers when something was due."""
        return self.since is None or due_at < self.since - self.patience
