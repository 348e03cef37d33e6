"""What endpoints of the v2 protocol write of tasks, and what is refused of it: nothing is half-written."""

from __future__ import annotations

from json import dumps
from typing import Any

import pytest

from tests.api.executing import KEY, LAZY, OTHER, Endpoint, executing
from tests.api.undoable import UNDOABLE


async def test_a_task_is_created_once_and_answered_unchanged() -> None:
    async with executing() as endpoint:
        first = await endpoint.create(name="Load", icon="star", params={"a": 1}, displayKey="load")
        assert (first.status, first.headers["trigger-version"]) == (200, "2023-09-29")
        task = first.body["task"]
        assert (task["status"], task["name"], task["icon"], task["params"]) == ("RUNNING", "Load", "star", {"a": 1})
        assert "cachedTasks" not in first.body
        again = await endpoint.create(name="Other")
        assert (again.body["task"]["id"], again.body["task"]["name"]) == (task["id"], "Load")


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "fetch", "params": {"url": "http://127.0.0.1:9/"}},
        {"operation": "fetch-poll", "params": {"url": "http://127.0.0.1:9/", "responseFilter": {"status": [200]}}},
        {"callback": {"enabled": True}},
        {"delayUntil": "2040-01-01T00:00:00.000Z"},
    ],
)
async def test_a_task_at_work_stays_as_it_is_when_its_key_is_asked_for_with_something_to_wait_for(other: Any) -> None:
    async with executing() as endpoint:
        first = await endpoint.create(name="Load", params={"a": 1})
        assert (await endpoint.create(**other)).body == first.body
        settled = await endpoint.complete(first.body["task"]["id"], {"output": "1"})
        assert (settled.body["status"], settled.body["params"], settled.body["output"]) == ("COMPLETED", {"a": 1}, 1)


async def test_without_a_version_the_answer_is_the_plain_task() -> None:
    async with executing() as endpoint:
        path = f"/api/v1/runs/{endpoint.run_id}/tasks"
        answer = await endpoint.api.post(path, {"idempotencyKey": KEY}, **{"Idempotency-Key": KEY})
    assert (answer.body["idempotencyKey"], answer.body["name"]) == (KEY, "Task")
    assert "trigger-version" not in answer.headers


async def test_an_outcome_stays_as_it_is() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        for output in ('{"a":1}', '{"a":2}'):
            answer = await endpoint.complete(task_id, {"output": output})
            assert (answer.status, answer.body["status"], answer.body["output"]) == (200, "COMPLETED", {"a": 1})
        failed = await endpoint.api.post(
            f"/api/v1/runs/{endpoint.run_id}/tasks/{task_id}/fail", {"error": {"message": "late"}}
        )
        assert (failed.status, failed.body["status"]) == (200, "COMPLETED")


async def test_an_output_that_is_undefined_is_left_out() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        assert "output" not in (await endpoint.complete(task_id, {})).body
        other = (await endpoint.create(OTHER)).body["task"]["id"]
        assert (await endpoint.complete(other, {}, Accept="*/*")).body["output"] == {}


async def test_what_redact_string_hides_is_seen_by_the_app_and_in_no_lookup_of_the_output() -> None:
    hidden = {"__redactedString": True, "strings": ["Bearer ", "!"], "interpolations": ["s3cr3t"]}
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        stored = await endpoint.complete(task_id, {"output": dumps({"list": [hidden], "n": 1})})
        assert stored.body["output"] == {"list": [hidden], "n": 1}
        assert (await endpoint.create()).body["task"]["output"] == {"list": [hidden], "n": 1}
        for path in (f"/api/v2/runs/{endpoint.run_id}?taskdetails=true", f"/api/runs/{endpoint.run_id}"):
            (task,) = (await endpoint.api.get(path)).body["tasks"]
            assert task["output"] == {"list": ["Bearer ***!"], "n": 1}


async def test_a_failed_task_shows_its_error_as_its_output() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        error = {"name": "TypeError", "message": "boom", "stack": "at x"}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks/{task_id}/fail", {"error": error})
    assert (answer.body["status"], answer.body["output"]) == ("ERRORED", error)


async def test_the_tasks_that_an_execution_has_not_got_come_in_pages() -> None:
    async with executing() as endpoint:
        for number in range(3):
            key = f"{number:064}"
            task_id = (await endpoint.create(key)).body["task"]["id"]
            await endpoint.complete(task_id, {"output": f'"{number}" '})
        sent = {**LAZY, "Idempotency-Key": KEY, "X-Cached-Tasks-Cursor": "task_"}
        body = {"idempotencyKey": KEY}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks", body, **sent)
    cached = answer.body["cachedTasks"]
    assert [(one["idempotencyKey"], one["output"]) for one in cached["tasks"]] == [
        (f"{n:064}", f"{n}") for n in range(3)
    ]
    assert "cursor" not in cached


async def test_in_a_run_that_has_ended_a_task_is_cancelled_and_not_stored() -> None:
    async with executing() as endpoint:
        open_task = (await endpoint.create(OTHER)).body["task"]["id"]
        await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/cancel")
        assert (await endpoint.create()).body["task"]["status"] == "CANCELED"
        assert (await endpoint.complete(open_task, {"output": "1"})).body["status"] == "CANCELED"
        run = await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")
    assert [task["id"] for task in run.body["tasks"]] == [open_task]


@pytest.mark.parametrize(
    ("members", "header", "status", "code"),
    [
        ({}, "", 400, "missing_idempotency_key"),
        ({}, OTHER, 400, "invalid_idempotency_key"),
        ({"parentId": "task_nobody"}, None, 422, "invalid_field"),
        ({"operation": "format-disk"}, None, 422, "invalid_field"),
        ({"noop": "yes"}, None, 422, "invalid_field"),
        ({"delayUntil": "tomorrow"}, None, 422, "invalid_field"),
    ],
)
async def test_a_task_that_cannot_be_is_refused(members: Any, header: str | None, status: int, code: str) -> None:
    async with executing() as endpoint:
        answer = await endpoint.create(header=header, **members)
        assert (answer.status, answer.code) == (status, code)
        assert (await endpoint.api.get(f"/api/v2/runs/{endpoint.run_id}")).body["tasks"] == []


@pytest.mark.parametrize("key", ["k", "A" * 64, "g" * 64, "é" * 64])
async def test_a_key_that_is_no_hash_is_refused(key: str) -> None:
    async with executing() as endpoint:
        sent = {**LAZY, "Idempotency-Key": key.encode().decode("latin-1")}
        answer = await endpoint.api.post(f"/api/v1/runs/{endpoint.run_id}/tasks", {"idempotencyKey": key}, **sent)
    assert (answer.status, answer.code) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(("params", "code"), UNDOABLE)
async def test_work_of_the_server_that_may_not_be_fails_its_task_at_once_and_not_the_call(
    params: Any, code: str | None
) -> None:
    operation = "fetch-poll" if "responseFilter" in params else "fetch"
    async with executing() as endpoint:
        answer = await endpoint.create(operation=operation, params=params)
    task = answer.body["task"]
    assert (answer.status, task["status"]) == (200, "ERRORED")
    assert task["output"]["message"]
    assert code in (None, task["output"]["code"])


async def test_nothing_of_another_run_or_of_none_can_be_written() -> None:
    async with executing() as endpoint:
        task_id = (await endpoint.create()).body["task"]["id"]
        nobody = Endpoint(endpoint.api, "run_nobody")
        assert (await nobody.create()).status == 404
        assert (await nobody.complete(task_id, {"output": "1"})).status == 404
        assert (await endpoint.complete("task_nobody", {"output": "1"})).status == 404


async def test_what_the_server_does_itself_is_running_for_clients() -> None:
    async with executing() as endpoint:
        made = await endpoint.create(operation="fetch", params={"url": "http://127.0.0.1:9/"})
        assert (made.body["task"]["status"], made.body["task"]["operation"]) == ("RUNNING", "fetch")


async def test_an_execution_is_to_end_when_the_server_is_about_to_stop() -> None:
    async with executing() as endpoint:
        before = (await endpoint.create()).body["task"]
        endpoint.api.node.engine.hints.stop()
        after = (await endpoint.create(OTHER)).body["task"]
        done = (await endpoint.complete(before["id"], {"output": "1"})).body
        assert [task["forceYield"] for task in (before, after, done)] == [False, True, True]
        assert (after["status"], done["status"]) == ("RUNNING", "COMPLETED")
