"""The direct Endpoint: executes this process's jobs, and keeps suspended ones for a while.

A run that waits only for something near stays in memory (*sticky continuation*): when the engine executes it again
here, its code simply goes on. At most 1,000 runs, each at most 60 s; whatever was dropped replays.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import OrderedDict
from contextvars import Context
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from perdure.config.settings import MAX_THREADS
from perdure.errors import NotFoundError
from perdure.protocol.endpoint import Index
from perdure.protocol.execution import Abandoned, ExecutionRequest, ExecutionResult, Suspended, TaskState
from perdure.protocol.ids import TASK_PREFIX, IdGenerator
from perdure.protocol.received import ReceivedRequest
from perdure.sdk import recording
from perdure.sdk.branches import TaskFactory
from perdure.sdk.crossing import Crossing
from perdure.sdk.execution import Execution
from perdure.sdk.hooks import call_hooks
from perdure.sdk.http_request import HttpRequest
from perdure.sdk.interrupts import Interrupt
from perdure.sdk.io.logger import say_dropped
from perdure.sdk.notifications import notification_of
from perdure.sdk.program import Program
from perdure.sdk.reports import LoopReports
from perdure.sdk.threads import ThreadPool
from perdure.sdk.unwinding import UNWIND_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from perdure.protocol.execution import JsonText
    from perdure.protocol.messages.delivery import SourceDelivery, SourceDeliveryAnswer
    from perdure.protocol.platform import Platform, TaskRegister
    from perdure.protocol.received import GivenResponse
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.http_endpoint import HttpEndpoint
    from perdure.sdk.io.stand_ins import StandIns
    from perdure.sdk.job import Job

HELD_LIMIT = 1000
HELD_SECONDS = 60.0
ITEM_THREADS = 8
"""How many threads items of parallel blocks may have for each that jobs may have: they wait there, too."""
LEAVING_SECONDS = 1.0
"""How long code has to unwind when its node stops; its execution has had its time to end."""
TICK_SECONDS = 0.1
"""How often log lines are stored that no task took along, and tasks that take long are shown as running."""

NO_ENDPOINTS: Mapping[str, HttpEndpoint] = MappingProxyType({})
NO_TRIGGERS: Mapping[str, DynamicTrigger[Any]] = MappingProxyType({})


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        ...


class Host:
    """Executes the jobs of one client.

    Args:
        client_id: The client's id, which names the endpoint.
        jobs: The jobs by id; looked up at each execution, so they may change.
        force_replay: Keep nothing: every suspension replays.
        dynamic_schedules: The ids of the client's dynamic schedules.
        http_endpoints: The client's HTTP endpoints by id.
        dynamic_triggers: The client's dynamic triggers by id.
        stand_ins: What answers tasks in place of their bodies, in tests.
        max_threads: How many threads plain jobs have at most, and plain bodies of async code as many again.
        register: Where each task is made before its body runs, if it says so; ``None``: nowhere.
    """

    def __init__(
        self,
        client_id: str,
        jobs: dict[str, Job[Any, Any]],
        *,
        force_replay: bool = False,
        dynamic_schedules: Collection[str] = (),
        http_endpoints: Mapping[str, HttpEndpoint] = NO_ENDPOINTS,
        dynamic_triggers: Mapping[str, DynamicTrigger[Any]] = NO_TRIGGERS,
        stand_ins: StandIns | None = None,
        max_threads: int = MAX_THREADS,
        register: TaskRegister | None = None,
    ) -> None:
        self._client_id = client_id
        self._dynamic_schedules = dynamic_schedules
        self._http_endpoints = http_endpoints
        self._dynamic_triggers = dynamic_triggers
        self._jobs = jobs
        self._force_replay = force_replay
        # Every wait is to be a suspension then.
        self.is_patient = not force_replay
        self.stand_ins = stand_ins
        self.register = register
        self._active: dict[str, Execution] = {}
        self._held: OrderedDict[str, tuple[Execution, float]] = OrderedDict()
        self._max_threads = max_threads
        self._factory: TaskFactory | None = None
        self._reports: LoopReports | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._unwinding: set[Execution] = set()
        self._is_stopping = False

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

    async def index(self) -> Index:
        """List the client's jobs, dynamic schedules and HTTP endpoints."""
        jobs = tuple(job.spec() for job in self._jobs.values())
        endpoints = tuple(endpoint.spec() for endpoint in self._http_endpoints.values())
        return Index(
            self._client_id,
            jobs,
            tuple(self._dynamic_schedules),
            endpoints,
            dynamic_triggers=tuple(self._dynamic_triggers),
        )

    async def deliver_source(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
        """Make events of a request to the source of a dynamic trigger.

        Raises:
            Exception: What the source's function raised; the request is to be handed over again.
        """
        trigger = self._dynamic_triggers.get(str(delivery.dynamic_id))
        if trigger is None:
            raise NotFoundError(f"There is no dynamic trigger {delivery.dynamic_id!r} in this process.")
        received = ReceivedRequest(delivery.http_method, delivery.http_url, delivery.http_headers, body, self.now())
        work = trigger.source.answer(delivery, HttpRequest.of(received), self.body_threads.run)
        # In a context of its own: whoever asks is outside of every run.
        return await self._loop.create_task(work, context=Context())

    async def respond(self, key: str, request: ReceivedRequest) -> GivenResponse:
        """Answer a request to an HTTP endpoint whose app wants to answer it.

        Raises:
            PerdureError: It does not say what to answer.
        """
        from perdure.sdk.http_responses import respond

        endpoint = self._http_endpoints.get(key)
        if endpoint is None or endpoint.respond_with is None:
            raise NotFoundError(f"There is no HTTP endpoint {key!r} in this process that answers requests.")
        # In a context of its own: whoever asks is outside of every run.
        task = self._loop.create_task(respond(endpoint, request, self.body_threads.run), context=Context())
        return await task

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks a kept run waits for."""
        entry = self._held.get(run_id)
        return tuple(entry[0].parking.parks) if entry is not None else None

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Run the job's function until it ends or every branch waits."""
        execution = self._continue(request)
        if execution is None:
            if not request.is_complete:
                return Abandoned("the suspended run is no longer kept in memory", immediate=True)
            job = self._jobs.get(request.job.id)
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
            self._spawn(self._unwind(execution, patience=LEAVING_SECONDS))
            raise
        finally:
            # The code of a run that was cancelled, and let go on since, may end only now.
            if self._active.get(request.run.id) is execution:
                del self._active[request.run.id]
        return await self._leave(execution, result)

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        """Let branches of an execution at work go on whose waits are over."""
        execution = self._active.get(run_id)
        return execution is not None and execution.epoch == epoch and execution.resolve(tasks)

    def abort(self, run_id: str, reason: str) -> None:
        """Stop an execution at work, or forget a kept run."""
        execution = self._active.get(run_id)
        if execution is not None:
            execution.give_up(Abandoned(reason))
        self._forget(run_id)

    async def notify(self, job_id: str, notification: JsonText) -> None:
        """Call the hooks of a job whose run has ended.

        Raises:
            Exception: What the first hook that failed raised; the notification is to be told again.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(f"There is no job {job_id!r} in this process.")
        told = notification_of(notification, job.output_codec)
        await call_hooks(job.hooks(ok=told.ok), told, self.body_threads.run)

    async def stop(self) -> None:
        """Forget every kept run and let its code end; executions at work are ended by the engine."""
        self._is_stopping = True
        for run_id in list(self._held):
            self._forget(run_id)
        if self._background:
            await asyncio.wait(self._background, timeout=10)
        await self._leave_stubborn_code()
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

    # Keeping suspended runs.

    def _continue(self, request: ExecutionRequest) -> Execution | None:
        """Continue the kept run, if it is there and one of its waits is over."""
        entry = self._held.pop(request.run.id, None)
        if entry is None:
            return None
        execution = entry[0]
        if not execution.interrupted and execution.go_on(request):
            return execution
        self._spawn(self._unwind(execution))
        return None

    async def _leave(self, execution: Execution, result: ExecutionResult) -> ExecutionResult:
        """Keep a suspended run, or unwind what is left of its code."""
        if isinstance(result, Suspended) and not execution.interrupted and self._may_hold(execution):
            execution.hold()
            self._held[execution.run_id] = (execution, self._loop.time() + HELD_SECONDS)
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
        return due is None or due - self.now() <= timedelta(seconds=HELD_SECONDS)

    def _forget(self, run_id: str) -> None:
        entry = self._held.pop(run_id, None)
        if entry is not None:
            entry[0].interrupt()
            self._spawn(self._unwind(entry[0]))

    async def _leave_stubborn_code(self) -> None:
        """Let whoever ends the loop not wait for code of cancelled runs that swallows its cancellation."""
        branches = [branch for one in self._unwinding for branch in one.branches.all.values()]
        tasks = [branch.task for branch in branches if branch.lane is None]
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVING_SECONDS)
            for execution in self._unwinding:
                execution.unwinding.stop_waiting()
            await asyncio.sleep(0)

    async def _unwind(self, execution: Execution, *, patience: float = UNWIND_SECONDS) -> None:
        execution.interrupt()
        await execution.unwind(patience=patience)
        execution.release()

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work, context=Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _on_tick(self) -> None:
        self._tick = None
        now = self._loop.time()
        while self._held:
            run_id, (_, until) = next(iter(self._held.items()))
            if until > now:
                break
            self._forget(run_id)
        for execution in self._active.values():
            if not execution.interrupted and (execution.lines.waiting or execution.open_tasks):
                self._spawn(_quietly(self._show_progress(execution)))
        if self._active or self._held:
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
    """Run work that ends the execution by itself if it fails."""
    try:
        await work
    except Interrupt:
        return


def _with_warnings(result: ExecutionResult, execution: Execution, more: tuple[str, ...]) -> ExecutionResult:
    memo = execution.memo
    if isinstance(result, Abandoned) or not (memo.warnings or memo.task_warnings or more):
        return result
    task_warnings = () if memo.task_warnings is None else tuple(memo.task_warnings.items())
    return replace(result, warnings=(*memo.warnings, *more), task_warnings=task_warnings)
