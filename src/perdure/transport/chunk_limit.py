"""How long an app may take for one execution: what is known of the platform that it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SHORTEST_MS: Final = 10_000
"""The least that an execution is given, in milliseconds."""

FIRST_MS: Final = 60_000
"""What an execution is given as long as nothing is known."""

LONGEST_MS: Final = 120_000
"""The most that an execution is given."""

_MARGIN_MS: Final = 350


class ChunkLimit:
    """What is known of an app; all that ask the app share it, so that it outlives asking it anew.

    Args:
        ms: What was known before, in milliseconds; ``None``: nothing.
        keeps: Stores what is learned.

    Attributes:
        ms: What is known now.
    """

    def __init__(self, ms: int | None = None, *, keeps: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.ms = FIRST_MS if ms is None else ms
        self._keeps = keeps

    @property
    def told_ms(self) -> int:
        """What the app is told: a little less, for the way there and back."""
        return self.ms - _MARGIN_MS

    async def learn(self, took_ms: float) -> None:
        """Note for how long the app has been let work."""
        self.ms = int(min(max(took_ms, SHORTEST_MS), LONGEST_MS))
        if self._keeps is not None:
            await self._keeps(self.ms)
