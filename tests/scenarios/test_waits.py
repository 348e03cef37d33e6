"""Waits: a run goes on when its time has come."""

from __future__ import annotations

from typing import Any

from perdure import IO
from tests.scenarios.app import App


async def test_a_run_waits_and_goes_on(app: App) -> None:
    @app.job
    async def nap(payload: Any, io: IO) -> str:
        await io.wait("⏰", 0.02)
        return "awake"

    run = await app.run(nap)
    assert (run.status, run.output) == ("SUCCESS", "awake")
