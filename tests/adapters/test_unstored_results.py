"""Results that a server of v2 could not store go with the answer, so that nothing is done twice (section 4.0)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import IO, RunTask
from perdure.transport import wire_link
from tests.adapters.executing import execute_at
from tests.transport.server import Received, response, serving

VERSION = {"trigger-version": "2023-09-29"}
OFTEN = ("429 Too Many Requests", {"x-ratelimit-reset": "1700000000123"})
BROKEN = ("500 Oops", {})


async def execute(refusal: tuple[str, dict[str, str]], job: Callable[[Any, IO], Awaitable[Any]]) -> Any:
    """Have an app execute a run whose server makes its tasks, and stores no result of them; its answer."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        status, headers = refusal
        if received.target.endswith("/complete"):
            writer.write(response(b"{}", status=status, headers=headers))
            return
        asked = json.loads(received.body)
        task = {
            "id": f"task_{asked['displayKey']}", "name": asked["name"], "noop": False, "status": "RUNNING",
            "attempts": 1, "idempotencyKey": asked["idempotencyKey"], "parentId": asked.get("parentId"),
        }  # fmt: skip
        writer.write(response(json.dumps({"task": task}).encode(), headers=VERSION))

    async with serving(answer) as server:
        status, said = await execute_at(server.origin, job)
    assert status == 200
    return said


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_link, "_FIRST_MS", 0)
    monkeypatch.setattr(wire_link, "_JITTER_MS", 0)


async def step(_payload: Any, io: IO) -> int:
    def body(task: RunTask) -> int:
        task.output_properties = [{"label": "Rows", "text": "7"}]
        return 7

    return await io.run_task("a", body, name="a")


@pytest.mark.parametrize("refusal", [OFTEN, BROKEN], ids=["asked too often", "out of order"])
async def test_what_a_task_came_to_is_told_with_the_answer(refusal: tuple[str, dict[str, str]]) -> None:
    answer = await execute(refusal, step)

    assert (answer["status"], answer["id"]) == ("AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", "task_a")
    assert (answer["output"], answer["properties"]) == ("7", [{"label": "Rows", "text": "7"}])
    assert answer["data"]["location"] == "before_complete_task"


async def test_what_each_branch_came_to_is_told_with_the_answer() -> None:
    both = asyncio.Barrier(2)

    async def branches(_payload: Any, io: IO) -> list[int]:
        async def one(number: int, _index: int) -> int:
            async def body() -> int:
                await both.wait()
                return number

            return await io.run_task(f"b{number}", body, name="b")

        return await io.parallel("p", [1, 2], one)

    answer = await execute(OFTEN, branches)

    assert (answer["status"], answer["task"]["id"]) == ("RESUME_WITH_PARALLEL_TASK", "task_p")
    told = {(child["status"], child["id"], child["output"]) for child in answer["childErrors"]}
    assert told == {("AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK", f"task_b{number}", str(number)) for number in (1, 2)}
