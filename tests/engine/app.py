"""An app whose jobs are scripts over the bare protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from msgspec import Raw, UnsetType

from perdure.engine.clock import Clock
from perdure.errors import NotFoundError
from perdure.protocol.endpoint import (
    EventTriggerSpec,
    HttpEndpointSpec,
    Index,
    JobSpec,
    LimitSpec,
    SourceSpec,
    TriggerSpec,
)
from perdure.protocol.execution import (
    Abandoned,
    ErrorInfo,
    ExecutionRequest,
    ExecutionResult,
    JsonText,
    Suspended,
    TaskRecord,
    TaskState,
)
from perdure.protocol.json_text import load
from perdure.protocol.messages.delivery import (
    NormalizedResponse,
    SourceDelivery,
    SourceDeliveryAnswer,
    WebhookDelivery,
    WebhookDeliveryAnswer,
)
from perdure.protocol.messages.events import RawEvent
from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody
from perdure.protocol.platform import Platform
from perdure.protocol.received import GivenResponse, ReceivedRequest
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import EventWait, InvokeRequest, RunsWait, TaskWait

Script = Callable[["Execution"], Awaitable[ExecutionResult]]


class Execution:
    """One execution, with what a script needs."""

    def __init__(self, app: ScriptedApp, request: ExecutionRequest) -> None:
        self.app = app
        self.request = request
        self.run_id = request.run.id
        self.epoch = request.epoch
        self.known = {task.id: task for task in request.tasks}

    def task_id(self, key: str) -> str:
        return f"task_{sha256(f'{self.run_id} {key}'.encode()).hexdigest()[:26]}"

    def state(self, key: str) -> TaskState | None:
        return self.known.get(self.task_id(key))

    def is_over(self, key: str) -> bool:
        state = self.state(key)
        return state is not None and state.status.is_final

    def waits(self, key: str) -> bool:
        state = self.state(key)
        return state is not None and state.status is TaskStatus.WAITING

    def record(
        self,
        key: str,
        status: TaskStatus = TaskStatus.COMPLETED,
        *,
        operation: str = "run_task",
        name: str | None = None,
        output: str | None = None,
        error: ErrorInfo | None = None,
        noop: bool = False,
        attempts: int = 1,
        delay_until: datetime | None = None,
        attempt_error: ErrorInfo | None = None,
        parent: str | None = None,
        ancestors: tuple[TaskRecord, ...] = (),
        is_new: bool | None = None,
        wait: TaskWait | None = None,
    ) -> TaskRecord:
        now = self.app.clock.now()
        return TaskRecord(
            self.task_id(key),
            sha256(f"{self.run_id}:{parent or ''}:{key}".encode()).hexdigest(),
            None if parent is None else self.task_id(parent),
            operation,
            key if name is None else name,
            status,
            now,
            display_key=key,
            noop=noop,
            attempts=attempts,
            output=None if output is None else JsonText(output),
            error=error,
            delay_until=delay_until,
            completed_at=now if status.is_final else None,
            is_new=self.state(key) is None if is_new is None else is_new,
            attempt_error=attempt_error,
            ancestors=ancestors,
            wait=wait,
        )

    async def store(self, record: TaskRecord) -> None:
        await self.app.platform.record_task(self.run_id, self.epoch, record)

    async def run(self, key: str, output: str = "1") -> None:
        """A task whose body is nothing: stored once, not again on replay."""
        if not self.is_over(key):
            self.app.bodies.append((self.run_id, key))
            await self.store(self.record(key, output=output))

    async def wait_for_runs(
        self, key: str, *requests: InvokeRequest, timeout: float | None = 3600
    ) -> ExecutionResult | None:
        """A wait for runs: ``None`` if it is over, else what the execution ends with."""
        if self.is_over(key):
            return None
        if not self.waits(key):
            record = self.record(key, TaskStatus.WAITING, operation="invoke_and_wait")
            record.wait = RunsWait(requests, timeout)
            await self.store(record)
        return Suspended((self.task_id(key),))

    async def sleep(self, key: str, seconds: float) -> str | None:
        """A wait: ``None`` if it is over, else the id of the task that waits."""
        if self.is_over(key):
            return None
        if self.state(key) is None:
            until = self.app.clock.now() + timedelta(seconds=seconds)
            await self.store(self.record(key, TaskStatus.WAITING, operation="wait", noop=True, delay_until=until))
        return self.task_id(key)

    async def wait_outside(self, key: str, wait: TaskWait) -> str | None:
        """A wait for something from outside: ``None`` if it is over, else the id of the task that waits."""
        if self.is_over(key):
            return None
        if not self.waits(key):
            operation = "wait_for_event" if isinstance(wait, EventWait) else "wait_for_request"
            await self.store(self.record(key, TaskStatus.WAITING, operation=operation, wait=wait))
        return self.task_id(key)


class ScriptedApp:
    """Implements `perdure.protocol.endpoint.Endpoint`."""

    platform: Platform

    def __init__(self, clock: Clock, *, endpoint_id: str = "app") -> None:
        self.clock = clock
        self.endpoint_id = endpoint_id
        self.jobs: list[JobSpec] = []
        self.dynamic_schedules: list[str] = []
        self.http_endpoints: list[HttpEndpointSpec] = []
        self.responses: dict[str, GivenResponse | Exception] = {}
        self.sources: list[SourceSpec] = []
        self.handed: list[SourceDelivery | WebhookDelivery] = []
        self.source_answers: list[SourceDeliveryAnswer | Exception] = []
        self.scripts: dict[str, Script] = {}
        self.is_remote = False
        self.executions: list[Execution] = []
        self.failures: list[BaseException] = []
        self.bodies: list[tuple[str, str]] = []
        self.resolved: list[tuple[str, int, list[str]]] = []
        self.aborted: list[str] = []
        self.notified: list[tuple[str, Any]] = []
        self.deaf_for = 0
        self.kept: dict[str, tuple[str, ...]] = {}
        self.is_missing: set[str] = set()
        self.resolve_event = asyncio.Event()
        self._events: dict[str, asyncio.Event] = {}

    def job(
        self,
        job_id: str,
        script: Script,
        trigger: TriggerSpec | None = None,
        *,
        version: str = "1.0.0",
        enabled: bool = True,
        limit: LimitSpec | None = None,
        notify_success: bool = False,
        notify_failure: bool = False,
        hosted: dict[str, str] | None = None,
    ) -> ScriptedApp:
        """Declare a job, or declare it anew; without a trigger it starts with events of its own name."""
        self.jobs = [spec for spec in self.jobs if spec.id != job_id]
        trigger = trigger or EventTriggerSpec((job_id,))
        integrations = tuple((hosted or {}).items())
        self.jobs.append(
            JobSpec(
                job_id, job_id, version, trigger, enabled, limit, notify_success, notify_failure, hosted=integrations
            )
        )
        self.scripts[job_id] = script
        return self

    async def index(self) -> Index:
        declared = (tuple(self.dynamic_schedules), tuple(self.http_endpoints), tuple(self.sources))
        return Index(self.endpoint_id, tuple(self.jobs), *declared, is_remote=self.is_remote)

    async def deliver_source(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
        self.handed.append(delivery)
        self.signal("hand over")
        answer = self.source_answers.pop(0) if self.source_answers else _made(delivery, body)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def deliver_webhook(self, delivery: WebhookDelivery, body: bytes) -> WebhookDeliveryAnswer:
        self.handed.append(delivery)
        return WebhookDeliveryAnswer(response=NormalizedResponse(status=200), verified=True)

    async def initialize_trigger(self, body: InitializeTriggerBody) -> RegisterTriggerBody:
        raise NotFoundError("There is none.")

    async def respond(self, key: str, request: ReceivedRequest) -> GivenResponse:
        response = self.responses[key]
        if isinstance(response, Exception):
            raise response
        return response

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        execution = Execution(self, request)
        self.executions.append(execution)
        self.signal(f"execute {request.job.id} {request.epoch}")
        if request.job.id in self.is_missing:
            return Abandoned(f"no code for job {request.job.id}", no_code=True)
        try:
            return await self.scripts[request.job.id](execution)
        except (AssertionError, pytest.fail.Exception) as failure:
            # Raised on, it would only make the engine execute again; `world` raises it in the test.
            self.failures.append(failure)
            return Abandoned("a script's assertion failed")

    def held(self, run_id: str) -> tuple[str, ...] | None:
        return self.kept.get(run_id)

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        self.resolved.append((run_id, epoch, [task.status for task in tasks]))
        self.signal("resolve")
        return True

    async def notify(self, job_id: str, notification: JsonText) -> None:
        self.notified.append((job_id, load(notification)))
        self.signal("notify")
        if self.deaf_for > 0:
            self.deaf_for -= 1
            raise ValueError("not now")

    def abort(self, run_id: str, reason: str) -> None:
        self.aborted.append(run_id)
        self.signal("abort")

    def signal(self, name: str) -> None:
        """Say that something has happened."""
        self._events.setdefault(name, asyncio.Event()).set()

    def has_happened(self, name: str) -> bool:
        return name in self._events and self._events[name].is_set()

    def forget(self, name: str) -> None:
        """Let something not have happened yet."""
        self._events.pop(name, None)

    async def happened(self, name: str) -> None:
        """Wait until something has happened at least once."""
        async with asyncio.timeout(60):
            await self._events.setdefault(name, asyncio.Event()).wait()


def _made(delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
    """Make an event of a request, named after the key of its source, and count on the metadata."""
    count = 1 if isinstance(delivery.metadata, UnsetType) else load(bytes(delivery.metadata).decode()) + 1
    event = RawEvent(name=delivery.key, payload=Raw(body), source="vendor")
    return SourceDeliveryAnswer(
        events=[event], response=NormalizedResponse(status=200), metadata=Raw(str(count).encode())
    )
