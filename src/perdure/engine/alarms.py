"""What ends waits from within a node: time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.waits import fire_due_tasks, time_out_waits

if TYPE_CHECKING:
    from perdure.engine.clock import Clock
    from perdure.engine.line import Line


class Alarms:
    """Acts on the timers of tasks."""

    def __init__(self, clock: Clock, line: Line) -> None:
        self._clock = clock
        self._line = line

    async def fire(self, limit: int) -> int:
        """Let tasks go on whose time has come; how many timers were due."""
        return await self._line.wake(limit, fire_due_tasks, now=self._clock.now(), limit=limit)

    async def time_out(self, limit: int) -> int:
        """Fail tasks that have waited as long as they may; how many timers were due."""
        return await self._line.wake(limit, time_out_waits, now=self._clock.now(), limit=limit)
