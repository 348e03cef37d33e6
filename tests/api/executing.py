"""A run that an endpoint of the v2 protocol executes as long as a test lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ExecutionResult, Succeeded
from tests.api.client import Answer, ApiClient, serving
from tests.api.test_runs import invoke
from tests.engine.app import Execution, ScriptedApp


async def done(_execution: Execution) -> ExecutionResult:
    return Succeeded(None)


KEY = "a" * 64


OTHER = "b" * 64


LAZY = {"Trigger-Version": "2023-09-29"}


class Endpoint:
    """A run that an endpoint executes until the test has done with it."""

    def __init__(self, api: ApiClient, run_id: str) -> None:
        self.api = api
        self.run_id = run_id

    async def create(self, key: str = KEY, *, header: str | None = None, **members: Any) -> Answer:
        sent = {**LAZY, "Idempotency-Key": key if header is None else header, "X-Cached-Tasks-Cursor": ""}
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks", {"idempotencyKey": key, **members}, **sent)

    async def complete(self, task_id: str, body: Any, **headers: str) -> Answer:
        headers = headers or {"Trigger-Version": "2023-11-01"}
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks/{task_id}/complete", body, **headers)

    async def fail(self, task_id: str, error: Any) -> Answer:
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks/{task_id}/fail", {"error": error})


@asynccontextmanager
async def executing() -> AsyncIterator[Endpoint]:
    done = asyncio.Event()

    async def waits(execution: Execution) -> ExecutionResult:
        await done.wait()
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("waits", waits)) as api:
        try:
            yield Endpoint(api, await invoke(api, "waits"))
        finally:
            done.set()
