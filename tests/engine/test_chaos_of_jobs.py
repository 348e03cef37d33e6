"""Runs that start runs and wait for them, under limits, and whose ends are told, while mishaps of every kind happen."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.errors import ExecutionError, FetchTimeoutError, StorageUnavailableError
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import ErrorInfo, ExecutionResult, Failed, JsonText, Succeeded, Suspended
from perdure.protocol.json_text import load
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.statuses import RunStatus
from perdure.protocol.task_waits import InvokeRequest
from perdure.storage.interface import Row, Session, Storage
from tests.engine.app import Execution
from tests.engine.conftest import open_storage
from tests.engine.test_chaos import Chaos
from tests.engine.world import check_invariants

SEEDS = range(300 if os.environ.get("PERDURE_PROVE") else 6)
URL = "https://example.com/told"
TRANSITIONS = (
    "store_runs_wait",
    "store_waiting_task",
    "apply_result",
    "claim_due",
    "wake_and_claim",
    "wake_only",
    "take_due",
    "delete_if_taken",
    "postpone_if_taken",
    "fill_places",
    "hasten",
    "hasten_some_postponed",
)


async def delegates(execution: Execution) -> ExecutionResult:
    """Waits for runs, one batch after the other; a pure function of what is stored."""
    plan = random.Random(execution.request.event.payload)
    for number in range(plan.randint(1, 3)):
        requests = [
            InvokeRequest(
                "child",
                JsonText(f'"{number}.{n}"'),
                # A few runs are waited for by many.
                idempotency_key=f"shared {plan.randint(1, 3)}" if plan.random() < 0.2 else None,
                callback_url=URL if plan.random() < 0.5 else None,
            )
            for n in range(plan.randint(1, 4))
        ]
        suspended = await execution.wait_for_runs(str(number), *requests, timeout=100_000)
        if suspended is not None:
            return suspended
        state = execution.state(str(number))
        assert state is not None
        assert len(load(state.output or JsonText("null"))) == len(requests)
        await execution.run(f"after {number}")
    return Succeeded(JsonText('"done"'))


class Receiver:
    """What the callback URL leads to: it takes notifications or not, as it pleases."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.taken: list[tuple[str, dict[str, Any]]] = []

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        for _ in range(self._chance.choice((0, 1, 20))):
            await asyncio.sleep(0)
        what = self._chance.choice(("take", "take", "refuse", "forget"))
        if what != "refuse":
            body = load((request.body or b"").decode())
            self.taken.append((dict(request.headers)["Webhook-Id"], body))
        if what == "forget":
            raise FetchTimeoutError
        return OutboundResponse(503 if what == "refuse" else 204, (), b"")

    async def close(self) -> None:
        """Nothing is open."""


class JobsChaos(Chaos):
    """Chaos for runs that start others."""

    def __init__(self, storage: Storage, seed: int) -> None:
        super().__init__(storage, seed)
        self.receiver = Receiver(random.Random(seed))
        self.weather = self.receiver  # type: ignore[assignment]
        self.app.job("meanders", delegates)
        self.app.job("child", self.works, limit=LimitSpec(2), notify_success=True, notify_failure=True)
        self.excesses: list[Row] = []

    async def works(self, execution: Execution) -> ExecutionResult:
        """Naps; one in four fails."""
        self.excesses += [row for row in await self.storage.scan(_ask, "list_taken_places") if int(str(row[1])) > 2]
        nap = await execution.sleep("nap", 1)
        if nap is not None:
            return Suspended((nap,))
        is_failure = random.Random(execution.run_id).random() < 0.25
        return Failed(ErrorInfo("Declined", "no")) if is_failure else Succeeded(execution.request.event.payload)

    async def kill(self) -> None:
        assert self.node is not None
        telling = self.node.deliveries.at_work()
        await super().kill()
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)

    async def act(self, number: int) -> None:
        chance = self.random.random()
        if chance < 0.04:
            self.random.choice((self.storage.before, self.storage.after)).add(self.random.choice(TRANSITIONS))
        elif chance < 0.08:
            self.app.deaf_for = self.random.choice((1, 3))
        else:
            await super().act(number)

    async def rest(self) -> dict[str, str]:
        """Let time pass until every run has ended and everybody was told; the statuses of the runs."""
        runs = await self.calm()
        while await self.storage.scan(_ask, "list_notifications"):
            self.clock.advance(100)
            await asyncio.sleep(0)
        return runs


async def _ask(tx: Session, name: str, *args: str | int) -> list[Row]:
    return await tx.all(name, *args)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_everybody_learns_of_every_end(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_storage(tmp_path / "chaos.db" if seed % 4 == 0 else None)
    chaos = JobsChaos(storage, seed)
    try:
        async with asyncio.timeout(60):
            await chaos.start()
            for number in range(120):
                await chaos.act(number)
            runs = await chaos.rest()
            assert chaos.node is not None
            await chaos.node.stop(grace=timedelta(0))
        await check_invariants(storage)
        assert chaos.excesses == []

        children = {
            str(run_id): str(status) for run_id, status in await storage.scan(_ask, "list_ends_of_job", "child")
        }
        parents = {status for run_id, status in runs.items() if run_id not in children}
        assert parents <= {RunStatus.SUCCESS, RunStatus.CANCELED}
        # A run that was let go on has ended more than once, and each end was told.
        told = {(body["id"], body["status"]) for _, body in chaos.app.notified}
        assert children.items() <= told
        assert {run_id for run_id, _ in told} == children.keys()

        asked = {str(row[0]) for row in await storage.scan(_ask, "list_called_back")}
        posted = {(body["id"], body["status"]) for _, body in chaos.receiver.taken}
        assert {(run_id, children[run_id]) for run_id in asked} <= posted
        assert {run_id for run_id, _ in posted} == asked
        bodies: dict[str, dict[str, Any]] = {}
        assert all(bodies.setdefault(id, body) == body for id, body in chaos.receiver.taken)
    finally:
        await storage.close()
    raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [error for error in raised if not isinstance(error, (StorageUnavailableError, ExecutionError))] == []
