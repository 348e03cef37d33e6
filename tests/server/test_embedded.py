"""A node inside a process, assembled as users get it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from perdure.engine.clock import SystemClock
from perdure.errors import DuplicateJobError, InvalidArgumentError, StorageError
from perdure.protocol.endpoint import EventTriggerSpec, Index, JobSpec
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.server.embedded import start_embedded
from tests.engine.app import Execution, ScriptedApp


async def naps(execution: Execution) -> ExecutionResult:
    await execution.run("before")
    nap = await execution.sleep("nap", 0.02)
    return Succeeded(JsonText('"rested"')) if nap is None else Suspended((nap,))


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_run_is_executed_waits_and_ends(kind: str, tmp_path: Path) -> None:
    url = "sqlite://" if kind == "memory" else f"sqlite:///{tmp_path}/data/perdure.db"
    app = ScriptedApp(SystemClock()).job("naps", naps)
    node = await start_embedded(app, database_url=url)
    app.platform = node.platform
    before = app.clock.now()
    run_id = await node.platform.invoke_job(InvokeRequest("naps"))
    run = await node.platform.wait_for_run(run_id, timeout=60)
    await node.stop()

    assert (run.status, run.output, run.executions) == (RunStatus.SUCCESS, '"rested"', 2)
    assert (app.clock.now() - before).total_seconds() >= 0.02


async def test_what_is_not_over_when_a_node_stops_goes_on_with_the_next(tmp_path: Path) -> None:
    async def hangs(execution: Execution) -> ExecutionResult:
        await execution.run("once")
        if execution.epoch == 1:
            execution.app.signal("hanging")
            await asyncio.Event().wait()
        return Succeeded(None)

    url = f"sqlite:///{tmp_path}/perdure.db"
    app = ScriptedApp(SystemClock()).job("hangs", hangs)
    node = await start_embedded(app, database_url=url)
    app.platform = node.platform
    run_id = await node.platform.invoke_job(InvokeRequest("hangs"))
    await app.happened("hanging")
    await node.stop(grace=0)

    node = await start_embedded(app, database_url=url)
    app.platform = node.platform
    run = await node.platform.wait_for_run(run_id, timeout=60)
    await node.stop()

    assert (run.status, run.executions) == (RunStatus.SUCCESS, 2)
    assert app.bodies == [(run_id, "once")]


async def test_a_start_that_fails_leaves_the_database_free(tmp_path: Path) -> None:
    class Twice(ScriptedApp):
        async def index(self) -> Index:
            return Index("twice", (JobSpec("a", "a", "1.0.0", EventTriggerSpec(("a",))),) * 2)

    url = f"sqlite:///{tmp_path}/perdure.db"
    with pytest.raises(DuplicateJobError):
        await start_embedded(Twice(SystemClock()), database_url=url)

    node = await start_embedded(ScriptedApp(SystemClock()).job("naps", naps), database_url=url)
    await node.stop()


async def test_another_app_may_join(tmp_path: Path) -> None:
    first = ScriptedApp(SystemClock(), endpoint_id="first").job("naps", naps)
    second = ScriptedApp(SystemClock(), endpoint_id="second").job("rests", naps)
    node = await start_embedded(first, database_url="sqlite://")
    await node.add(second)
    first.platform = second.platform = node.platform
    for job_id in ("naps", "rests"):
        run_id = await node.platform.invoke_job(InvokeRequest(job_id))
        assert (await node.platform.wait_for_run(run_id, timeout=60)).status is RunStatus.SUCCESS
    await node.stop()


async def test_after_its_end_a_node_takes_nothing_more(tmp_path: Path) -> None:
    node = await start_embedded(ScriptedApp(SystemClock()).job("naps", naps), database_url="sqlite://")
    await node.stop()
    with pytest.raises(StorageError):
        await node.platform.send_events([EventRequest("naps")], EventOptions())


def made_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_key_that_names_another_environment_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_API_KEY", "tr_prod_hush123")
    with pytest.raises(InvalidArgumentError, match="Set PERDURE_ENVIRONMENT=prod"):
        await start_embedded(None, database_url=f"sqlite:///{tmp_path}/perdure.db")
    assert made_in(tmp_path) == []
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "prod")
    node = await start_embedded(None, database_url=f"sqlite:///{tmp_path}/perdure.db")
    assert node.api_key == "tr_prod_hush123"
    await node.stop()


@pytest.mark.parametrize("url", [5, b"https://example.com", "example.com", "https://example.com/?a"])
async def test_a_public_url_that_is_none_is_refused_when_the_node_starts(url: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="is no URL to build others on"):
        await start_embedded(ScriptedApp(SystemClock()), database_url="sqlite://", public_url=url)
