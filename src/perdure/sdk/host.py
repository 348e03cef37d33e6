"""The direct Endpoint: executes the jobs of a client in this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextvars import Context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from perdure.config.settings import MAX_THREADS
from perdure.errors import RunError
from perdure.protocol.execution import Abandoned, ExecutionRequest, ExecutionResult, TaskState
from perdure.protocol.ids import TASK_PREFIX, IdGenerator
from perdure.sdk import recording
from perdure.sdk.crossing import Crossing
from perdure.sdk.declarations import Declarations
from perdure.sdk.execution import Execution
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.io.logger import say_dropped
from perdure.sdk.leftovers import LEAVING_SECONDS, Leftovers
from perdure.sdk.program import Program
from perdure.sdk.reports import LoopReports
from perdure.sdk.task_factory import TaskFactory
from perdure.sdk.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.protocol.platform import Platform, TaskRegister
    from perdure.sdk.client import Client
    from perdure.sdk.io.stand_ins import StandIns

ITEM_THREADS = 8
"""How many threads items of parallel blocks may have for each that jobs may have: they wait there, too."""
TICK_SECONDS = 0.1
"""How often log lines are stored that no task took along, and tasks that take long are shown as running."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        ...


class Host(Declarations):
    """Executes the jobs of one client.

    Args:
        client: The client, whose definitions may change: each is looked up when it is needed.
        force_replay: Keep nothing: every suspension replays.
        stand_ins: What answers tasks in place of their bodies, in tests.
        max_threads: How many threads plain jobs have at most, and plain bodies of async code as many again.
        register: Where each task is made before its body runs, if it says so; ``None``: nowhere.
    """

    def __init__(
        self,
        client: Client,
        *,
        force_replay: bool = False,
        stand_ins: StandIns | None = None,
        max_threads: int = MAX_THREADS,
        register: TaskRegister | None = None,
    ) -> None:
        super().__init__(client)
        # Every wait is to be a suspension then.
        self.is_patient = not force_replay
        self.stand_ins = stand_ins
        self.register = register
        self._active: dict[str, Execution] = {}
        self._leftovers = Leftovers(self._spawn, force_replay=force_replay)
        self._max_threads = max_threads
        self._factory: TaskFactory | None = None
        self._reports: LoopReports | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()

    def connect(
        self,
        platform: Platform,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """Give the host its platform and sources of time and chance; call it on the event loop that executes."""
        self.platform = platform
        self.now = clock.now
        self.random_bytes = random_bytes
        self._ids = IdGenerator(random_bytes, clock.now_ms)
        self._ids_lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self.crossing = crossing = Crossing(self._loop)
        self.job_threads = ThreadPool(crossing, "perdure-job", self._max_threads)
        self.body_threads = ThreadPool(crossing, "perdure-body", self._max_threads)
        self.item_threads = ThreadPool(crossing, "perdure-item", ITEM_THREADS * self._max_threads)
        self._reports = LoopReports(self._loop)
        self._factory = TaskFactory(self._loop)
        self._factory.install()

    # What executions need.

    def new_task_id(self) -> str:
        """Make a task id; later ones sort behind earlier ones. Threads may ask, too."""
        with self._ids_lock:
            return self._ids.new(TASK_PREFIX)

    def random(self) -> float:
        """Draw a number, uniform in [0, 1)."""
        return int.from_bytes(self.random_bytes(7), "big") / (1 << 56)

    def flush_soon(self, execution: Execution) -> None:
        """Have the log lines stored that wait in an execution; from any thread."""
        if not execution.lines.is_flush_due:
            execution.lines.is_flush_due = True
            # Once the loop is closed there is nobody left to store them.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._flush, execution, context=self.crossing.context)

    def _flush(self, execution: Execution) -> None:
        if not execution.interrupted:
            self._spawn(_quietly(execution.lines.flush()))

    # Endpoint.

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks a kept run waits for."""
        return self._leftovers.held(run_id)

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Run the job's function until it ends or every branch waits."""
        execution = self._leftovers.continue_run(request)
        if execution is None:
            if not request.is_complete:
                return Abandoned("the suspended run is no longer kept in memory", immediate=True)
            job = self._client.jobs.get(request.job.id)
            if job is None:
                return Abandoned(f"no code for job {request.job.id}", no_code=True)
            execution = Execution(request, self, self._loop)
            execution.start(Program(execution, job))
        self._active[request.run.id] = execution
        if self._tick is None:
            self._tick = self._loop.call_later(TICK_SECONDS, self._on_tick)
        try:
            result = await execution.outcome
            lines = execution.lines
            if (lines.waiting or lines.dropped) and not execution.interrupted:
                say_dropped(execution)
                await lines.flush()
        except Interrupt:
            result = execution.outcome.result()
        except asyncio.CancelledError:
            execution.give_up(Abandoned("the node stops", immediate=True))
            self._spawn(self._leftovers.unwind(execution, patience=LEAVING_SECONDS))
            raise
        finally:
            # The code of a run that was cancelled, and let go on since, may end only now.
            if self._active.get(request.run.id) is execution:
                del self._active[request.run.id]
        return await self._leftovers.leave(execution, result)

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        """Let branches of an execution at work go on whose waits are over."""
        execution = self._active.get(run_id)
        return execution is not None and execution.epoch == epoch and execution.resolve(tasks)

    def abort(self, run_id: str, reason: str) -> None:
        """Stop an execution at work, or forget a kept run."""
        execution = self._active.get(run_id)
        if execution is not None:
            execution.give_up(Abandoned(reason))
        self._leftovers.forget(run_id)

    async def stop(self) -> None:
        """Forget every kept run and let its code end; executions at work are ended by the engine."""
        self._leftovers.stop()
        if self._background:
            await asyncio.wait(self._background, timeout=10)
        await self._leftovers.leave_stubborn_code()
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if self._factory is not None:
            self._factory.uninstall()
            for pool in (self.job_threads, self.body_threads, self.item_threads):
                pool.stop()
            self.crossing.close()
        if self._reports is not None:
            self._reports.uninstall()

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _on_tick(self) -> None:
        self._tick = None
        self._leftovers.forget_old()
        for execution in self._active.values():
            if not execution.interrupted and (execution.lines.waiting or execution.open_tasks):
                self._spawn(_quietly(self._show_progress(execution)))
        if self._active or self._leftovers:
            self._tick = self._loop.call_later(TICK_SECONDS if self._active else 1.0, self._on_tick)

    async def _show_progress(self, execution: Execution) -> None:
        """Store the log lines that wait, and the beginnings of tasks that have been at work for a tick."""
        horizon = self.now() - timedelta(seconds=TICK_SECONDS)
        # Threads open and close tasks meanwhile.
        open_tasks = list(execution.open_tasks.values())
        begun = [task for task in open_tasks if not task.is_stored and task.started_at <= horizon]
        if begun:
            await recording.store_begun(execution, begun[-1])
        else:
            await execution.lines.flush()


async def _quietly(work: Any) -> None:
    """Run work that ends the execution by itself if it fails; what is refused is refused again where the job waits."""
    try:
        await work
    except (Interrupt, RunError):
        return
