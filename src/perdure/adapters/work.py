"""An execution at work in an app: also while nobody waits for its answer, because the server has gone in the midst.

A server that is back executes the run anew, under the next number. What is at work here is that execution then: so a
run in the midst of a task, or with results that could not be stored, goes on as if nothing had been. It is kept for as
long as a restart may take, and no longer than the server has use for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from perdure.errors import NotFoundError, PerdureError
from perdure.protocol.epochs import count_of
from perdure.protocol.execution import Abandoned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from perdure.protocol.execution import ExecutionResult, TaskState
    from perdure.protocol.runs import RunAnswer
    from perdure.transport.wire_execution import WireExecution

UNATTENDED_SECONDS: Final = 60.0
"""For how long an execution is kept whose server has gone."""

_LOOK_SECONDS: Final = 2.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 4.0
_SURE: Final = 2


class Work:
    """An execution at work.

    Args:
        execution: What is known of it beside its code.
        result: What it comes to.
        started_at: When its run was started: anew if that was cancelled and goes on.

    Attributes:
        is_given_up: Whether it must not go on.
    """

    def __init__(self, execution: WireExecution, result: asyncio.Task[ExecutionResult], started_at: datetime) -> None:
        self.execution = execution
        self.result = result
        self._started_at = started_at
        self.is_given_up = False
        self._watch: asyncio.Task[None] | None = None

    def may_be(self, epoch: int, started_at: datetime, tasks: Iterable[TaskState]) -> bool:
        """Whether the run's execution of that number can be this one: it is the next, and no other has come between.

        A server that waits for this one and asks for the next all the same has done with it: the run was cancelled, and
        goes on. So it does if the run was started again. One whose database was restored from a backup has lost what
        this execution counts on, and would refuse, or never know, what follows from it.

        Args:
            epoch: The number.
            started_at: When the run was started.
            tasks: What the server has of the run.
        """
        is_attended = self._watch is None
        is_next = self.execution.epoch is not None and count_of(epoch) == count_of(self.execution.epoch) + 1
        if is_attended or self.is_given_up or not is_next or started_at != self._started_at:
            return False
        if not self.execution.is_in(tasks):
            return False
        result = self.result
        if not result.done():
            return True
        return not result.cancelled() and result.exception() is None and not isinstance(result.result(), Abandoned)

    def go_on_as(self, epoch: int, *, limit_ms: float | None) -> None:
        """Be the execution of that number from now on."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.execution.renew(epoch, limit_ms=limit_ms)

    def give_up(self) -> None:
        """Let nothing of it wait for a server any more; its code is to be ended by the host."""
        self.is_given_up = True
        self.execution.let_go()

    def watch(self, look: Callable[[str], Awaitable[RunAnswer]], end: Callable[[Work], None]) -> None:
        """Keep it for as long as the server may ask for it again, then end it.

        Args:
            look: Looks the run up.
            end: Ends it.
        """
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._keep(look, end))

    async def close(self) -> None:
        """End it, if nobody waits for it."""
        if self._watch is not None:
            self._watch.cancel()
            self.result.cancel()
            await asyncio.gather(self._watch, self.result, return_exceptions=True)

    async def _keep(self, look: Callable[[str], Awaitable[RunAnswer]], end: Callable[[Work], None]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + UNATTENDED_SECONDS
        # A server that hangs up may have taken the run away: it knows that at once.
        pause, seen = 0.0, 0
        while seen < _SURE and loop.time() < until and not self.is_given_up:
            await asyncio.sleep(pause)
            pause = min(max(pause * 1.5, _FIRST_PAUSE), _LONGEST_PAUSE)
            found = await self._is_taken_away(look)
            # The next execution may be on its way here when it is seen first.
            seen = seen + found if found else 0
        end(self)
        await asyncio.gather(self.result, return_exceptions=True)

    async def _is_taken_away(self, look: Callable[[str], Awaitable[RunAnswer]]) -> int:
        """How sure it is that the run is executed elsewhere, or no more; 0, if the server does not say."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                run = await look(self.execution.run_id)
        except NotFoundError:
            return 1
        except (PerdureError, TimeoutError):
            return 0
        return _SURE if run.status.is_final else int(run.executions > count_of(self.execution.epoch or 0))
