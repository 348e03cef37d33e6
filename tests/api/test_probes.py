"""After somebody has had an app asked anew, its platform is probed for how long it lets the app work (section 3.12)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.api.client import ApiClient, serving
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.api.test_execution_limits import FIRST, SHORTEST, TIMED_OUT, limit_of
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke
from tests.engine.ticking import until

__all__ = ["keys"]
REFRESH = "/api/endpoints/shop/index"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe without the pause."""
    monkeypatch.setattr("perdure.engine.probes.DELAY", timedelta())


class Platform:
    """Answers probes when it is told to, each with the next of these answers."""

    def __init__(self, app: RemoteApp, *answers: Any) -> None:
        self.app = app
        self.answers = list(answers)
        self.open = asyncio.Event()
        app.says |= {"PROBE_EXECUTION_TIMEOUT": self.answer}

    async def answer(self) -> Any:
        await self.open.wait()
        return self.answers.pop(0)

    def count(self) -> int:
        return len(self.app.asked("PROBE_EXECUTION_TIMEOUT"))


def planned() -> list[asyncio.Task[Any]]:
    """The probes that lie ahead or are at work."""
    return [task for task in asyncio.all_tasks() if "Probes" in repr(task)]


async def refresh(api: ApiClient) -> None:
    answer = await api.post(REFRESH)
    assert answer.status == 200, answer


async def test_what_a_probe_finds_out_holds_for_the_executions_after_it() -> None:
    async with remote_app(job("push")) as app, serving(nobody(), serves_all=True) as owner:
        api, platform = owner.with_key(DEV), Platform(app, TIMED_OUT)
        await app.register(api)
        await refresh(api)
        await until(lambda: platform.count() == 1)
        assert app.asked("PROBE_EXECUTION_TIMEOUT") == [{"timeout": 120_000}]
        assert await limit_of(app, api) == FIRST
        # It is asked anew meanwhile, by a deploy, say.
        assert (await api.post("/api/v1/endpoints/shop/index", {})).status == 200
        platform.open.set()
        async with asyncio.timeout(30):
            while await limit_of(app, api) == FIRST:
                continue
        assert await limit_of(app, api) == SHORTEST


async def test_an_app_is_probed_once_at_a_time_and_only_when_somebody_asks_for_it() -> None:
    async with remote_app(job("push")) as app, serving(nobody(), serves_all=True) as owner:
        api, platform = owner.with_key(DEV), Platform(app, {"ok": True}, {"ok": True})
        await app.register(api)
        for _ in range(3):
            assert (await api.post("/api/v1/endpoints/shop/index", {})).status == 200
        await limit_of(app, api)
        assert platform.count() == 0
        for _ in range(3):
            await refresh(api)
        await until(lambda: platform.count() > 0)
        await refresh(api)
        await limit_of(app, api)
        assert platform.count() == 1
        platform.open.set()
        async with asyncio.timeout(30):
            while platform.count() < 2:
                await refresh(api)


async def test_a_probe_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with remote_app(job("push")) as app, serving(nobody(), serves_all=True) as owner:
        api, platform = owner.with_key(DEV), Platform(app, b"no HTTP\r\n\r\n")
        await app.register(api)
        platform.open.set()
        await refresh(api)
        await until(lambda: "could not be found out" in caplog.text)
        assert await limit_of(app, api) == FIRST


async def test_an_app_that_goes_and_a_server_that_stops_wait_for_no_probe() -> None:
    async with remote_app(job("push")) as app:
        async with serving(nobody(), serves_all=True) as owner:
            api, platform = owner.with_key(DEV), Platform(app)
            await app.register(api)
            await refresh(api)
            await until(lambda: platform.count() == 1)
            assert (await api.delete("/api/endpoints/shop")).status == 200
            await app.register(api)
            await refresh(api)
            await until(lambda: platform.count() == 2)
            # It may be on another platform now.
            await app.register(api)
            await refresh(api)
            await until(lambda: platform.count() == 3)
        assert not planned()


async def test_a_server_that_stops_forgets_the_probes_that_lie_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.engine.probes.DELAY", timedelta(hours=1))
    async with remote_app(job("push")) as app:
        async with serving(nobody(), serves_all=True) as owner:
            api, platform = owner.with_key(DEV), Platform(app)
            await app.register(api)
            await refresh(api)
            assert len(planned()) == 1
        assert (planned(), platform.count()) == ([], 0)


async def test_an_app_that_is_told_no_limit_is_not_probed() -> None:
    async with remote_app(job("push")) as app, serving(nobody(), serves_all=True) as owner:
        api, platform = owner.with_key(DEV), Platform(app)
        app.headers = {}
        await app.register(api)
        await refresh(api)
        assert (await end_of(api, await invoke(api, "push")))["status"] == "SUCCESS"
        assert platform.count() == 0
