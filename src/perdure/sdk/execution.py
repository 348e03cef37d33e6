"""One run's code at work in this process: its branches, its calls, what it stores, and how it ends.

An `Execution` outlives a suspension when its host keeps it (`Execution.go_on`); everything it asks to be stored
names the epoch of the execution at hand.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from perdure.errors import ExecutionError, InvalidArgumentError, NotInRunError, StorageError
from perdure.protocol.execution import (
    Abandoned,
    ExecutionRequest,
    ExecutionResult,
    Suspended,
    TaskRecord,
    TaskState,
)
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.branches import AnyTask, Branch, Branches
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.lane import Lane
from perdure.sdk.lanes import Lanes
from perdure.sdk.log_lines import LogLines
from perdure.sdk.parking import Parking
from perdure.sdk.replay import Memo
from perdure.sdk.scope import OpenTask, Scope, current_scope
from perdure.sdk.unwinding import Unwinding

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.protocol.platform import Platform, TaskRegister
    from perdure.protocol.state import StateCall, StateOutcome
    from perdure.sdk.context import Context
    from perdure.sdk.crossing import Crossing
    from perdure.sdk.io import IO
    from perdure.sdk.io.stand_ins import StandIns
    from perdure.sdk.replay import Ask
    from perdure.sdk.sync_io import SyncIO
    from perdure.sdk.threads import ThreadPool

T = TypeVar("T")

Main = Callable[[], Coroutine[Any, Any, ExecutionResult | None]]

Caller = int | Lane
"""Who makes a call: the event loop, where each call has a number, or a thread."""

ON_LOOP = -1
"""The event loop, for a call that was not opened (`Execution.open_call`)."""


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
        self._being_stored: dict[str, asyncio.Future[None]] | None = None
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
        self.next_call = 0
        self._calls: dict[int, tuple[str, object, Coroutine[Any, Any, Any]]] = {}
        self._main: AnyTask | None = None
        self._platform = host.platform
        self._take_register()
        self._loop = loop
        self.outcome: asyncio.Future[ExecutionResult] = self._loop.create_future()

    # Its life.

    def start(self, main: Main) -> None:
        """Start the job's code as the run's first branch; ``main`` gives the result, or none if interrupted."""
        context = copy_context()
        context.run(current_scope.set, self.root)
        self._main = self._loop.create_task(main(), context=context)
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
        self.outcome = self._loop.create_future()
        for branch in self.branches.all.values():
            branch.go_on()
        return self.resolve(request.tasks)

    def _take_register(self) -> None:
        register = self.host.register
        makes = register is not None and register.begins_tasks(self.run_id, self.epoch)
        self.register = register if makes else None
        self.pace = None if makes else register

    def hold(self) -> None:
        """Note that the suspended code stays in memory: no time-out of a task runs meanwhile."""
        for branch in self.branches.all.values():
            branch.pause()

    def resolve(self, tasks: list[TaskState]) -> bool:
        """Let branches go on whose waits are over; whether there was one."""
        if self.interrupted or self.outcome.done():
            return False
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
        running = asyncio.current_task(self._loop)
        for branch in list(self.branches.active.values()):
            # A branch that only joins others ends with them; the one at hand raises the interrupt itself, as does a
            # thread that is about to be answered.
            if branch.task is running or self.branches.is_joining(branch):
                continue
            if branch.lane is None or not branch.lane.is_crossing:
                branch.task.cancel()
        self.parking.interrupt()

    async def unwind(self) -> None:
        """Wait until an interrupted execution's code has ended."""
        if not self.unwinding.is_over:
            await self.unwinding.wait(self._loop, self._neutral)
        for _, _, coroutine in self._calls.values():
            coroutine.close()
        self._calls.clear()

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

    def open_call(self, operation: str, key: object, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Note that an ``io`` call was made; `begin` notes that it was awaited."""
        self._calls[self.next_call] = (operation, key, coroutine)
        self.next_call += 1

    def unawaited(self) -> tuple[str, object] | None:
        """Name an ``io`` call that was made and never awaited, by operation and key."""
        # A call whose branch was cancelled before its first step is closed, not forgotten.
        calls = self._calls.values()
        return next(
            (
                (operation, key)
                for operation, key, made in calls
                if inspect.getcoroutinestate(made) != inspect.CORO_CLOSED
            ),
            None,
        )

    def branch_at_hand(self) -> Branch:
        """The branch that this code, on the event loop, is part of."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        branch = self.branches.all.get(task)
        return self.adopt(task, current_scope.get(self.root)) if branch is None else branch

    def begin(self, call: Caller) -> Branch | None:
        """Begin an awaited call; ``None`` if it must wait for ever (`never`).

        Args:
            call: The number that `open_call` gave it; or the thread that makes it.

        Raises:
            Interrupt: The execution is over.
            NotInRunError: It is over, or waits, and the code that calls is none of the run's.
            InvalidArgumentError: The code that calls is that of another run, or runs on another event loop.
        """
        if not isinstance(call, int):
            return call.begin()
        self._calls.pop(call, None)
        if self.parking.is_suspended:
            self._refuse_strangers()
            # The job's own timer made it go on, in a run that waits.
            self.interrupt()
        if self.interrupted:
            self._refuse_strangers()
            if not self.unwinding.refuse_call():
                return None
        # The loop is named because asking for it costs a system call.
        task = asyncio.current_task(self._loop)
        branch = None if task is None else self.branches.all.get(task)
        if branch is None:
            branch = self._adopt_caller(task)
        branch.calls += 1
        if self.parking.parks:
            self.parking.note_call()
        return branch

    def _refuse_strangers(self) -> None:
        scope = current_scope.get(None)
        if scope is None or scope.execution is not self:
            raise NotInRunError(
                f"The io of run {self.run_id} was used by code that the run does not execute now: outside of it, or "
                "after its end. Hand on what the job needs to tell, not its io."
            )

    def _adopt_caller(self, task: AnyTask | None) -> Branch:
        if task is None:
            raise InvalidArgumentError("io was awaited on another event loop than the one that its job runs on.")
        scope = current_scope.get(self.root)
        if scope.execution is not self:
            raise InvalidArgumentError("This io belongs to another run than the code that uses it; use the job's own.")
        return self.adopt(task, scope)

    async def share(self, call: Caller, branch: Branch, ask: Ask) -> bool:
        """Wait for whoever works on the same task; whether it has settled (`Parking.share`)."""
        if not isinstance(call, int):
            return call.cross(partial(self.parking.share, branch, ask))
        return await self.parking.share(branch, ask)

    def forget(self, call: Caller, ask: Ask) -> None:
        """Forget a request that came to nothing, and let those who share it look again."""
        with self.lock:
            self.memo.forget(ask)
        if isinstance(call, int):
            ask.wake()
        else:
            self.host.crossing.post(ask.wake)

    async def never(self) -> Any:
        """Wait for ever: the only way to stop code that catches everything it is given."""
        await self._loop.create_future()

    def finish(self, call: Caller, branch: Branch) -> None:
        """End a call."""
        if not isinstance(call, int):
            return
        branch.calls -= 1
        if self.parking.parks:
            # The quiet after which a run is suspended begins with the end of a call, however long that took.
            self.parking.note_call()
            self.parking.consider_soon()

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

    # What it stores.

    async def on_loop(self, call: Caller, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something on the event loop, whoever calls.

        Raises:
            Interrupt: The execution ended meanwhile, and a thread asked.
        """
        return await work() if isinstance(call, int) else call.cross(work)

    async def record(self, record: TaskRecord) -> None:
        """Store a task's state, on the event loop; returns when it is durable.

        Raises:
            Interrupt: It could not be stored, or the execution ended meanwhile.
        """
        if self.interrupted:
            raise Interrupt
        # Whoever needs the row of an enclosing task to be durable (`store_begun`) waits for the write that brings it.
        stored = self._announce(record) if record.ancestors or record.status is TaskStatus.RUNNING else None
        try:
            await self._platform.record_task(self.run_id, self.epoch, record)
        except (ExecutionError, StorageError) as error:
            raise self.give_up(Abandoned(f"{error.code}: {error.message}")) from error
        finally:
            if stored is not None:
                self._has_come(record, stored)
        if self.interrupted:
            raise Interrupt

    async def register_task(self, record: TaskRecord) -> TaskState:
        """Have a task made before its body runs, on the event loop; gives what is stored of it.

        Raises:
            Interrupt: It could not be made, or the execution ended meanwhile.
        """
        if self.interrupted:
            raise Interrupt
        assert self.register is not None
        try:
            state = await self.register.begin_task(self.run_id, self.epoch, record)
        except (ExecutionError, StorageError) as error:
            raise self.give_up(Abandoned(f"{error.code}: {error.message}")) from error
        if self.interrupted:
            raise Interrupt
        return state

    async def end_early(self) -> NoReturn:
        """End the execution before its next task, on the event loop.

        Raises:
            Interrupt: Always.
        """
        if self.interrupted:
            raise Interrupt
        raise self.give_up(Abandoned("the execution ends between two tasks"))

    async def callback_url(self, task_id: str) -> str:
        """Give the URL where a request completes a task, on the event loop.

        Raises:
            Interrupt: It cannot be told: the execution is over.
        """
        try:
            return await self._platform.callback_url(task_id)
        except (ExecutionError, StorageError) as error:
            raise self.give_up(Abandoned(f"{error.code}: {error.message}")) from error

    async def perform(self, record: TaskRecord, call: StateCall) -> StateOutcome:
        """Let the platform do a task's work on state and store what came of it; returns when it is durable.

        Raises:
            Interrupt: It could not be stored, or the execution ended meanwhile.
        """
        if self.interrupted:
            raise Interrupt
        stored = self._announce(record)
        try:
            outcome = await self._platform.perform_task(self.run_id, self.epoch, record, call)
        except (ExecutionError, StorageError) as error:
            raise self.give_up(Abandoned(f"{error.code}: {error.message}")) from error
        finally:
            self._has_come(record, stored)
        if self.interrupted:
            raise Interrupt
        return outcome

    def _announce(self, record: TaskRecord) -> asyncio.Future[None]:
        """Note that the rows of these tasks are on their way; the future is done when they have come."""
        stored: asyncio.Future[None] = self._loop.create_future()
        if self._being_stored is None:
            self._being_stored = {}
        for one in (*record.ancestors, record):
            self._being_stored[one.id] = stored
        return stored

    def _has_come(self, record: TaskRecord, stored: asyncio.Future[None]) -> None:
        stored.set_result(None)
        assert self._being_stored is not None
        for one in (*record.ancestors, record):
            self._being_stored.pop(one.id, None)

    async def store_begun(self, task: OpenTask) -> None:
        """Return when it is durable that a task has begun, and the tasks around it.

        Raises:
            Interrupt: It could not be stored, or the execution ended meanwhile.
        """
        # Made and handed over in one step: the writer takes records in the order in which they say what is stored.
        chain = self.before(task)
        if chain:
            last = chain[-1]
            last.ancestors = chain[:-1]
            await self.record(last)
        outer: OpenTask | None = task
        while outer is not None:
            on_its_way = None if self._being_stored is None else self._being_stored.get(outer.id)
            if on_its_way is not None:
                await asyncio.shield(on_its_way)
            outer = outer.parent
        if self.interrupted:
            raise Interrupt

    def before(self, parent: OpenTask | None) -> tuple[TaskRecord, ...]:
        """What must be stored together with a task's record, ahead of it: log lines and enclosing tasks."""
        if parent is None or parent.is_stored:
            return self.lines.take() if self.lines.waiting else ()
        return (*self.begun(parent), *self.lines.take())

    def begun(self, task: OpenTask | None) -> list[TaskRecord]:
        """Make the records of a task that has begun and of those around it, as far as they are not stored."""
        chain: list[TaskRecord] = []
        while task is not None and not task.is_stored:
            chain.append(task.record(TaskStatus.RUNNING))
            task = task.parent
        chain.reverse()
        return chain
