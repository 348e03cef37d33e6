"""Runs that ended are kept as long as the setting says, and then are gone with all that was theirs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from perdure.errors import NotFoundError
from tests.scenarios.app import PATIENCE, App


async def test_an_ended_run_is_gone_after_a_while_and_one_that_waits_is_not(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_RETENTION", "1s")

    @app.job
    async def works(payload: Any, io: IO) -> str:
        await io.store.run.set("set", "name", payload)
        await io.create_status("status", label="at work")
        await io.logger.info("works")
        return await io.run_task("k", lambda: "done")

    @app.job
    async def waits(payload: Any, io: IO) -> str:
        await io.run_task("before", lambda: "done")
        await io.wait("w", 3)
        return "waited"

    async with app.start():
        waiting = await app.client.invoke(waits)
        ended = await app.client.invoke(works, 1, idempotency_key="k")
        assert await ended.result(timeout=PATIENCE) == "done"
        assert (await app.client.invoke(works, 1, idempotency_key="k")).id == ended.id
        await _gone(app, ended.id)

        assert (await app.client.get_runs("works")).runs == ()
        # The key is free again.
        assert (await app.client.invoke(works, 1, idempotency_key="k")).id != ended.id
        assert await waiting.result(timeout=PATIENCE) == "waited"


async def _gone(app: App, run_id: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await app.client.get_run(run_id)
            except NotFoundError:
                return
            await asyncio.sleep(0)
