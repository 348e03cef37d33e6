"""Endpoint: what the engine may ask of an app."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from perdure.protocol.execution import ExecutionRequest, ExecutionResult, JsonText, TaskState


class EventTriggerSpec(Struct, frozen=True):
    """A job that starts when an event matches: any of the names, the source, and both filters."""

    names: tuple[str, ...]
    source: str = "trigger.dev"
    filter: JsonText | None = None
    context_filter: JsonText | None = None


class InvokeTriggerSpec(Struct, frozen=True):
    """A job that starts only when it is invoked."""


TriggerSpec = EventTriggerSpec | InvokeTriggerSpec


class JobSpec(Struct, frozen=True):
    """A job as an app registers it (v2 protocol, section 3.5)."""

    id: str
    name: str
    version: str
    trigger: TriggerSpec
    enabled: bool = True


class Index(Struct, frozen=True):
    """Everything an app declares."""

    endpoint_id: str
    jobs: tuple[JobSpec, ...]


class Endpoint(Protocol):
    """An app, as the engine sees it. Direct in one process, over HTTP, or over a worker's connection."""

    async def index(self) -> Index:
        """List what the app declares."""
        ...

    async def execute(self, request: ExecutionRequest) -> ExecutionResult:
        """Run the job's function until it ends or every branch waits."""
        ...

    def held(self, run_id: str) -> tuple[str, ...] | None:
        """Name the tasks the suspended run waits for, if this app still holds it in memory, else ``None``."""
        ...

    def resolve(self, run_id: str, epoch: int, tasks: list[TaskState]) -> bool:
        """Tell an execution at work that some of its waits are over; ``False`` if it is not known here."""
        ...

    def abort(self, run_id: str, reason: str) -> None:
        """Stop an execution at work, or forget a held run: nothing it writes from now on is accepted."""
        ...
