"""Apps that nobody answers for: whoever asks them next finds out whether they are back, and no run is executed in vain.

A run that is executed in vain leaves an execution and two rows of its history. An app that is away for days, with
thousands of runs in line, would fill a disk with them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from perdure.protocol.endpoint import Endpoint

IN_A_ROW = 10
"""So many executions in a row must have found nobody: of several processes behind a URL one may be gone."""

PAUSE = timedelta(seconds=5)
"""How long an app that is away is left alone before a run is to find out anew."""


class Absence(Struct):
    """How often in a row nobody answered for an app, with what was said last, and when to ask it again."""

    count: int
    why: str
    next_try_at: datetime


class Absences:
    """The apps that nobody has answered for lately.

    Attributes:
        away: The apps that are away.
    """

    def __init__(self) -> None:
        self.away: set[Endpoint] = set()
        self._all: dict[Endpoint, Absence] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def why(self, app: Endpoint) -> str:
        """What was said when nobody answered last."""
        return self._all[app].why

    def may_try(self, app: Endpoint, now: datetime) -> bool:
        """Whether it is time to find out whether an app that is away is back."""
        return now >= self._all[app].next_try_at

    def tried(self, app: Endpoint, now: datetime) -> None:
        """Note that a run is to find out."""
        if app in self._all:
            self._all[app].next_try_at = now + PAUSE

    def note_away(self, app: Endpoint, why: str, now: datetime) -> None:
        """Note that nobody answered for an app."""
        absence = self._all.setdefault(app, Absence(0, why, now))
        absence.count, absence.why = absence.count + 1, why
        if absence.count >= IN_A_ROW and app not in self.away:
            self.away.add(app)
            absence.next_try_at = now + PAUSE

    def note_there(self, app: Endpoint) -> bool:
        """Note that an app has answered, or has been registered; whether it was away."""
        self._all.pop(app, None)
        was_away = app in self.away
        self.away.discard(app)
        return was_away
