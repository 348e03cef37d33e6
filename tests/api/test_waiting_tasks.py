"""Tasks of v2 apps that wait for something from outside: tried again, given a time, or failed with their run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.client import ApiClient, serving
from tests.api.executing import KEY, LAZY, OTHER
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke
from tests.transport.server import response
from tests.transport.server import serving as serving_others

__all__ = ["keys"]


class Waiting:
    """An app whose job waits, and the node that it asks."""

    def __init__(self, api: ApiClient, app: RemoteApp) -> None:
        self.api = api
        self.app = app

    async def create(self, key: str = KEY, **members: Any) -> dict[str, Any]:
        run_id = self.app.asked("EXECUTE_JOB")[-1]["run"]["id"]
        headers = {**LAZY, "Idempotency-Key": key}
        answer = await self.api.post(f"/api/v1/runs/{run_id}/tasks", {"idempotencyKey": key, **members}, **headers)
        assert answer.status == 200, answer
        return dict(answer.body["task"])

    async def come_to(self, execute: Any) -> dict[str, Any]:
        """Run the job until its run has ended; the run."""
        self.app.says["EXECUTE_JOB"] = execute
        return await end_of(self.api, await invoke(self.api, "waits"))


@asynccontextmanager
async def waiting() -> AsyncIterator[Waiting]:
    async with remote_app(job("waits")) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        yield Waiting(api, app)


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


async def test_every_failed_attempt_to_ask_for_a_callback_counts() -> None:
    seen: list[tuple[int, str]] = []
    async with waiting() as it:

        async def execute() -> Any:
            task = await it.create(callback={"enabled": True})
            seen.append((task["attempts"], task["status"]))
            if len(seen) == 4:
                return {"status": "SUCCESS"}
            again = {"error": {"message": "the vendor refuses"}, "retryAt": in_seconds(0)}
            return {"status": "RETRY_WITH_TASK", "task": task, **again}

        await it.come_to(execute)
    assert seen == [(attempt, "WAITING") for attempt in (1, 2, 3, 4)]


async def test_a_task_that_waits_for_a_callback_goes_on_at_no_other_time() -> None:
    async with waiting() as it:

        async def execute() -> Any:
            task = await it.create(callback={"enabled": True, "timeoutInSeconds": 1}, delayUntil=in_seconds(0.2))
            is_over = task["status"] == "ERRORED"
            return {"status": "SUCCESS", "output": task["output"]} if is_over else resumes(task)

        run = await it.come_to(execute)
    assert (run["executions"], run["output"]) == (2, "Remote callback timeout - no requests received")


async def test_a_request_that_is_to_be_sent_later_is_sent_then() -> None:
    at = in_seconds(0.5)
    async with waiting() as it, serving_others(response(b"7")) as other:

        async def execute() -> Any:
            sent.append(len(other.requests))
            task = await it.create(operation="fetch", params={"url": f"{other.origin}/"}, delayUntil=at)
            is_over = task["status"] == "COMPLETED"
            return {"status": "SUCCESS", "output": [task["output"], now() >= at]} if is_over else resumes(task)

        def now() -> str:
            return datetime.now(UTC).isoformat(timespec="milliseconds")

        sent: list[int] = []
        run = await it.come_to(execute)
    assert (run["output"], sent) == ([7, True], [0, 1])


async def test_a_task_that_failed_with_its_run_has_an_output() -> None:
    async with waiting() as it:

        async def execute() -> Any:
            await it.create(OTHER, callback={"enabled": True})
            return {"status": "ERROR", "error": {"message": "boom"}, "task": await it.create()}

        await it.come_to(execute)
        late = await it.create(OTHER)
    assert late["status"] == "ERRORED"
    assert late["output"] == {"name": "Error", "message": "Its run failed before it had come to anything."}


def resumes(task: dict[str, Any]) -> dict[str, Any]:
    return {"status": "RESUME_WITH_TASK", "task": task}
