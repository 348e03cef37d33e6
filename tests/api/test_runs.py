"""Runs over the API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, Succeeded, Suspended
from tests.api.client import ApiClient, greets, serving
from tests.engine.app import Execution, ScriptedApp


async def naps(execution: Execution) -> ExecutionResult:
    nap = await execution.sleep("nap", 3600)
    return Succeeded(None) if nap is None else Suspended((nap,))


async def fails(execution: Execution) -> ExecutionResult:
    return Failed(ErrorInfo("Boom", "it broke"), None)


def app() -> ScriptedApp:
    return ScriptedApp(SystemClock()).job("naps", naps).job("fails", fails).job("greets", greets)


def _see(holds: Callable[[], bool]) -> None:
    """Wait in a thread of its own until something holds."""
    while not holds():
        pass


async def invoke(api: ApiClient, job_id: str) -> str:
    return str((await api.post(f"/api/jobs/{job_id}/invoke", {"payload": {}})).body["id"])


async def test_a_run_is_looked_up_with_its_tasks() -> None:
    async with serving() as api:
        run_id = await invoke(api, "greets")
        await api.get(f"/api/runs/{run_id}/end")
        run = (await api.get(f"/api/runs/{run_id}")).body
    assert (run["id"], run["status"], run["output"], run["error"]) == (run_id, "SUCCESS", {"text": "hello"}, None)
    assert [task["name"] for task in run["tasks"]] == ["greet"]
    assert run["next_cursor"] is None


async def test_runs_are_listed_by_job_and_status() -> None:
    async with serving(app()) as api:
        napping = await invoke(api, "naps")
        failed = [await invoke(api, "fails") for _ in range(3)]
        greeted = await invoke(api, "greets")
        for run_id in (*failed, greeted):
            await api.get(f"/api/runs/{run_id}/end")

        async def ids(query: str) -> list[str]:
            return [run["id"] for run in (await api.get(f"/api/runs?{query}")).body["runs"]]

        assert await ids("") == [greeted, *reversed(failed), napping]
        assert await ids("job=fails&take=2") == [failed[2], failed[1]]
        assert await ids("status=FAILURE") == failed[::-1]
        assert await ids("status=FAILURE&status=SUCCESS") == [greeted, *reversed(failed)]
        assert await ids("status=FAILURE&job=greets") == []
        assert await ids("status=WAITING_TO_CONTINUE") == [napping]
        assert await ids("status=QUEUED&status=EXECUTING&status=WAITING_TO_EXECUTE") == []
        assert await ids("job=unknown") == []
        page = (await api.get("/api/runs?status=FAILURE&take=2")).body
        rest = (await api.get(f"/api/runs?status=FAILURE&take=2&cursor={page['next_cursor']}")).body
        assert [run["id"] for run in page["runs"] + rest["runs"]] == failed[::-1]
        assert rest["next_cursor"] is None


async def test_a_run_is_cancelled_and_runs_once_more_and_goes_on() -> None:
    async with serving(app()) as api:
        run_id = await invoke(api, "naps")
        assert (await api.post(f"/api/runs/{run_id}/continue")).code == "cannot_continue"
        assert (await api.post(f"/api/runs/{run_id}/cancel")).body["status"] == "CANCELED"
        assert (await api.post(f"/api/runs/{run_id}/cancel")).body["status"] == "CANCELED"
        again = (await api.post(f"/api/runs/{run_id}/rerun")).body
        assert again["id"] != run_id
        going = (await api.post(f"/api/runs/{run_id}/continue")).body
        assert going["id"] == run_id
        assert not going["completed_at"]
        cancelled = (await api.post("/api/jobs/naps/cancel-runs")).body
        assert set(cancelled["cancelled_run_ids"]) == {run_id, again["id"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/runs/run_x"),
        ("GET", "/api/runs/run_x/end"),
        ("GET", "/api/runs/..%2Fx"),
        ("GET", "/api/runs/%00"),
        ("POST", "/api/runs/run_x/cancel"),
        ("POST", "/api/runs/run_x/rerun"),
        ("POST", "/api/runs/run_x/continue"),
    ],
)
async def test_an_unknown_run_is_not_found(method: str, path: str) -> None:
    async with serving() as api:
        answer = await api.ask(method, path)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs?status=DONE", 422),
        ("/api/runs?cursor=1%00", 422),
        ("/api/runs?take=%EF%BC%91", 422),
        ("/api/runs/%FF", 404),
        ("/api/runs/x/y/z", 404),
        ("/api/runs/", 404),
        ("/api/runs/run_x/end?timeout=61", 422),
        (f"/api/runs?job={'x' * 9000}", 414),
    ],
)
async def test_what_does_not_fit_is_refused(path: str, status: int) -> None:
    async with serving() as api:
        assert (await api.get(path)).status == status


async def test_who_waits_for_an_end_is_told_that_it_has_not_come() -> None:
    async with serving(app()) as api:
        run_id = await invoke(api, "naps")
        answer = await api.get(f"/api/runs/{run_id}/end?timeout=0")
    assert (answer.status, answer.code) == (408, "timeout")


async def test_who_waits_for_an_end_does_not_keep_the_node_from_stopping() -> None:
    async with serving(app()) as api:
        run_id = await invoke(api, "naps")
        waiting = asyncio.create_task(api.get(f"/api/runs/{run_id}/end?timeout=60"))
        await asyncio.to_thread(_see, lambda: run_id in api.node.engine.hints._awaited)
    answer = await waiting
    assert (answer.status, answer.code) == (503, "not_connected")


async def test_another_method_is_refused_with_those_that_there_are() -> None:
    async with serving() as api:
        answer = await api.put("/api/events", {})
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD, POST"
        assert (await api.ask("HEAD", "/api/runs")).status == 200
