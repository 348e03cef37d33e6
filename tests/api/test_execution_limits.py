"""How long an app may take for an execution: what its platform has shown is known from then on (section 6.7)."""

from __future__ import annotations

from pathlib import Path

from tests.api.client import ApiClient, serving
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke
from tests.transport.server import response

__all__ = ["keys"]
TIMED_OUT = response(b"", status="504 Gateway Timeout")
FIRST, SHORTEST = 60_000 - 350, 10_000 - 350


async def limit_of(app: RemoteApp, api: ApiClient) -> int:
    """How long the app is told that the next execution may take."""
    await end_of(api, await invoke(api, "push"))
    return int(app.asked("EXECUTE_JOB")[-1]["runChunkExecutionLimit"])


async def cut_short(app: RemoteApp, api: ApiClient) -> None:
    """Let the platform of the app cut an execution short."""
    app.says |= {"EXECUTE_JOB": TIMED_OUT}
    assert (await end_of(api, await invoke(api, "push")))["status"] == "TIMED_OUT"
    app.says |= {"EXECUTE_JOB": {"status": "SUCCESS"}}


async def test_what_a_platform_allows_is_known_when_its_app_was_asked_anew_and_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/p.db"
    async with remote_app(job("push")) as app:
        async with serving(nobody(), serves_all=True, url=url) as owner:
            api = owner.with_key(DEV)
            await app.register(api)
            assert await limit_of(app, api) == FIRST
            await cut_short(app, api)
            for ask_anew in ("/api/endpoints/shop/index", "/api/v1/endpoints/shop/index"):
                assert (await api.post(ask_anew, {})).status == 200
                assert await limit_of(app, api) == SHORTEST
            # Tools register an app each time its code has changed.
            await app.register(api)
            assert await limit_of(app, api) == SHORTEST
        async with serving(nobody(), serves_all=True, url=url) as owner:
            assert await limit_of(app, owner.with_key(DEV)) == SHORTEST


async def test_of_an_app_that_is_elsewhere_now_nothing_is_known() -> None:
    async with (
        remote_app(job("push")) as before,
        remote_app(job("push")) as after,
        serving(nobody(), serves_all=True) as owner,
    ):
        api = owner.with_key(DEV)
        await before.register(api)
        await cut_short(before, api)
        await after.register(api)
        assert await limit_of(after, api) == FIRST
        assert (await api.post("/api/endpoints/shop/index")).status == 200
        assert await limit_of(after, api) == FIRST
