"""Endpoint: what the engine may ask of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from perdure.protocol.execution import ExecutionRequest, ExecutionResult, JsonText, TaskState
from perdure.protocol.schedules import CatchUp, Timing

if TYPE_CHECKING:
    from perdure.protocol.messages.delivery import (
        SourceDelivery,
        SourceDeliveryAnswer,
        WebhookDelivery,
        WebhookDeliveryAnswer,
    )
    from perdure.protocol.messages.triggers import InitializeTriggerBody, RegisterTriggerBody
    from perdure.protocol.received import GivenResponse, ReceivedRequest


class EventTriggerSpec(Struct, frozen=True):
    """A job that starts when an event matches: any of the names, the source, and both filters.

    ``is_lenient``: filters that are refused otherwise keep the meaning that v2 gives them.
    """

    names: tuple[str, ...]
    source: str = "trigger.dev"
    filter: JsonText | None = None
    context_filter: JsonText | None = None
    is_lenient: bool = False


class InvokeTriggerSpec(Struct, frozen=True):
    """A job that starts only when it is invoked."""


class ScheduleTriggerSpec(Struct, frozen=True):
    """A job that starts at the ticks of a schedule of its own.

    ``account_id``, ``metadata``: what its runs get, as those of a registration with a dynamic schedule do.
    """

    timing: Timing
    catch_up: CatchUp = "latest"
    account_id: str | None = None
    metadata: JsonText | None = None


class DynamicScheduleSpec(Struct, frozen=True):
    """A job that starts at the ticks of every registration with a dynamic schedule."""

    id: str


class DynamicTriggerSpec(Struct, frozen=True):
    """A job that starts with the events of every registration with a dynamic trigger."""

    id: str


TriggerSpec = EventTriggerSpec | InvokeTriggerSpec | ScheduleTriggerSpec | DynamicScheduleSpec | DynamicTriggerSpec


class LimitSpec(Struct, frozen=True):
    """How many executions may be at work at once: of one job, or of all jobs of a group (v2 protocol, section 6.12)."""

    most: int
    group: str | None = None


class JobSpec(Struct, frozen=True):
    """A job as an app registers it (v2 protocol, section 3.5).

    ``notify_success`` and ``notify_failure`` say whether the app wants to be told of runs that have ended so
    (`Endpoint.notify`); ``None``: it says so with what comes of a run. ``internal``: it belongs to the SDK of the app,
    and is not listed. ``hosted``: the integrations whose credentials the platform keeps, each as the job's own key for
    it with its id. ``is_preprocessed``: the app is to be asked what is to be shown of a run before it is executed (v2
    protocol, section 3.7).
    """

    id: str
    name: str
    version: str
    trigger: TriggerSpec
    enabled: bool = True
    limit: LimitSpec | None = None
    notify_success: bool | None = False
    notify_failure: bool | None = False
    internal: bool = False
    hosted: tuple[tuple[str, str], ...] = ()
    is_preprocessed: bool = False


class SourceSpec(Struct, frozen=True):
    """A webhook or an external source that an app wants registered with a vendor (v2 protocol, sections 11.2 and 11.3).

    ``wanted``: lists of values by name, such as the events that it is to send. ``hosted``: its integration, if the
    platform keeps the credentials of that.
    """

    key: str
    params: JsonText
    wanted: dict[str, list[str]]
    is_webhook: bool = False
    hosted: str | None = None


class HttpEndpointSpec(Struct, frozen=True):
    """A URL of the platform's that takes requests for an app (v2 protocol, section 11.1).

    ``response_filter``: which requests the app itself answers, none if ``None``; if ``skips_runs``, these start no run.
    ``delivery_id``: the member of a JSON body that names a delivery, for senders who name it there.
    """

    key: str
    source: str
    enabled: bool = True
    response_filter: JsonText | None = None
    skips_runs: bool = False
    delivery_id: str | None = None


class Index(Struct, frozen=True):
    """Everything an app declares.

    ``is_remote``: its code is in another process than the node that asks it. ``warnings``: where what is registered is
    not what was declared, as sentences. ``gone``: the jobs that it has declared before and no longer, by id.
    """

    endpoint_id: str
    jobs: tuple[JobSpec, ...]
    dynamic_schedules: tuple[str, ...] = ()
    http_endpoints: tuple[HttpEndpointSpec, ...] = ()
    sources: tuple[SourceSpec, ...] = ()
    dynamic_triggers: tuple[str, ...] = ()
    is_remote: bool = False
    warnings: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


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

    async def notify(self, job_id: str, notification: JsonText) -> None:
        """Tell the app that a run of a job has ended; what it raises means that it is to be told again later.

        ``notification`` is the body of RUN_NOTIFICATION (v2 protocol, section 6.10).

        Raises:
            NotFoundError: Nobody is there, or has no such job any more: it is to be told when the app is back.
        """
        ...

    def abort(self, run_id: str, reason: str) -> None:
        """Stop an execution at work, or forget a held run: nothing it writes from now on is accepted."""
        ...


@runtime_checkable
class DistantApp(Protocol):
    """An app that may be away, and can be asked whether it is there."""

    async def is_there(self) -> bool:
        """Whether the app itself answers."""
        ...


@runtime_checkable
class Responder(Protocol):
    """An app that answers requests from outside itself; every `Endpoint` that has HTTP endpoints is one."""

    async def respond(self, key: str, request: ReceivedRequest) -> GivenResponse:
        """Answer a request to one of its HTTP endpoints (v2 protocol, section 3.10).

        Raises:
            PerdureError: It did not say how.
        """
        ...


@runtime_checkable
class SourceApp(Protocol):
    """An app that makes events of the requests of its sources (v2 protocol, section 3.9)."""

    async def deliver_source(self, delivery: SourceDelivery, body: bytes) -> SourceDeliveryAnswer:
        """Have it make events of a request."""
        ...


@runtime_checkable
class VendorApp(SourceApp, Protocol):
    """An app of the v2 protocol, which has webhooks, too (sections 3.8 and 3.11)."""

    async def deliver_webhook(self, delivery: WebhookDelivery, body: bytes) -> WebhookDeliveryAnswer:
        """Have it verify a request and send the events that it is."""
        ...

    async def initialize_trigger(self, body: InitializeTriggerBody) -> RegisterTriggerBody:
        """Have it say what a registration with a dynamic trigger listens to."""
        ...
