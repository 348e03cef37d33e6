"""An app behind a URL that fails a run ten times in a row has failed it, whatever becomes of the server meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from perdure.engine import requeues
from perdure.transport.execution_verdict import FAILURE_LIMIT
from tests.api.client import serving
from tests.api.remote_app import job, remote_app
from tests.api.test_operators import DEV, keys, nobody
from tests.api.test_preprocessed_runs import end_of
from tests.api.test_runs import invoke
from tests.transport.server import response

__all__ = ["keys"]


@pytest.mark.parametrize("lives", [1, 5])
async def test_a_run_whose_app_answers_500_fails_after_ten_times_in_all_however_often_the_server_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: int
) -> None:
    monkeypatch.setattr(requeues, "_FIRST_BACK_OFF", 0.01)
    url, asked = f"sqlite:///{tmp_path}/p.db", asyncio.Queue[None]()

    async def fails() -> bytes:
        asked.put_nowait(None)
        return response(b"oops", status="500 Internal Server Error")

    async with remote_app(job("push")) as app:
        app.says["EXECUTE_JOB"] = fails
        async with serving(nobody(), serves_all=True, url=url) as owner:
            await app.register(owner.with_key(DEV))
            run_id = await invoke(owner.with_key(DEV), "push")
            await asked.get()
        for _ in range(lives - 1):
            async with serving(nobody(), serves_all=True, url=url):
                await asked.get()
        async with serving(nobody(), serves_all=True, url=url) as owner:
            run = await end_of(owner.with_key(DEV), run_id)
    assert run["status"] == "FAILURE"
    assert run["error"]["message"] == "Endpoint responded with 500 status code"
    assert len(app.asked("EXECUTE_JOB")) == FAILURE_LIMIT
