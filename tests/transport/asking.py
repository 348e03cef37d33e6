"""An app behind a URL, and an execution that it is asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from perdure.protocol.execution import (
    EnvironmentInfo,
    EventInfo,
    ExecutionRequest,
    ExecutionResult,
    JobRef,
    JsonText,
    OrganizationInfo,
    ProjectInfo,
    RunInfo,
    TaskState,
    Tenant,
)
from perdure.protocol.messages.execution import RunMetadata
from perdure.protocol.statuses import EnvironmentType, TaskStatus
from perdure.transport.app_link import AppLink
from perdure.transport.http_endpoint import HttpEndpoint
from tests.transport.sending import sending
from tests.transport.server import Handler, Server, response, serving

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


TASK = {"id": "task_1", "name": "t", "noop": False, "status": "WAITING", "attempts": 1, "idempotencyKey": "k" * 64}


TENANT = Tenant(
    EnvironmentInfo("env_1", "dev", EnvironmentType.DEVELOPMENT),
    ProjectInfo("proj_1", "default", "Default"),
    OrganizationInfo("org_1", "default", "Default"),
)


STATES = [
    TaskState(
        "task_a", "a" * 64, None, "task", "done", TaskStatus.COMPLETED, False, 1, JsonText("1"), None, None, None
    ),
    TaskState("task_b", "b" * 64, None, "wait", "nap", TaskStatus.COMPLETED, True, 1, None, None, None, None),
    TaskState("task_c", "c" * 64, None, "task", "open", TaskStatus.RUNNING, False, 2, None, None, None, None),
]


REQUEST = ExecutionRequest(
    2,
    RunInfo("run_1", False, False, NOW),
    JobRef("job", "1.0.0"),
    EventInfo("e1", "user.created", JsonText('{"n":1}'), JsonText("{}"), NOW),
    TENANT,
    None,
    None,
    STATES,
    ("before",),
)


@asynccontextmanager
async def asking(answer: Handler | bytes) -> AsyncIterator[tuple[HttpEndpoint, Server, list[tuple[str, RunMetadata]]]]:
    told: list[tuple[str, RunMetadata]] = []

    async def listens(job_id: str, metadata: RunMetadata) -> None:
        told.append((job_id, metadata))

    async with serving(answer) as server, sending() as outbound:
        link = AppLink("shop", f"{server.origin}/api/trigger", api_keys=lambda: ["tr_dev_key"], requester=outbound)
        endpoint = HttpEndpoint(link, now=lambda: NOW, monotonic=lambda: 0.0, listens=listens)
        yield endpoint, server, told


async def execute(body: Any, *, status: str = "200 OK", headers: dict[str, str] | None = None) -> ExecutionResult:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with asking(response(data, status=status, headers=headers)) as (endpoint, _, _):
        return await endpoint.execute(REQUEST)
