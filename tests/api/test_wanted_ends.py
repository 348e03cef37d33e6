"""Which ends of its runs an app of v2 is told of: those that it has said with an answer (v2 protocol, section 6.7)."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.client import serving
from tests.api.executing import KEY, LAZY
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke
from tests.transport.server import response

__all__ = ["keys"]
WANTS = {"x-trigger-run-metadata": '{"successSubscription":true,"failedSubscription":true}'}


def hearing(app: RemoteApp) -> asyncio.Queue[None]:
    """Let an app want to be told of every end; a queue with an item for each time that it is."""
    heard: asyncio.Queue[None] = asyncio.Queue()

    async def hears() -> Any:
        heard.put_nowait(None)
        return {"ok": True}

    app.headers |= WANTS
    app.says["RUN_NOTIFICATION"] = hears
    return heard


async def test_an_app_that_was_asked_for_its_index_meanwhile_is_told_of_a_run_that_fails() -> None:
    async with remote_app(job("waits")) as app, serving(nobody(), serves_all=True) as owner:
        api, heard, waits = owner.with_key(DEV), hearing(app), asyncio.Event()
        task: dict[str, Any] = {}

        async def begins() -> Any:
            run_id = app.asked("EXECUTE_JOB")[-1]["run"]["id"]
            body = {"idempotencyKey": KEY, "callback": {"enabled": True}}
            made = await api.post(f"/api/v1/runs/{run_id}/tasks", body, **LAZY, **{"Idempotency-Key": KEY})
            task.update(made.body["task"])
            # Its platform says that, not the package: such an answer wants nothing.
            app.says["EXECUTE_JOB"] = response(b"{}", status="400 Bad Request")
            waits.set()
            return {"status": "RESUME_WITH_TASK", "task": task}

        app.says["EXECUTE_JOB"] = begins
        await app.register(api)
        run_id = await invoke(api, "waits")
        await waits.wait()
        async with asyncio.timeout(20):
            while (await api.get(f"/api/runs/{run_id}")).body["status"] != "WAITING_TO_CONTINUE":
                pass
        assert (await api.post("/api/endpoints/shop/index")).status == 200
        await api.post(task["callbackUrl"].removeprefix(api.node.url), {})
        assert (await end_of(api, run_id))["status"] == "FAILURE"
        async with asyncio.timeout(20):
            await heard.get()
    assert [told["id"] for told in app.asked("RUN_NOTIFICATION")] == [run_id]


async def test_an_app_is_told_of_no_run_of_a_job_that_is_its_packages_own() -> None:
    async with (
        remote_app(job("webhook.register.shop", internal=True), job("sells")) as app,
        serving(nobody(), serves_all=True) as owner,
    ):
        api, heard = owner.with_key(DEV), hearing(app)
        await app.register(api)
        for job_id in ("webhook.register.shop", "sells"):
            run_id = await invoke(api, job_id)
            assert (await end_of(api, run_id))["status"] == "SUCCESS"
        async with asyncio.timeout(20):
            await heard.get()
    assert [told["job"]["id"] for told in app.asked("RUN_NOTIFICATION")] == ["sells"]
