"""One run's code at work in this process: its branches, its calls, what it stores, and how it ends.

An `Execution` outlives a suspension when its host keeps it (`Execution.go_on`); everything it asks to be stored
names the epoch of the execution at hand.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from perdure.protocol.execution import (
    Abandoned,
    ExecutionRequest,
    ExecutionResult,
    Suspended,
    TaskState,
)
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.branches import AnyTask, Branch, Branches
from perdure.sdk.calls import Calls
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.lanes import Lanes
from perdure.sdk.log_lines import LogLines
from perdure.sdk.parking import Parking
from perdure.sdk.replay import Memo
from perdure.sdk.scope import OpenTask, Scope, current_scope
from perdure.sdk.unwinding import UNWIND_SECONDS, Unwinding

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.platform import Platform, TaskRegister
    from perdure.sdk.calls import Caller
    from perdure.sdk.context import Context
    from perdure.sdk.crossing import Crossing
    from perdure.sdk.io import IO
    from perdure.sdk.io.stand_ins import StandIns
    from perdure.sdk.sync_io import SyncIO
    from perdure.sdk.threads import ThreadPool

T = TypeVar("T")

Main = Callable[[], Coroutine[Any, Any, ExecutionResult | None]]


class Surroundings(Protocol):
    """What an execution needs of its host."""

    platform: Platform
    register: TaskRegister | None
    is_patient: bool
    stand_ins: StandIns | None
    crossing: Crossing
    job_threads: ThreadPool
    body_threads: ThreadPool
    item_threads: ThreadPool

    def now(self) -> datetime: ...

    def new_task_id(self) -> str: ...

    def random(self) -> float: ...

    def flush_soon(self, execution: Execution) -> None: ...

    @property
    def random_bytes(self) -> Callable[[int], bytes]: ...


class Execution:
    """A run's code in memory.

    Attributes:
        outcome: How the execution at hand ended; the host waits for it.
        interrupted: Whether the code is to unwind: nothing it does counts any more.
        lock: Held by whoever looks into or changes the memo or the log lines: threads may do so beside the loop.
        lanes: The threads at work for the run.
        cut: Whether it was suspended although a branch awaits something that is no ``io`` call.
        loop: The event loop that it belongs to.
        thread: The thread of that loop.
        platform: Where what it stores is stored.
        being_stored: The tasks whose rows are on their way, each with the future of that (`perdure.sdk.recording`).
        calls: The calls that were not awaited yet.
        register: Where tasks are made before their bodies run; ``None``: nowhere, they are stored when they have ended.
        pace: Says, if they are not made, whether the execution is to end before its next task; ``None``: nobody does.
    """

    def __init__(self, request: ExecutionRequest, host: Surroundings, loop: asyncio.AbstractEventLoop) -> None:
        self.run_id = request.run.id
        self.epoch = request.epoch
        self.request = request
        self.host = host
        self.memo = Memo(self.run_id, request.tasks)
        self.branches = Branches()
        # Whatever is called back without one gets a copy of the context at hand.
        self._neutral = neutral = host.crossing.context
        self.parking = Parking(self.branches, self._suspend, loop, neutral)
        self.unwinding = Unwinding(self.branches)
        self.open_tasks: dict[str, OpenTask] = {}
        self.being_stored: dict[str, asyncio.Future[None]] | None = None
        # What is collected meanwhile may log, in the thread that holds the lock.
        self.lock = threading.RLock()
        self.lanes = Lanes()
        self.lines = LogLines(self)
        self.root = Scope(self, None)
        self.interrupted = False
        self.cut = False
        self.log_threshold = 0
        self.io: IO | None = None
        self._sync_io: SyncIO | None = None
        self.ctx: Context | None = None
        self.calls = Calls()
        self._main: AnyTask | None = None
        self.platform = host.platform
        self._take_register()
        self.loop = loop
        self.thread = threading.get_ident()
        self.outcome: asyncio.Future[ExecutionResult] = self.loop.create_future()

    # Its life.

    def start(self, main: Main) -> None:
        """Start the job's code as the run's first branch; ``main`` gives the result, or none if interrupted."""
        context = copy_context()
        context.run(current_scope.set, self.root)
        self._main = self.loop.create_task(main(), context=context)
        self.adopt(self._main, self.root)

    def _main_ended(self, task: AnyTask) -> None:
        self._main = None
        if self.interrupted or self.outcome.done():
            return
        # The job's function and what it raises are dealt with in ``main``; this is an error of our own, or Ctrl-C.
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self.outcome.set_result(Abandoned(f"{type(error).__name__}: {error}"))
            return
        result: ExecutionResult | None = task.result()
        assert result is not None
        self.outcome.set_result(result)

    def go_on(self, request: ExecutionRequest) -> bool:
        """Continue after a suspension with the waits that are over; ``False`` if none of them is."""
        self.epoch = request.epoch
        self._take_register()
        self.outcome = self.loop.create_future()
        for branch in self.branches.all.values():
            branch.go_on()
        return self.resolve(request.tasks)

    def _take_register(self) -> None:
        register = self.host.register
        makes = register is not None and register.begins_tasks(self.run_id, self.epoch)
        self.register = register if makes else None
        self.pace = None if makes else register

    @property
    def held_platform(self) -> Platform:
        """The platform as its code asks it beside its tasks: nothing is done once the run is not the execution's."""
        register = self.host.register
        return self.host.platform if register is None else register.platform_of(self.run_id, self.epoch)

    def hold(self) -> None:
        """Note that the suspended code stays in memory: no time-out of a task runs meanwhile."""
        for branch in self.branches.all.values():
            branch.pause()

    def resolve(self, tasks: list[TaskState]) -> bool:
        """Let branches go on whose waits are over; whether there was one."""
        if self.interrupted or self.outcome.done():
            return False
        for state in tasks:
            known = self.memo.known.get(state.key)
            if known is not None and known.status is TaskStatus.WAITING and state.id not in self.parking.parks:
                # A replay has not come to it yet: what it was told of the task at its beginning is no longer so.
                self.parking.expect(state.id)
        resolved = self.parking.resolve(tasks)
        for state in resolved:
            self.memo.known[state.key] = state
        return bool(resolved)

    def _suspend(self, task_ids: tuple[str, ...], cut: bool) -> None:
        if not self.outcome.done():
            self.cut = cut
            self.outcome.set_result(Suspended(task_ids))

    def give_up(self, result: ExecutionResult) -> Interrupt:
        """End the execution, from within or without; the error to raise in the branch at hand."""
        if not self.outcome.done():
            self.outcome.set_result(result)
        self.interrupt()
        return Interrupt()

    def interrupt(self) -> None:
        """Unwind every branch: parked ones by an interrupt, working ones by cancelling them."""
        if self.interrupted:
            return
        self.interrupted = True
        running = asyncio.current_task(self.loop)
        for branch in list(self.branches.active.values()):
            # A branch that only joins others ends with them; the one at hand raises the interrupt itself, as does a
            # thread that is about to be answered.
            if branch.task is running or self.branches.is_joining(branch):
                continue
            if branch.lane is None or not branch.lane.is_crossing:
                branch.task.cancel()
        self.parking.interrupt()

    async def unwind(self, *, patience: float = UNWIND_SECONDS) -> None:
        """Wait until an interrupted execution's code has ended, or for so many seconds."""
        if not self.unwinding.is_over:
            await self.unwinding.wait(self.loop, self._neutral, patience=patience)
        self.calls.close()

    def release(self) -> None:
        """Let go of what refers back to this execution, so that it is freed at once and not by a later collection."""
        if not self.branches.all:
            self.io = None
            self._sync_io = None
            self.ctx = None
            self.memo.release()
            self.unwinding.release()
            self.parking.release()
            self.lines.release()
            del self.root

    # Its branches and their calls.

    def adopt(self, task: AnyTask, scope: Scope) -> Branch:
        """Count a branch in that was started in a scope."""
        branch = self.branches.all.get(task)
        if branch is None:
            branch = self.branches.adopt(task, () if scope.task is None else scope.task.limits())
            task.add_done_callback(self._branch_ended, context=self._neutral)
        return branch

    def _branch_ended(self, task: AnyTask) -> None:
        self.branches.leave(task)
        if self.interrupted:
            # Whatever interrupted code raises is discarded; without this asyncio would report it.
            if not task.cancelled():
                task.exception()
            self.unwinding.branch_ended()
        elif self.parking.is_suspended:
            # A timer of the job's own code went off while the run was parked: this code is dropped, and the run
            # replays when its waits are over.
            self.interrupt()
        elif self.parking.parks:
            self.parking.consider_soon()
        if task is self._main:
            self._main_ended(task)

    def branch_at_hand(self) -> Branch:
        """The branch that this code, on the event loop, is part of."""
        task = asyncio.current_task(self.loop)
        assert task is not None
        branch = self.branches.all.get(task)
        return self.adopt(task, current_scope.get(self.root)) if branch is None else branch

    def was_unparked(self, branch: Branch, error: BaseException) -> None:
        """Note that a branch that was parked goes on with an error: it was interrupted, or cancelled."""
        if isinstance(error, Interrupt):
            self.unwinding.note_interrupt(branch.task, error)
        elif isinstance(error, asyncio.CancelledError) and self.parking.is_suspended and not self.interrupted:
            self.interrupt()

    # Its threads.

    def sync_io(self) -> SyncIO:
        """The task library for plain code."""
        if self._sync_io is None:
            from perdure.sdk.thread_io import make_sync_io

            self._sync_io = make_sync_io(self)
        return self._sync_io

    async def on_loop(self, call: Caller, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something on the event loop, whoever calls.

        Raises:
            Interrupt: The execution ended meanwhile, and a thread asked.
        """
        return await work() if isinstance(call, int) else call.cross(work)
