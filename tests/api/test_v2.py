"""Routes that clients of the v2 protocol know, in its shapes to the letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import itemgetter

import pytest
from msgspec.structs import replace

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import (
    ErrorInfo,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JsonText,
    Succeeded,
    UnresolvedAuth,
)
from perdure.protocol.json_text import dump
from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.events import EventAnswer
from perdure.protocol.messages.jobs import JobRunsPage
from perdure.protocol.messages.run_statuses import RunStatusesAnswer
from perdure.protocol.messages.runs import Run
from perdure.protocol.state import PutStatus
from perdure.protocol.statuses import TaskStatus
from tests.api.client import PUBLIC_KEY, ApiClient, serving
from tests.api.test_runs import invoke, naps
from tests.engine.app import Execution, ScriptedApp

PUBLIC = (
    "/api/v1/events/e",
    "/api/v2/events/e",
    "/api/v1/runs/r",
    "/api/v2/runs/r",
    "/api/v1/runs/r/statuses",
    "/api/v2/runs/r/statuses",
)


async def nests(execution: Execution) -> ExecutionResult:
    await execution.store(replace(execution.record("outer"), details=JsonText('{"icon": "clock"}')))
    await execution.store(execution.record("inner", parent="outer", output="[1]"))
    await execution.store(replace(execution.record("beside"), params=JsonText('{"a": 1}')))
    await execution.app.platform.put_status(execution.run_id, PutStatus("s", "S", "loading", JsonText('{"n": 1}')))
    await execution.app.platform.put_status(execution.run_id, PutStatus("s", None, "success"))
    return Succeeded(JsonText('{"x": 1}'))


@pytest.fixture(autouse=True)
def _public_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PUBLIC_KEY", PUBLIC_KEY)


@asynccontextmanager
async def v2() -> AsyncIterator[ApiClient]:
    async with serving(ScriptedApp(SystemClock()).job("nests", nests).job("naps", naps)) as client:
        yield client


async def ended(api: ApiClient) -> str:
    run_id = await invoke(api, "nests")
    assert (await api.get(f"/api/runs/{run_id}/end")).status == 200
    return run_id


async def test_a_run_has_the_shape_of_the_protocol() -> None:
    async with v2() as api:
        run_id = await ended(api)
        answer = await api.get(f"/api/v2/runs/{run_id}")
        assert decode_message(dump(answer.body).encode(), Run).id == run_id
        assert set(answer.body) == {
            "id", "status", "startedAt", "updatedAt", "completedAt", "output", "tasks", "statuses",
        }  # fmt: skip
        assert answer.body["output"] == {"x": 1}
        beside, outer = sorted(answer.body["tasks"], key=itemgetter("name"))
        assert set(outer) == {"id", "displayKey", "status", "name", "icon", "startedAt", "completedAt"}
        assert (outer["name"], outer["icon"], beside["icon"]) == ("outer", "clock", None)
        assert answer.body["statuses"] == [
            {
                "key": "s", "label": "S", "state": "success", "data": {"n": 1},
                "history": [{"label": "S", "state": "loading", "data": {"n": 1}}],
            }
        ]  # fmt: skip


async def test_subtasks_stand_inside_the_tasks_that_enclose_them() -> None:
    async with v2() as api:
        run_id = await ended(api)
        body = (await api.get(f"/api/v2/runs/{run_id}?subtasks=true&taskdetails=true")).body
        beside, outer = sorted(body["tasks"], key=itemgetter("name"))
        assert [task["name"] for task in outer["subtasks"]] == ["inner"]
        assert outer["subtasks"][0]["output"] == [1]
        assert (beside["subtasks"], beside["params"]) == ([], {"a": 1})
        first = (await api.get(f"/api/v2/runs/{run_id}?take=1")).body
        rest = (await api.get(f"/api/v2/runs/{run_id}?take=1&cursor={first['nextCursor']}")).body
        assert {task["name"] for task in first["tasks"] + rest["tasks"]} == {"outer", "beside"}
        assert "nextCursor" not in rest


async def test_what_tasks_were_given_and_gave_is_not_for_public_keys() -> None:
    async with v2() as api:
        run_id = await ended(api)
        body = (await api.with_key(PUBLIC_KEY).get(f"/api/v2/runs/{run_id}?taskdetails=true")).body
        assert all("params" not in task and "output" not in task for task in body["tasks"])


async def test_the_first_version_knows_one_status_of_runs_that_have_begun() -> None:
    async with v2() as api:
        run_id = await invoke(api, "naps")
        event_id = (await api.get(f"/api/runs/{run_id}")).body["event_id"]
        async with asyncio.timeout(60):
            while (await api.get(f"/api/v2/runs/{run_id}")).body["status"] != "WAITING_TO_CONTINUE":
                pass
        assert (await api.get(f"/api/v1/runs/{run_id}")).body["status"] == "STARTED"
        assert (await api.get(f"/api/v1/runs/{run_id}/statuses")).body["run"]["status"] == "STARTED"
        assert (await api.get(f"/api/v2/runs/{run_id}/statuses")).body["run"]["status"] == "WAITING_TO_CONTINUE"
        for version, status in (("v1", "STARTED"), ("v2", "WAITING_TO_CONTINUE")):
            event = (await api.get(f"/api/{version}/events/{event_id}")).body
            assert decode_message(dump(event).encode(), EventAnswer).runs[0].id == run_id
            assert [(run["status"], run["completedAt"]) for run in event["runs"]] == [(status, None)]


async def test_the_statuses_of_a_run_have_the_shape_of_the_protocol() -> None:
    async with v2() as api:
        run_id = await ended(api)
        body = (await api.get(f"/api/v2/runs/{run_id}/statuses")).body
        assert decode_message(dump(body).encode(), RunStatusesAnswer).run.id == run_id
        assert body["run"] == {"id": run_id, "status": "SUCCESS", "output": {"x": 1}}


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (InvalidPayload(((("n", 0), "Expected number"),)), [{"path": ["n", "0"], "message": "Expected number"}]),
        (UnresolvedAuth(JsonText('{"k": {"id": "i", "error": "e"}}')), {"k": {"id": "i", "error": "e"}}),
        (Failed(ErrorInfo("E", "boom")), {"name": "E", "message": "boom"}),
    ],
)
async def test_what_a_run_has_failed_with_is_its_output(result: ExecutionResult, output: object) -> None:
    async def fails(_execution: Execution) -> ExecutionResult:
        return result

    async with serving(ScriptedApp(SystemClock()).job("fails", fails)) as api:
        run_id = await invoke(api, "fails")
        await api.get(f"/api/runs/{run_id}/end")
        assert (await api.get(f"/api/v2/runs/{run_id}")).body["output"] == output
        assert (await api.get(f"/api/v2/runs/{run_id}/statuses")).body["run"]["output"] == output


async def test_what_a_task_has_failed_with_is_its_output() -> None:
    async def fails(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("bad", TaskStatus.ERRORED, error=ErrorInfo("E", "boom")))
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("fails", fails)) as api:
        run_id = await invoke(api, "fails")
        await api.get(f"/api/runs/{run_id}/end")
        (task,) = (await api.get(f"/api/v2/runs/{run_id}?taskdetails=true")).body["tasks"]
        assert (task["status"], task["output"]) == ("ERRORED", {"name": "E", "message": "boom"})


async def test_the_runs_of_a_job_have_the_shape_of_the_protocol() -> None:
    async with v2() as api:
        ids = [await ended(api) for _ in range(3)]
        first = (await api.get("/api/v1/jobs/nests/runs?take=2")).body
        rest = (await api.get(f"/api/v1/jobs/nests/runs?take=1000&cursor={first['nextCursor']}")).body
        decode_message(dump(first).encode(), JobRunsPage)
        assert [run["id"] for run in first["runs"] + rest["runs"]] == ids[::-1]
        assert "nextCursor" not in rest
        assert (await api.get("/api/v1/jobs/unknown/runs")).body == {"runs": []}


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/api/v1/events/x", "Event not found"),
        ("/api/v2/runs/x", "Run not found"),
        ("/api/v1/runs/x/statuses", "No run found for id x"),
    ],
)
async def test_what_is_not_there_is_said_in_words_that_clients_know(path: str, sentence: str) -> None:
    async with v2() as api:
        answer = await api.get(path)
        assert (answer.status, answer.code) == (404, "not_found")
        assert (answer.body["error"], answer.body["message"]) == (sentence, sentence)


@pytest.mark.parametrize("path", PUBLIC)
async def test_browsers_may_read_with_the_public_key(path: str) -> None:
    async with v2() as api:
        answer = await api.with_key(PUBLIC_KEY).get(path)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, "*")
        refused = await api.with_key(None).get(path)
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "*")
        preflight = await api.with_key(None).ask("OPTIONS", path)
        assert (preflight.status, preflight.body) == (200, {})
        assert preflight.headers["access-control-max-age"] == "300"
        assert preflight.headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"


async def test_browsers_may_add_headers_of_their_own() -> None:
    async with v2() as api:
        asked = {"Access-Control-Request-Headers": "authorization,traceparent"}
        preflight = await api.with_key(None).ask("OPTIONS", "/api/v2/runs/r", headers=asked)
        assert preflight.headers["access-control-allow-headers"] == "authorization,traceparent"


async def test_a_url_may_end_with_a_slash_before_the_path() -> None:
    async with v2() as api:
        assert (await api.get("//api/v1/whoami")).status == 200
        sent = await api.post("//api/v1/events", {"event": {"name": "n", "id": "e"}})
        assert (sent.status, sent.body["id"]) == (200, "e")
        assert (await api.get("//api/v1/nothing")).status == 404


async def test_whoever_shows_no_key_is_told_so_in_words_that_clients_know() -> None:
    async with v2() as api:
        answer = await api.with_key(None).get("/api/v1/whoami")
        assert (answer.status, answer.code, answer.body["error"]) == (
            401, "missing_api_key", "Invalid or Missing API key",
        )  # fmt: skip


async def test_a_cancelled_run_comes_with_its_first_tasks_alone() -> None:
    async def many(execution: Execution) -> ExecutionResult:
        for number in range(25):
            await execution.store(execution.record(str(number)))
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("many", many)) as api:
        run_id = await invoke(api, "many")
        await api.get(f"/api/runs/{run_id}/end")
        run = (await api.post(f"/api/v1/runs/{run_id}/cancel")).body
        assert (len(run["tasks"]), "nextCursor" in run) == (20, False)


async def test_browsers_may_list_runs_only_with_the_private_key() -> None:
    async with v2() as api:
        answer = await api.with_key(PUBLIC_KEY).get("/api/v1/jobs/nests/runs")
        assert (answer.status, answer.code) == (403, "public_key_not_allowed")
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_pages_of_other_sites_may_not_ask_the_rest() -> None:
    async with v2() as api:
        answer = await api.get("/api/runs")
        assert "access-control-allow-origin" not in answer.headers
        assert (await api.ask("OPTIONS", "/api/runs")).status == 405
