"""What executes an app's jobs on one event loop, for a platform elsewhere."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, Struct

from perdure.adapters.whereabouts import Whereabouts
from perdure.adapters.work import Work
from perdure.config.settings import load_settings
from perdure.errors import JsonError
from perdure.protocol.api_json import decode
from perdure.protocol.execution import Abandoned, Suspended
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.errors import EndpointErrorAnswer
from perdure.protocol.messages.execution import KnownTask
from perdure.protocol.noop_filter import NoopFilter
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.worker_messages import WorkerResolve
from perdure.sdk.host import Host
from perdure.sdk.leftovers import HELD_LIMIT
from perdure.sdk.start import is_replay_forced
from perdure.transport.execution_outcome import answer_of
from perdure.transport.execution_request import execution_request, known_state
from perdure.transport.native_results import write_result
from perdure.transport.wire_execution import WireExecution
from perdure.transport.wire_platform import WirePlatform

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from perdure.protocol.execution import ExecutionRequest, ExecutionResult
    from perdure.protocol.messages.execution import RunJobBody
    from perdure.protocol.messages.tasks import ServerTask
    from perdure.protocol.runs import RunAnswer as AnyRun
    from perdure.sdk.client import Client

_FAILED: Final = 500
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class WallClock:
    """The clock of the machine, in whole milliseconds."""

    def now(self) -> datetime:
        """The time in UTC."""
        return _UNIX + timedelta(milliseconds=time.time_ns() // 1_000_000)

    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class RunAnswer(Struct, frozen=True):
    """The body of an answer; ``is_native``: it is none of the v2 protocol's; ``status``: of the answer."""

    body: bytes
    is_native: bool
    status: int = 200


class Runtime:
    """Executes jobs on the running event loop, until that is shut down.

    Args:
        client: Whose jobs.
        keeps_runs: Whether suspended runs stay in memory for a while, where a server knows to go on with them here.
        outlives_servers: Whether an execution waits for a server that is started anew. That has it executed wherever,
            and what waits must not take the room of that.

    Raises:
        NotConnectedError: The client does not know its server.
    """

    def __init__(self, client: Client, *, keeps_runs: bool = False, outlives_servers: bool = True) -> None:
        url, api_key = client.connecting.server()
        self._clock = WallClock()
        self._outlives_servers = outlives_servers
        self._numbers = itertools.count(1)
        self._works: dict[str, Work] = {}
        self._kept: dict[str, dict[str, ServerTask]] = {}
        settings = load_settings()
        self.platform = WirePlatform(
            url,
            api_key,
            endpoint_id=client.id,
            is_signing=settings.require_signatures,
            outlives_servers=outlives_servers,
            told=self._take_notice,
        )
        self.host = Host(
            client,
            force_replay=not keeps_runs or is_replay_forced(),
            max_threads=settings.max_threads,
            register=self.platform,
        )
        # A wait costs a suspension, however short it is: what is over may not be told.
        self.host.is_patient = False
        self.host.connect(self.platform, self._clock, os.urandom)
        self._whereabouts = Whereabouts(self.platform, self._works, end=self._drop)
        self._end = _until_shut_down(self)

    async def begin(self) -> None:
        """Be closed when the event loop is shut down, if not before."""
        await anext(self._end)

    async def execute(
        self, body: RunJobBody, *, is_native: bool, time_left_ms: float | None = None
    ) -> RunAnswer | None:
        """Execute a run; ``None``: it was to go on, and is no longer in memory.

        Args:
            body: What is asked for.
            is_native: Whether the platform is perdure's.
            time_left_ms: How many milliseconds that may take, if the host of the app says so.

        Raises:
            JsonError, InvalidArgumentError: The body holds what is not taken.
        """
        request = execution_request(body, number=next(self._numbers))
        limits = [one for one in (body.run_chunk_execution_limit, time_left_ms) if one is not UNSET and one]
        limit_ms = min(limits, default=None)
        epoch = body.epoch if is_native and body.epoch is not UNSET else None
        has_all = epoch is not None and body.stored_tasks is not UNSET
        work = self._works.get(body.run.id)
        may_go_on = has_all and request.is_complete
        started_at, tasks = request.run.started_at, request.tasks
        if work is not None and may_go_on and epoch is not None and work.may_be(epoch, started_at, tasks):
            work.go_on_as(epoch, limit_ms=limit_ms)
            self.host.resolve(body.run.id, work.execution.number, request.tasks)
        else:
            execution = WireExecution(
                body.run.id,
                request.epoch,
                limit_ms=limit_ms,
                noops=NoopFilter.decode(body.noop_tasks_set) if body.noop_tasks_set else None,
                epoch=epoch,
                is_native=is_native,
                has_all=has_all,
                monotonic=time.monotonic,
            )
            work = self._begin(request, execution)
        result = await self._result(work)
        if not request.is_complete and isinstance(result, Abandoned) and result.immediate:
            return None
        return self._answer(result, work.execution)

    def _begin(self, request: ExecutionRequest, execution: WireExecution) -> Work:
        run_id = request.run.id
        kept = self._kept.pop(run_id, None)
        if request.is_complete:
            # Whatever executes this run here has lost it.
            self._abort(run_id, "the run is executed again")
        elif kept is not None:
            execution.tasks.update(kept)
        if execution.has_all:
            for task in request.tasks:
                execution.note_stored(task)
        self.platform.take_up(execution)
        result = asyncio.get_running_loop().create_task(self.host.execute(request))
        work = self._works[run_id] = Work(execution, result, request.run.started_at)
        if execution.has_all and self._outlives_servers:
            execution.doubt = lambda: work.watch(self._look, self._drop)
        result.add_done_callback(lambda _: self._is_over(execution))
        if execution.has_all:
            is_waiting = any(task.status is TaskStatus.WAITING for task in request.tasks)
            self._whereabouts.begin(work if is_waiting else None)
        return work

    def _is_over(self, execution: WireExecution) -> None:
        self.platform.forget(execution)
        execution.let_go()
        execution.doubt = None

    async def _result(self, work: Work) -> ExecutionResult:
        """Wait for what an execution comes to; a server that waits no more may ask for it again."""
        try:
            result = await asyncio.shield(work.result)
        except asyncio.CancelledError:
            if work.execution.has_all and self._outlives_servers and not work.is_given_up:
                work.watch(self._look, self._drop)
            else:
                work.result.cancel()
                await asyncio.wait([work.result])
                self._forget(work)
            raise
        except BaseException:
            self._forget(work)
            raise
        self._forget(work)
        return result

    async def _look(self, run_id: str) -> AnyRun:
        return await self.platform.get_run(run_id, take=1)

    def _drop(self, work: Work) -> None:
        """End an execution that the server has no use for."""
        run_id = work.execution.run_id
        # One that is over already must not take the next one of its run along.
        if self._works.get(run_id) is work:
            self._abort(run_id, "the server executes the run elsewhere, or no more")

    def _forget(self, work: Work) -> None:
        if self._works.get(work.execution.run_id) is work:
            del self._works[work.execution.run_id]

    def _abort(self, run_id: str, reason: str) -> None:
        work = self._works.pop(run_id, None)
        if work is not None:
            work.give_up()
        self.host.abort(run_id, reason)

    def _answer(self, result: ExecutionResult, execution: WireExecution) -> RunAnswer:
        if execution.problem is not None and isinstance(result, Abandoned):
            # As a failure of the app it is tried again with pauses, and not for ever.
            return RunAnswer(encode_message(EndpointErrorAnswer(message=execution.problem)), False, _FAILED)
        if execution.has_all:
            return RunAnswer(write_result(result, execution), True)
        answer = answer_of(result, execution, now_ms=self._clock.now_ms)
        named = self.host.held(execution.run_id) if isinstance(result, Suspended) else None
        if named is not None:
            if len(self._kept) >= HELD_LIMIT:
                # What the host has dropped since is of no use.
                self._kept = {run_id: one for run_id, one in self._kept.items() if self.host.held(run_id) is not None}
            self._kept[execution.run_id] = _with_parents(named, execution.tasks)
        return RunAnswer(encode_message(answer), False)

    def now(self) -> datetime:
        """The time in UTC."""
        return self._clock.now()

    def drain(self) -> None:
        """Let executions end between two tasks."""
        self.platform.is_stopping = True

    def abort_run(self, run_id: str) -> None:
        """End what executes of a run, or forget it if it is suspended."""
        self._kept.pop(run_id, None)
        self._abort(run_id, "the server has taken the run away")

    def resolve(self, over: WorkerResolve) -> None:
        """Let an execution at work go on where its waits are over; what comes too early for that is seen at its end.

        Raises:
            JsonError, MessageShapeError: It holds what is not taken.
        """
        work = self._works.get(over.run)
        if work is not None and work.execution.epoch == over.epoch:
            known = decode_message(over.tasks.encode(), list[KnownTask])
            states = [known_state(task) for task in known]
            for state in states:
                work.execution.note_stored(state)
            self.host.resolve(over.run, work.execution.number, states)

    def _take_notice(self, body: bytes) -> None:
        # One that cannot be read is of a later server: what it says is seen when the execution ends.
        with suppress(JsonError, MessageShapeError):
            self.resolve(decode(body, WorkerResolve))

    def abort(self) -> None:
        """End executions at once, wherever they are; they are executed again elsewhere."""
        for run_id in list(self._works):
            self._abort(run_id, "the app stops")

    async def close(self) -> None:
        """End what executes, and close every connection."""
        for work in list(self._works.values()):
            work.give_up()
            await work.close()
        self._whereabouts.end()
        # What still waits for a server would keep the host from its end.
        self.platform.store_no_more()
        await self.host.stop()
        await self.platform.close()


def _with_parents(task_ids: tuple[str, ...], tasks: dict[str, ServerTask]) -> dict[str, ServerTask]:
    """Choose tasks and those around them: what the answer of the next execution may have to name."""
    chosen = {task_id: tasks[task_id] for task_id in task_ids if task_id in tasks}
    for task in tuple(chosen.values()):
        parent = tasks.get(task.parent_id or "")
        if parent is not None:
            chosen[parent.id] = parent
    return chosen


async def _until_shut_down(runtime: Runtime) -> AsyncGenerator[None, Any]:
    # An event loop that is shut down closes the generators that were begun on it.
    try:
        yield
    finally:
        await asyncio.shield(runtime.close())
