"""Platform as it is on the wire: the v2 REST API, one small interface per noun (v2 protocol, section 4).

`perdure.protocol.platform` is what the two sides of one process say to each other; an HTTP client of the platform turns
its calls into these, and the server's API answers them. Each method is one route, with the messages of both directions;
``environment`` and key are the connection's, so no method names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from msgspec import Raw

    from perdure.protocol.messages.answers import CancelRunsAnswer, IdAnswer, OkAnswer, SourceAnswer, SuccessAnswer
    from perdure.protocol.messages.auth import ConnectionAnswer, ConnectionAuth, CreateConnectionBody, CreatedConnection
    from perdure.protocol.messages.dispatchers import EphemeralDispatcherBody
    from perdure.protocol.messages.endpoints import (
        EndpointIndexAnswer,
        EndpointIndexRecord,
        EndpointRecord,
        IndexEndpointBody,
        RegisterEndpointBody,
    )
    from perdure.protocol.messages.events import ApiEventLog, EventAnswer, SendEventBody, SendEventsBody
    from perdure.protocol.messages.identity import (
        AuthorizationCodeAnswer,
        TokenAnswer,
        TokenBody,
        UserAnswer,
        WhoamiAnswer,
    )
    from perdure.protocol.messages.jobs import InvokeJobBody, JobRunsPage
    from perdure.protocol.messages.run_statuses import JobRunStatusRecord, RunStatusesAnswer, StatusUpdate
    from perdure.protocol.messages.runs import LogBody, Run
    from perdure.protocol.messages.schedules import RegisterScheduleAnswer, RegisterScheduleBody
    from perdure.protocol.messages.sources import (
        RegisterSourceEvent,
        RegisterSourceEventV1,
        UpdateSourceBody,
        UpdateSourceBodyV1,
    )
    from perdure.protocol.messages.store import StoreDeleteAnswer, StoreGetAnswer, StoreSetAnswer
    from perdure.protocol.messages.tasks import (
        CompleteTaskBody,
        CompleteTaskRawBody,
        CreateTaskAnswer,
        CreateTaskBody,
        FailTaskBody,
        ServerTask,
    )
    from perdure.protocol.messages.triggers import RegisterTriggerBody
    from perdure.protocol.messages.tunnels import TunnelAnswer
    from perdure.protocol.messages.webhooks import UpdateWebhookBody


class EventRoutes(Protocol):
    """Events (section 4.1)."""

    async def send_event(self, body: SendEventBody) -> ApiEventLog: ...

    async def send_events(self, body: SendEventsBody) -> list[ApiEventLog]: ...

    async def cancel_event(self, event_id: str) -> ApiEventLog: ...

    async def cancel_runs_for_event(self, event_id: str) -> CancelRunsAnswer: ...

    async def get_event(self, event_id: str) -> EventAnswer: ...


class TaskRoutes(Protocol):
    """Tasks of a run, and their callbacks (section 4.2)."""

    async def create_task(self, run_id: str, body: CreateTaskBody, *, cached_cursor: str) -> CreateTaskAnswer: ...

    async def complete_task(
        self, run_id: str, task_id: str, body: CompleteTaskBody | CompleteTaskRawBody
    ) -> ServerTask: ...

    async def fail_task(self, run_id: str, task_id: str, body: FailTaskBody) -> ServerTask: ...

    async def call_back(self, task_id: str, secret: str, body: Raw) -> SuccessAnswer: ...


class RunRoutes(Protocol):
    """Runs and the jobs they are of (sections 4.3 and 4.4)."""

    async def get_run(
        self, run_id: str, *, cursor: str | None, take: int, subtasks: bool, taskdetails: bool
    ) -> Run: ...

    async def cancel_run(self, run_id: str) -> Run: ...

    async def get_run_statuses(self, run_id: str) -> RunStatusesAnswer: ...

    async def update_status(self, run_id: str, status_id: str, body: StatusUpdate) -> JobRunStatusRecord: ...

    async def log(self, run_id: str, body: LogBody) -> LogBody: ...

    async def get_runs(self, job_slug: str, *, cursor: str | None, take: int) -> JobRunsPage: ...

    async def invoke_job(self, job_slug: str, body: InvokeJobBody, *, idempotency_key: str | None) -> IdAnswer: ...

    async def cancel_runs_for_job(self, job_slug: str) -> CancelRunsAnswer: ...


class StoreRoutes(Protocol):
    """The key-value store, by namespaced key; values are opaque text (section 4.5)."""

    async def get_value(self, key: str) -> StoreGetAnswer: ...

    async def has_value(self, key: str) -> bool: ...

    async def set_value(self, key: str, value: str) -> StoreSetAnswer: ...

    async def delete_value(self, key: str) -> StoreDeleteAnswer: ...


class RegistrationRoutes(Protocol):
    """What an app registers while it runs: schedules, triggers, sources, webhooks, waits (sections 4.6 to 4.9)."""

    async def register_schedule(
        self, endpoint_slug: str, schedule_id: str, body: RegisterScheduleBody
    ) -> RegisterScheduleAnswer: ...

    async def unregister_schedule(self, endpoint_slug: str, schedule_id: str, key: str) -> OkAnswer: ...

    async def register_trigger(
        self, endpoint_slug: str, trigger_id: str, key: str, body: RegisterTriggerBody, *, idempotency_key: str | None
    ) -> RegisterSourceEvent: ...

    async def register_trigger_v1(
        self, endpoint_slug: str, trigger_id: str, key: str, body: RegisterTriggerBody, *, idempotency_key: str | None
    ) -> RegisterSourceEventV1: ...

    async def update_source(
        self, endpoint_slug: str, key: str, body: UpdateSourceBody | UpdateSourceBodyV1
    ) -> SourceAnswer: ...

    async def update_webhook(self, key: str, body: UpdateWebhookBody) -> SourceAnswer: ...

    async def create_ephemeral_dispatcher(self, body: EphemeralDispatcherBody) -> IdAnswer: ...


class ConnectionRoutes(Protocol):
    """Credentials of integrations (section 4.10)."""

    async def get_auth(self, endpoint_slug: str, integration_id: str) -> ConnectionAuth | None: ...

    async def get_connection(self, integration_slug: str, connection_id: str) -> ConnectionAnswer: ...

    async def create_connection(
        self, account_id: str, integration_slug: str, body: CreateConnectionBody
    ) -> CreatedConnection: ...


class EndpointRoutes(Protocol):
    """Who is calling, tunnels, endpoints and their indexing (sections 4.11 and 4.12)."""

    async def whoami(self) -> WhoamiAnswer: ...

    async def get_user(self) -> UserAnswer: ...

    async def create_authorization_code(self) -> AuthorizationCodeAnswer: ...

    async def get_token(self, body: TokenBody) -> TokenAnswer: ...

    async def create_tunnel(self) -> TunnelAnswer: ...

    async def register_endpoint(self, body: RegisterEndpointBody) -> EndpointRecord: ...

    async def get_endpoint_index(self, index_id: str) -> EndpointIndexAnswer: ...

    async def index_endpoint(self, endpoint_slug: str, body: IndexEndpointBody) -> EndpointIndexRecord: ...

    async def index_after_deploy(self, environment_id: str, endpoint_slug: str, hook: str) -> OkAnswer: ...
