"""Code of executions that have ended: kept for the next one of its run, or unwound.

A run that waits only for something near stays in memory (*sticky continuation*): when the engine executes it again
here, its code simply goes on. At most 1,000 runs, each at most 60 s; whatever was dropped replays.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from perdure.protocol.execution import Abandoned, ExecutionResult, Suspended
from perdure.sdk.unwinding import UNWIND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.protocol.execution import ExecutionRequest
    from perdure.sdk.execution import Execution

HELD_LIMIT = 1000
HELD_SECONDS = 60.0
LEAVING_SECONDS = 1.0
"""How long code has to unwind when its node stops; its execution has had its time to end."""


class Leftovers:
    """What is left of the executions of a host.

    Args:
        spawn: Does something beside.
        force_replay: Keep nothing: every suspension replays.
    """

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None], *, force_replay: bool) -> None:
        self._spawn = spawn
        self._force_replay = force_replay
        self._held: OrderedDict[str, tuple[Execution, float]] = OrderedDict()
        self._unwinding: set[Execution] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        """How many runs are kept."""
        return len(self._held)

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks a kept run waits for."""
        entry = self._held.get(run_id)
        return tuple(entry[0].parking.parks) if entry is not None else None

    def continue_run(self, request: ExecutionRequest) -> Execution | None:
        """Continue the kept run, if it is there and one of its waits is over."""
        entry = self._held.pop(request.run.id, None)
        if entry is None:
            return None
        execution = entry[0]
        if not execution.interrupted and execution.go_on(request):
            return execution
        self._spawn(self.unwind(execution))
        return None

    async def leave(self, execution: Execution, result: ExecutionResult) -> ExecutionResult:
        """Keep a suspended run, or unwind what is left of its code; the result, with what is to be warned of."""
        if isinstance(result, Suspended) and not execution.interrupted and self._may_hold(execution):
            execution.hold()
            self._held[execution.run_id] = (execution, asyncio.get_running_loop().time() + HELD_SECONDS)
            return _with_warnings(result, execution, ())
        execution.interrupt()
        self._unwinding.add(execution)
        try:
            await execution.unwind()
        finally:
            self._unwinding.discard(execution)
        if execution.unwinding.is_stuck:
            return execution.unwinding.failure()
        result = _with_warnings(result, execution, execution.unwinding.warnings())
        execution.release()
        return result

    def _may_hold(self, execution: Execution) -> bool:
        # A thread that waits is worth more to others than a replay costs.
        if self._force_replay or execution.lanes:
            return False
        if self._is_stopping or execution.cut or len(self._held) >= HELD_LIMIT:
            return False
        due = execution.parking.earliest_due()
        return due is None or due - execution.host.now() <= timedelta(seconds=HELD_SECONDS)

    async def unwind(self, execution: Execution, *, patience: float = UNWIND_SECONDS) -> None:
        """Interrupt an execution and let its code end."""
        execution.interrupt()
        await execution.unwind(patience=patience)
        execution.release()

    def forget(self, run_id: str) -> None:
        """Forget a kept run, and let its code end."""
        entry = self._held.pop(run_id, None)
        if entry is not None:
            entry[0].interrupt()
            self._spawn(self.unwind(entry[0]))

    def forget_old(self) -> None:
        """Forget the runs that were kept for long enough."""
        now = asyncio.get_running_loop().time()
        while self._held:
            run_id, (_, until) = next(iter(self._held.items()))
            if until > now:
                break
            self.forget(run_id)

    def stop(self) -> None:
        """Forget every run, and keep none any more."""
        self._is_stopping = True
        for run_id in list(self._held):
            self.forget(run_id)

    async def leave_stubborn_code(self) -> None:
        """Let whoever ends the loop not wait for code of cancelled runs that swallows its cancellation."""
        branches = [branch for one in self._unwinding for branch in one.branches.all.values()]
        tasks = [branch.task for branch in branches if branch.lane is None]
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVING_SECONDS)
            for execution in self._unwinding:
                execution.unwinding.stop_waiting()
            await asyncio.sleep(0)


def _with_warnings(result: ExecutionResult, execution: Execution, more: tuple[str, ...]) -> ExecutionResult:
    memo = execution.memo
    if isinstance(result, Abandoned) or not (memo.warnings or memo.task_warnings or more):
        return result
    task_warnings = () if memo.task_warnings is None else tuple(memo.task_warnings.items())
    return replace(result, warnings=(*memo.warnings, *more), task_warnings=task_warnings)
