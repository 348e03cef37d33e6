"""What an interrupted execution's code still does, and who swallowed the interrupt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from perdure.errors import SuspensionSwallowedError
from perdure.protocol.execution import Failed
from perdure.sdk.failures import describe
from perdure.sdk.interrupts import Interrupt

if TYPE_CHECKING:
    from contextvars import Context

    from perdure.sdk.branches import AnyTask, Branches

SWALLOWED_LIMIT = 1000
"""How many ``io`` calls an interrupted execution may still make before its run fails."""

UNWIND_SECONDS = 5.0
"""How long an interrupted execution may take to run its ``finally`` blocks."""


class Unwinding:
    """Watches an interrupted execution come to its end."""

    __slots__ = ("_branches", "_calls", "_end", "_interrupts")

    def __init__(self, branches: Branches) -> None:
        self._branches = branches
        self._calls = 0
        self._interrupts: list[tuple[AnyTask, Interrupt]] | None = None
        self._end: asyncio.Future[None] | None = None

    def note_interrupt(self, task: AnyTask, interrupt: Interrupt) -> None:
        """Note that a branch was handed an interrupt."""
        if self._interrupts is None:
            self._interrupts = []
        self._interrupts.append((task, interrupt))

    def count_call(self) -> bool:
        """Count an ``io`` call of interrupted code, from any thread; ``False`` beyond the limit."""
        self._calls += 1
        return self._calls <= SWALLOWED_LIMIT

    def refuse_call(self) -> bool:
        """Refuse an ``io`` call of interrupted code.

        Returns:
            ``False`` if the code made so many that it must be stopped by letting the call wait for ever.

        Raises:
            Interrupt: Otherwise.
        """
        if self.count_call():
            raise Interrupt
        self.stop_waiting()
        return False

    @property
    def is_stuck(self) -> bool:
        """Whether the code went on making ``io`` calls beyond the limit."""
        return self._calls > SWALLOWED_LIMIT

    def release(self) -> None:
        """Let go of the interrupts, and of the frames that they have passed through."""
        for _, interrupt in self._interrupts or ():
            interrupt.__traceback__ = None
        self._interrupts = None

    def branch_ended(self) -> None:
        """Note that a branch of the interrupted execution has ended."""
        if not self._branches.all:
            self.stop_waiting()

    def stop_waiting(self) -> None:
        """Wait no longer for the code to end."""
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for: every branch has ended, or the code is stuck."""
        return not self._branches.all or self.is_stuck

    async def wait(
        self, loop: asyncio.AbstractEventLoop, context: Context, *, patience: float = UNWIND_SECONDS
    ) -> None:
        """Wait until every branch has ended, the code is stuck, or the time is up; then nobody waits for the rest.

        Args:
            loop: The event loop.
            context: What is called back gets this one.
            patience: How many seconds there are.
        """
        # Most code ends at once; a timer would cost more than this turn of the loop.
        await asyncio.sleep(0)
        for task in list(self._branches.all):
            if task.done():
                self._branches.leave(task)
        if not self._branches.all:
            return
        try:
            if not self.is_stuck:
                self._end = loop.create_future()
                limit = loop.call_later(patience, self.stop_waiting, context=context)
                try:
                    await self._end
                finally:
                    limit.cancel()
        finally:
            for task in list(self._branches.all):
                task.cancel()
                _leave_behind(task)

    def warnings(self) -> tuple[str, ...]:
        """Name the places that caught an interrupt and did not let it pass."""
        found: dict[str, None] = {}
        for task, interrupt in self._interrupts or ():
            if task.cancelled() or (task.done() and _carries(task.exception(), interrupt)):
                continue
            trace = interrupt.__traceback__
            if trace is not None:
                where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
                found[
                    f"the interrupt that suspends the run was caught at {where}; catch Exception, not BaseException, "
                    "around io calls"
                ] = None
        return tuple(found)[:10]

    def failure(self) -> Failed:
        """How a run ends whose code does not let an interrupt pass."""
        error = SuspensionSwallowedError(
            f"The run made {SWALLOWED_LIMIT} io calls after it had been suspended: some code catches BaseException "
            f"around an io call and goes on. Catch Exception instead. {' '.join(self.warnings())}".rstrip()
        )
        return Failed(describe(error))


def _leave_behind(task: AnyTask) -> None:
    """Have nobody wait for a task that swallows its cancellation, and keep it until it ends by itself.

    Whoever ends the loop would wait for it. Were it collected, its code might catch the ``GeneratorExit`` of that, too,
    and go on, at the end of the process for ever; no variable keeps it then, since they all are cleared before.
    """
    import ctypes

    asyncio.tasks._unregister_task(task)  # noqa: SLF001
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
    task.add_done_callback(lambda done: ctypes.pythonapi.Py_DecRef(ctypes.py_object(done)))


def _carries(error: BaseException | None, interrupt: Interrupt) -> bool:
    """Whether a branch ended with an interrupt, alone or in a group: this one, or another raised as it passed."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return any(_carries(one, interrupt) for one in group.exceptions)
    if not isinstance(error, Interrupt):
        return isinstance(error, asyncio.CancelledError)
    passed: BaseException | None = error
    while passed is not None and passed is not interrupt:
        passed = passed.__context__
    return passed is interrupt
