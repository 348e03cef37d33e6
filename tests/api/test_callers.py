"""Calls that name the execution that makes them are done while the run is its own, and not after that."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.epochs import epoch_of
from tests.api.client import Answer, ApiClient
from tests.api.test_task_batches import Sender, executing

EVENT = {"events": [{"name": "made", "payload": "{}", "context": "{}", "source": "trigger.dev"}], "options": {}}


async def call(sender: Sender, **headers: str) -> Answer:
    return await sender.api.post("/api/events", EVENT, **headers)


async def sent(api: ApiClient) -> list[Any]:
    events: list[Any] = (await api.get("/api/events")).body["events"]
    return [event for event in events if event["name"] == "made"]


async def test_a_call_of_the_execution_that_has_the_run_is_done() -> None:
    async with executing() as sender:
        made = await call(sender, **{"Perdure-Run": sender.run, "Perdure-Epoch": str(sender.epoch)})
        assert made.status == 200, made.body
        assert len(await sent(sender.api)) == 1


@pytest.mark.parametrize(
    "which", ["another execution", "before a backup was put back", "a run that nobody knows", "a cancelled run"]
)
async def test_a_call_of_an_execution_that_has_not_the_run_is_refused_and_nothing_is_done(which: str) -> None:
    async with executing() as sender:
        run, epoch = sender.run, sender.epoch
        if which == "another execution":
            epoch += 1
        elif which == "before a backup was put back":
            epoch = epoch_of(epoch, sender.api.node.engine.holds.life ^ 1 or 2)
        elif which == "a run that nobody knows":
            run = "run_nobody"
        else:
            assert (await sender.api.post(f"/api/v1/runs/{run}/cancel")).status == 200
        refused = await call(sender, **{"Perdure-Run": run, "Perdure-Epoch": str(epoch)})
        assert (refused.status, refused.code) == (409, "stale_execution")
        assert await sent(sender.api) == []


@pytest.mark.parametrize("epoch", [None, "", "one", "-1", "²", "9" * 19])
async def test_a_call_that_names_a_run_says_which_execution_of_it_makes_it(epoch: str | None) -> None:
    async with executing() as sender:
        said = {} if epoch is None else {"Perdure-Epoch": epoch}
        refused = await call(sender, **{"Perdure-Run": sender.run, **said})
        assert (refused.status, refused.code) == (400, "invalid_field")
        assert "perdure-epoch" in refused.body["error"]
        assert await sent(sender.api) == []
