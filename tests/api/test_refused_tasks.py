"""Tasks that are refused to apps of v2, which ask on for ten seconds and then end their execution."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.api.client import Answer, ApiClient, serving
from tests.api.executing import KEY, LAZY, OTHER
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke

__all__ = ["keys"]
NO_TASK = {"status": "AUTO_YIELD_EXECUTION", "location": "failed_task_run", "timeRemaining": 4e4, "timeElapsed": 1e4}
YIELDS = {**NO_TASK, "location": "start_task"}
DEEP: Any = []
for _ in range(64):
    DEEP = [DEEP]


class Asking:
    """An app whose executions ask for tasks, and the node that it asks."""

    def __init__(self, api: ApiClient, app: RemoteApp) -> None:
        self.api = api
        self.app = app

    async def create(self, key: str = KEY, **members: Any) -> Answer:
        run_id = self.app.asked("EXECUTE_JOB")[-1]["run"]["id"]
        headers = {**LAZY, "Idempotency-Key": key}
        body = json.dumps({"idempotencyKey": key, **members}).encode()
        return await self.api.send("POST", f"/api/v1/runs/{run_id}/tasks", body, **headers)

    async def come_to(self, execute: Any) -> dict[str, Any]:
        """Run the job until its run has ended; the run."""
        self.app.says["EXECUTE_JOB"] = execute
        return await end_of(self.api, await invoke(self.api, "asks"))


@asynccontextmanager
async def asking() -> AsyncIterator[Asking]:
    async with remote_app(job("asks")) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        await app.register(api)
        yield Asking(api, app)


async def test_a_run_fails_at_once_whose_task_would_be_refused_each_time() -> None:
    async with asking() as it:

        async def execute() -> Any:
            assert (await it.create(params=DEEP)).status == 422
            return NO_TASK

        run = await it.come_to(execute)
    assert (run["status"], run["error"]["name"], run["executions"]) == ("FAILURE", "WriteRefusedError", 1)
    assert run["error"]["message"].endswith("params: nested more than 64 deep, or inside itself.")


async def test_a_refused_task_in_a_parallel_block_fails_the_run_whatever_its_other_branches_wait_for() -> None:
    async with asking() as it:

        async def execute() -> Any:
            block = (await it.create(parallel=True)).body["task"]
            assert (await it.create(OTHER, parentId="task_of_no_run")).status == 422
            return {"status": "RESUME_WITH_PARALLEL_TASK", "task": block, "childErrors": [YIELDS, NO_TASK]}

        run = await it.come_to(execute)
    assert (run["status"], run["error"]["name"], run["executions"]) == ("FAILURE", "WriteRefusedError", 1)


async def test_a_run_goes_on_that_could_not_reach_the_server_for_a_task() -> None:
    answers = [NO_TASK, {"status": "SUCCESS", "output": "done"}]
    async with asking() as it:

        async def execute() -> Any:
            assert (await it.create()).status == 200
            return answers.pop(0)

        run = await it.come_to(execute)
    assert (run["status"], run["output"], run["executions"]) == ("SUCCESS", "done", 2)


async def test_a_run_goes_on_whose_execution_ends_elsewhere_after_a_task_was_refused() -> None:
    answers = [YIELDS, {"status": "SUCCESS", "output": "done"}]
    async with asking() as it:

        async def execute() -> Any:
            assert (await it.create(params=DEEP)).status == 422
            return answers.pop(0)

        run = await it.come_to(execute)
    assert (run["status"], run["output"], run["executions"]) == ("SUCCESS", "done", 2)
