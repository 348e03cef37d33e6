"""``PERDURE_FORCE_REPLAY``: every suspension replays, without a change of the program."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import IO
from tests.scenarios.app import PATIENCE, SUSPENDS, App


@pytest.mark.parametrize(("value", "replays"), [("1", True), ("true", True), ("0", False), ("", False)])
async def test_the_environment_forces_replay(monkeypatch: pytest.MonkeyPatch, value: str, replays: bool) -> None:
    monkeypatch.setenv("PERDURE_FORCE_REPLAY", value)
    app = App("sqlite://", force_replay=False)
    entries: list[int] = []

    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        entries.append(1)
        await io.wait("w", SUSPENDS)

    async with app.start():
        handle = await app.client.invoke(waiting)
        await handle.result(timeout=PATIENCE)
    assert len(entries) == (2 if replays else 1)
