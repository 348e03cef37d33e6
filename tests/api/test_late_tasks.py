"""Tasks of v2 apps that are asked for after the execution of their run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from tests.api.client import Answer, ApiClient, serving
from tests.api.remote_app import job, remote_app
from tests.api.test_runs import invoke
from tests.engine.app import ScriptedApp

KEYS = [f"{number:064}" for number in range(4)]


class Late:
    """A run whose app goes on after its end."""

    def __init__(self, api: ApiClient, run_id: str) -> None:
        self.api = api
        self.run_id = run_id

    async def create(self, key: str, **members: Any) -> dict[str, Any]:
        sent = {"Trigger-Version": "2023-09-29", "Idempotency-Key": key, "X-Cached-Tasks-Cursor": ""}
        answer = await self.api.post(f"/api/v1/runs/{self.run_id}/tasks", {"idempotencyKey": key, **members}, **sent)
        assert answer.status == 200, answer
        task: dict[str, Any] = answer.body["task"]
        return task

    async def settle(self, task_id: str, how: str, body: Any) -> Answer:
        headers = {"Trigger-Version": "2023-11-01"}
        return await self.api.post(f"/api/v1/runs/{self.run_id}/tasks/{task_id}/{how}", body, **headers)

    async def statuses(self) -> list[str]:
        run = await self.api.get(f"/api/v2/runs/{self.run_id}")
        return [task["status"] for task in run.body["tasks"]]


@asynccontextmanager
async def ended(**says: Any) -> AsyncIterator[Late]:
    async with serving(ScriptedApp(SystemClock())) as api, remote_app(job("leaves")) as app:
        app.says["EXECUTE_JOB"] = says
        await app.register(api)
        run_id = await invoke(api, "leaves")
        assert (await api.get(f"/api/runs/{run_id}/end?timeout=30")).status == 200
        yield Late(api, run_id)


OVER = [{"status": "SUCCESS"}, {"status": "ERROR", "error": {"message": "boom"}}]


@pytest.mark.parametrize("says", OVER, ids=["success", "failure"])
async def test_a_task_that_is_begun_after_the_end_is_done(says: dict[str, Any]) -> None:
    async with ended(**says) as late:
        for key in KEYS[:2]:
            # The answer may be lost, and the app asks again.
            assert (await late.create(key))["status"] == (await late.create(key))["status"] == "RUNNING"
        first, second = [(await late.create(key))["id"] for key in KEYS[:2]]
        inner = await late.create(KEYS[2], parentId=first, noop=True)
        assert (inner["status"], inner["parentId"]) == ("COMPLETED", first)
        done = await late.settle(first, "complete", {"output": "7"})
        assert (done.body["status"], done.body["output"]) == ("COMPLETED", 7)
        failed = await late.settle(second, "fail", {"error": {"message": "no"}})
        assert (failed.body["status"], failed.body["output"]["message"]) == ("ERRORED", "no")
        assert await late.statuses() == ["COMPLETED", "ERRORED"]
        # What it came to stays.
        again = await late.settle(first, "complete", {"output": "8"})
        assert (again.body["output"], (await late.create(KEYS[0]))["output"]) == (7, 7)


async def test_a_task_that_is_begun_after_the_end_and_never_done_does_not_stay_open() -> None:
    async with ended(status="SUCCESS") as late:
        await late.create(KEYS[0])
        assert await late.statuses() == ["CANCELED"]


@pytest.mark.parametrize(
    "members",
    [
        {"noop": True, "delayUntil": "2099-01-01T00:00:00.000Z"},
        {"callback": {"enabled": True}},
        {"operation": "fetch", "params": {"url": "http://127.0.0.1:1"}},
    ],
    ids=["wait", "callback", "operation"],
)
async def test_after_the_end_nothing_is_waited_for(members: dict[str, Any]) -> None:
    async with ended(status="SUCCESS") as late:
        assert (await late.create(KEYS[0], **members))["status"] == "CANCELED"
        assert await late.statuses() == []


async def test_a_run_that_ended_without_its_app_takes_no_more_tasks() -> None:
    async with ended(status="INVALID_PAYLOAD", errors=[]) as late:
        assert (await late.create(KEYS[0]))["status"] == "CANCELED"
        assert await late.statuses() == []
