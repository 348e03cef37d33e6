"""Changes of runs, as streams."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from perdure.api import streams
from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from tests.api.client import ApiClient, Stream, greets, serving
from tests.api.test_runs import invoke, naps
from tests.engine.app import Execution, ScriptedApp


class Steps:
    """A job that does a step each time it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)

    async def __call__(self, execution: Execution) -> ExecutionResult:
        for number in range(3):
            await self.go.acquire()
            await execution.run(f"step {number}")
        return Succeeded(JsonText('"done"'))


async def until(stream: Stream, name: str) -> list[tuple[str, Any]]:
    """Read a stream up to the first event that is called so."""
    events: list[tuple[str, Any]] = []
    async with asyncio.timeout(60):
        while (event := await stream.next()) is not None:
            events.append(event)
            if event[0] == name:
                return events
    raise AssertionError(f"The stream ended without {name}: {events}")


async def until_task(stream: Stream, name: str) -> Any:
    """Read a stream up to the answer that has a task of this name."""
    async with asyncio.timeout(60):
        while (event := await stream.next()) is not None:
            if name in [task["name"] for task in event[1]["tasks"]]:
                return event[1]
    raise AssertionError(f"The stream ended without {name}.")


async def test_each_task_of_a_run_is_seen_once_it_is_stored() -> None:
    steps = Steps()
    async with serving(ScriptedApp(SystemClock()).job("steps", steps)) as api:
        run_id = await invoke(api, "steps")
        async with api.stream(f"/api/runs/{run_id}/changes") as stream:
            assert (stream.status, stream.kind) == (200, "text/event-stream; charset=utf-8")
            for number in range(2):
                steps.go.release()
                seen = await until_task(stream, f"step {number}")
                assert [task["name"] for task in seen["tasks"]] == [f"step {number}"]
            steps.go.release()
            events = await until(stream, "end")
            assert [task["name"] for _, run in events for task in run["tasks"]] == ["step 2"]
            assert await stream.next() is None
    assert (events[-1][1]["status"], events[-1][1]["output"]) == ("SUCCESS", "done")
    assert all(name == "change" for name, _ in events[:-1])


async def test_a_run_that_has_ended_is_told_whole() -> None:
    async with serving() as api:
        run_id = await invoke(api, "greets")
        await api.get(f"/api/runs/{run_id}/end")
        async with api.stream(f"/api/runs/{run_id}/changes") as stream:
            ((name, run),) = await until(stream, "end")
    assert (name, run["status"], [task["name"] for task in run["tasks"]]) == ("end", "SUCCESS", ["greet"])


async def test_an_unknown_run_is_not_followed() -> None:
    async with serving() as api:
        answer = await api.get("/api/runs/run_x/changes")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("query", ["status=DONE", "jbo=x", "job=a&job=b"])
async def test_a_stream_of_runs_that_cannot_be_meant_is_not_opened(query: str) -> None:
    async with serving() as api:
        answer = await api.get(f"/api/runs/changes?{query}")
    assert (answer.status, answer.code) == (422, "invalid_field")


async def test_a_stream_says_now_and_then_that_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    async with serving() as api, api.stream("/api/runs/changes") as stream:
        lines = await stream.comments(3)
    assert lines == [": still here"] * 3


async def test_whoever_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STALLED_SECONDS", 0.1)
    large = '"' + "x" * 1_000_000 + '"'

    async def floods(execution: Execution) -> ExecutionResult:
        for number in range(20):
            await execution.run(f"step {number}", large)
        return Succeeded(None)

    async with serving(ScriptedApp(SystemClock()).job("floods", floods)) as api:
        run_id = await invoke(api, "floods")
        await api.get(f"/api/runs/{run_id}/end")
        async with api.stream(f"/api/runs/{run_id}/changes") as stream:
            assert stream.status == 200
            # Only now is anything read beyond the head: by then the rest is no longer sent.
            await asyncio.to_thread(_wait_until_nobody_is_served, api)
            names: list[str] = []
            while (event := await stream.next()) is not None:
                names.append(event[0])
            assert "end" not in names


def _wait_until_nobody_is_served(api: ApiClient) -> None:
    server = api.node._address._listener._server  # type: ignore[union-attr]
    while server.server_state.tasks:
        pass


async def test_runs_are_told_as_they_change_from_then_on() -> None:
    app = ScriptedApp(SystemClock()).job("greets", greets).job("naps", naps)
    async with serving(app) as api:
        before = await invoke(api, "greets")
        await api.get(f"/api/runs/{before}/end")
        async with api.stream("/api/runs/changes") as everything, api.stream("/api/runs/changes?job=naps") as naps_only:
            greeted, napping = await invoke(api, "greets"), await invoke(api, "naps")
            seen: dict[str, str] = {}
            async with asyncio.timeout(60):
                while (seen.get(greeted), seen.get(napping)) != ("SUCCESS", "WAITING_TO_CONTINUE"):
                    event = await everything.next()
                    assert event is not None
                    seen[event[1]["id"]] = event[1]["status"]
                    assert event[1]["tasks"] == []
                assert before not in seen
                event = await naps_only.next()
                assert event is not None
                assert event[1]["id"] == napping


async def test_streams_end_when_the_node_stops() -> None:
    app = ScriptedApp(SystemClock()).job("naps", naps)
    async with AsyncExitStack() as open_streams, asyncio.timeout(60):
        async with serving(app) as api:
            run_id = await invoke(api, "naps")
            of_one = await open_streams.enter_async_context(api.stream(f"/api/runs/{run_id}/changes"))
            of_all = await open_streams.enter_async_context(api.stream("/api/runs/changes"))
            await until_task(of_one, "nap")
        for stream in (of_one, of_all):
            while (event := await stream.next()) is not None:
                assert event[0] in ("change", "error")


async def test_no_more_streams_are_open_than_may_be() -> None:
    async with serving() as api:
        most = [api.stream("/api/runs/changes") for _ in range(100)]
        opened = [await stream.__aenter__() for stream in most]
        assert {stream.status for stream in opened} == {200}
        answer = await api.get("/api/runs/changes")
        assert (answer.status, answer.code) == (503, "too_many_streams")
        for stream in most:
            await stream.__aexit__(None, None, None)
        async with asyncio.timeout(60):
            while not await _opens(api):
                pass


async def _opens(api: ApiClient) -> bool:
    async with api.stream("/api/runs/changes") as stream:
        return stream.status == 200


async def test_a_suspended_run_says_what_it_waits_for_as_it_changes() -> None:
    async def waits(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 0.2)
        return Succeeded(None) if nap is None else Suspended((nap,))

    async with serving(ScriptedApp(SystemClock()).job("waits", waits)) as api:
        run_id = await invoke(api, "waits")
        async with api.stream(f"/api/runs/{run_id}/changes") as stream:
            events = await until(stream, "end")
    last = {task["name"]: task["status"] for _, run in events for task in run["tasks"]}
    assert last == {"nap": "COMPLETED"}
    assert any(run["why"] and "waits for wait" in run["why"] for _, run in events)
