"""Executions that apps are asked for, as long as their answers are waited for."""

from __future__ import annotations

import asyncio
from math import inf

from msgspec import Struct


class AtWork(Struct, eq=False):
    """An execution that an app has been asked for.

    Attributes:
        epoch: Its number.
        scope: Where its answer is waited for.
        taken_away: Why it is not waited for any more.
    """

    epoch: int
    scope: asyncio.Timeout
    taken_away: str | None = None

    def take_away(self, reason: str) -> None:
        """Wait for the answer no more: its connection is closed."""
        if self.taken_away is None:
            self.taken_away = reason
            self.scope.reschedule(-inf)
