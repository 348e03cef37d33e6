"""What an app says of a run before it executes it is shown with the run; nothing else waits for it (section 3.7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.server.embedded import start_embedded
from tests.api.client import ApiClient, serving
from tests.api.remote_app import job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_runs import invoke

__all__ = ["keys"]
REPO = {"label": "Repo", "text": "red", "url": "https://r.example"}
SHOWN: dict[str, Any] = {"abort": False, "properties": [REPO]}


async def end_of(api: ApiClient, run_id: str) -> dict[str, Any]:
    answer = await api.get(f"/api/runs/{run_id}/end?timeout=30")
    assert answer.status == 200, answer
    return dict(answer.body)


async def test_what_an_app_says_of_a_run_is_shown_with_it_from_its_first_execution_on() -> None:
    executing, go_on = asyncio.Event(), asyncio.Event()

    async def executes() -> Any:
        executing.set()
        await go_on.wait()
        return {"status": "SUCCESS"}

    async with remote_app(job("push", preprocessRuns=True)) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        app.says |= {"PREPROCESS_RUN": SHOWN, "EXECUTE_JOB": executes}
        await app.register(api)
        run_id = await invoke(api, "push")
        await executing.wait()
        meanwhile = (await api.get(f"/api/runs/{run_id}")).body
        go_on.set()
        ended = await end_of(api, run_id)
        (listed,) = (await api.get("/api/runs")).body["runs"]
        of_v2 = await api.get(f"/api/v2/runs/{run_id}")
    assert (meanwhile["status"], meanwhile["properties"]) == ("EXECUTING", [REPO])
    assert (ended["status"], ended["properties"]) == ("SUCCESS", [REPO])
    assert (listed["id"], listed["properties"]) == (run_id, [REPO])
    assert of_v2.body["status"] == "SUCCESS"


async def test_of_what_an_app_says_of_a_run_only_what_has_no_text_is_left_out() -> None:
    # As integrations say it of what a vendor has left open: {label: "Customer", text: undefined}, or null.
    partial = [{"label": "Customer"}, REPO, {"label": "Plan", "text": None}]
    async with remote_app(job("push", preprocessRuns=True)) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        app.says["PREPROCESS_RUN"] = {"abort": False, "properties": partial}
        await app.register(api)
        ended = await end_of(api, await invoke(api, "push"))
    assert (ended["status"], ended["properties"]) == ("SUCCESS", [REPO])


async def test_who_follows_a_run_is_told_at_once_what_is_shown_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # By themselves streams look once a second.
    monkeypatch.setattr("perdure.engine.following.POLL", timedelta(hours=1))
    go_on, executed = asyncio.Event(), asyncio.Event()

    async def preprocesses() -> Any:
        await go_on.wait()
        return SHOWN

    async def executes() -> Any:
        await executed.wait()
        return {"status": "SUCCESS"}

    async with remote_app(job("push", preprocessRuns=True)) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        app.says |= {"PREPROCESS_RUN": preprocesses, "EXECUTE_JOB": executes}
        await app.register(api)
        run_id = await invoke(api, "push")
        async with api.stream(f"/api/runs/{run_id}/changes") as stream, asyncio.timeout(30):
            begins = await stream.next()
            go_on.set()
            seen = await stream.next()
            executed.set()
            await end_of(api, run_id)
    assert begins is not None
    assert seen is not None
    assert (begins[1]["status"], begins[1]["properties"]) == ("EXECUTING", [])
    assert (seen[1]["status"], seen[1]["properties"]) == ("EXECUTING", [REPO])


async def test_an_app_is_asked_once_about_a_run_that_goes_on_and_never_about_runs_of_other_jobs() -> None:
    async with (
        remote_app(job("push", preprocessRuns=True), job("plain")) as app,
        serving(nobody(), serves_all=True) as owner,
    ):
        api = owner.with_key(DEV)
        answers: list[Any] = [{"status": "YIELD_EXECUTION", "key": "k"}, {"status": "SUCCESS"}, {"status": "SUCCESS"}]

        async def executes() -> Any:
            return answers.pop(0)

        app.says |= {"PREPROCESS_RUN": SHOWN, "EXECUTE_JOB": executes}
        await app.register(api)
        first = await end_of(api, await invoke(api, "push"))
        plain = await end_of(api, await invoke(api, "plain"))
        asked, executed = app.asked("PREPROCESS_RUN"), app.asked("EXECUTE_JOB")
    assert (first["executions"], first["properties"], plain["properties"]) == (2, [REPO], [])
    assert [one["run"]["id"] for one in asked] == [first["id"]]
    assert len(executed) == 3


async def test_a_run_that_its_app_does_not_want_ends_as_aborted_and_may_go_on_later() -> None:
    async with remote_app(job("push", preprocessRuns=True)) as app, serving(nobody(), serves_all=True) as owner:
        api = owner.with_key(DEV)
        app.says |= {"PREPROCESS_RUN": {"abort": True}}
        await app.register(api)
        run_id = await invoke(api, "push")
        aborted = await end_of(api, run_id)
        app.says |= {"PREPROCESS_RUN": SHOWN}
        assert (await api.post(f"/api/runs/{run_id}/continue")).status == 200
        gone_on = await end_of(api, run_id)
    assert (aborted["status"], aborted["error"]["name"]) == ("ABORTED", "RunAbortedError")
    assert (gone_on["status"], gone_on["properties"]) == ("SUCCESS", [REPO])


async def test_a_server_that_dies_while_it_asks_about_a_run_asks_again_when_it_is_back(tmp_path: Path) -> None:
    url, asking, never = f"sqlite:///{tmp_path}/p.db", asyncio.Event(), asyncio.Event()

    async def hangs() -> Any:
        asking.set()
        await never.wait()

    async with remote_app(job("push", preprocessRuns=True)) as app:
        app.says |= {"PREPROCESS_RUN": hangs}
        dying = await start_embedded(nobody(), database_url=url, serves_all=True)
        api = ApiClient(dying, DEV)
        await app.register(api)
        run_id = await invoke(api, "push")
        await asking.wait()
        await dying.abandon()
        app.says |= {"PREPROCESS_RUN": SHOWN}
        async with serving(nobody(), serves_all=True, url=url) as owner:
            ended = await end_of(owner.with_key(DEV), run_id)
        assert len(app.asked("PREPROCESS_RUN")) == 2
    assert (ended["status"], ended["properties"]) == ("SUCCESS", [REPO])
