"""Many runs, every kind of mishap, in an order that a seed decides; then peace, and everything has ended well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.config.settings import Settings
from perdure.engine.node import Node
from perdure.engine.opening import open_node
from perdure.errors import (
    AlreadyDeliveredError,
    CannotContinueError,
    ExecutionError,
    FetchFailedError,
    FetchTimeoutError,
    PerdureError,
    StorageUnavailableError,
)
from perdure.protocol.events import EventOptions, EventRequest
from perdure.protocol.execution import ErrorInfo, ExecutionResult, JsonText, Succeeded, Suspended, Yielded
from perdure.protocol.operation_bounds import FETCH, POLL
from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import CallbackWait, EventWait
from perdure.storage.interface import Row, Session, Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.conftest import open_storage
from tests.engine.fetching import ask
from tests.engine.requester import answer
from tests.engine.storages import FailingStorage
from tests.engine.world import check_invariants

SEEDS = range(400 if os.environ.get("PERDURE_PROVE") else 16)
TRANSITIONS = (
    "store_events",
    "claim_due",
    "apply_result",
    "insert_if_executing",
    "store_task",
    "wake_and_claim",
    "wake_only",
    "cancel_event",
    "continue_run",
    "repeat_run",
    "renew_lease",
    "store_waiting_task",
    "store_operation",
    "take_due",
    "put_off",
    "release",
    "release_held",
)
REQUESTS: dict[str, dict[str, Any]] = {
    "fetch": {
        "retry": {"503": {"strategy": "backoff", "limit": 50, "maxTimeoutInMs": 3000}},
        "timeout": {"durationInMs": 5000, "retry": {"limit": 50, "maxTimeoutInMs": 3000}},
    },
    "poll": {"interval": 2, "timeout": 40, "responseFilter": {"status": [200]}},
}


async def meanders(execution: Execution) -> ExecutionResult:
    """Works, waits, retries and yields, as its payload says; a pure function of what is stored."""
    plan = random.Random(execution.request.event.payload)
    for number in range(plan.randint(1, 6)):
        kinds = ("run", "run", "sleep", "retry", "yield", "two", "event", "callback", "fetch", "poll")
        kind, key = plan.choice(kinds), str(number)
        seconds = plan.choice((0, 0.5, 3, 20))
        await asyncio.sleep(0)
        if kind == "run":
            await execution.run(key, output=f'"{key}"')
        elif kind == "sleep" and (nap := await execution.sleep(key, seconds)) is not None:
            return Suspended((nap,))
        elif kind in ("event", "callback"):
            wait = (
                EventWait("signal", "trigger.dev", JsonText('{"n":[1]}'), None, None, 20) if kind == "event" else None
            )
            waiting_for = await execution.wait_outside(key, wait if wait is not None else CallbackWait(20))
            if waiting_for is not None:
                return Suspended((waiting_for,))
        elif kind in ("fetch", "poll"):
            waiting_for = await ask(execution, key, FETCH if kind == "fetch" else POLL, REQUESTS[kind])
            if waiting_for is not None:
                return Suspended((waiting_for,))
        elif kind == "two":
            naps = [await execution.sleep(f"{key}a", seconds), await execution.sleep(f"{key}b", 2)]
            waiting = tuple(nap for nap in naps if nap is not None)
            if waiting:
                return Suspended(waiting)
        elif kind == "retry" and not execution.is_over(key):
            state = execution.state(key)
            if state is None:
                at = execution.app.clock.now() + timedelta(seconds=seconds)
                failed = ErrorInfo("Flaky", "again")
                record = execution.record(key, TaskStatus.WAITING, delay_until=at, attempts=2, attempt_error=failed)
                await execution.store(record)
            if state is None or state.status is TaskStatus.WAITING:
                return Suspended((execution.task_id(key),))
            await execution.store(execution.record(key, attempts=2, output=f'"{key}"'))
        elif kind == "yield" and key not in execution.request.yielded:
            return Yielded(key)
    return Succeeded(JsonText('"done"'))


class Weather:
    """Answers as it pleases, now or later; of each answer that is a result it keeps a note.

    Implements `perdure.engine.attempts.Requester`.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.given: dict[str, set[str]] = {}
        self._count = 0

    async def request(self, request: OutboundRequest) -> OutboundResponse:
        for _ in range(self._chance.choice((0, 1, 5, 40))):
            await asyncio.sleep(0)
        what = self._chance.choice(("answer", "answer", "busy", "slow", "silent"))
        if what == "slow":
            raise FetchTimeoutError
        if what == "silent" and self._chance.random() < 0.2:
            raise FetchFailedError
        if what == "busy":
            return answer(status=503)
        self._count += 1
        key = dict(request.headers)["Idempotency-Key"]
        self.given.setdefault(key, set()).add(str(self._count))
        return answer(str(self._count))

    async def close(self) -> None:
        """Nothing is open."""


class Chaos:
    """A node that is killed and started again, on a database that fails."""

    def __init__(self, storage: Storage, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = ManualClock()
        self.storage = FailingStorage(storage)
        self.app = ScriptedApp(self.clock).job("meanders", meanders)
        self.acknowledged: set[str] = set()
        self.cancelled: set[str] = set()
        self.outcomes: dict[str, Row] = {}
        self.taken_back: set[str] = set()
        self.key = bytes(32)
        self.weather = Weather(random.Random(seed))
        self.node: Node | None = None
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        self.node = await open_node(
            self.storage,
            clock=self.clock,
            random_bytes=random.Random(self.random.random()).randbytes,
            settings=Settings(
                max_executions=self.random.choice((1, 3, 1000)),
                claim_batch=self.random.choice((2, 200)),
                max_fetches=self.random.choice((1, 3, 1000)),
            ),
            secret_key=lambda: self.key,
            requester=self.weather,
        )
        self.app.platform = self.node.platform
        await self.node.add(self.app)
        self.node.begin()

    async def kill(self) -> None:
        """End the node as SIGKILL does, whatever it is doing."""
        assert self.node is not None
        self.node.executions.is_open = False
        tasks = [
            *self.node._loops,
            *(hold.task for hold in self.node.holds.all() if hold.task is not None),
            *self.node.operations._at_work.values(),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def act(self, number: int) -> None:
        action = self.random.choices(
            ("send", "batch", "delayed", "again", "advance", "step", "yield", "cancel", "fail", "heal", "kill", "stop",
             "signal", "call back", "take back", "go on", "repeat"),
            (6, 2, 3, 2, 8, 1, 8, 1, 2, 3, 0.5, 0.5, 2, 4, 2, 2, 0.5),
        )[0]  # fmt: skip
        if action in ("send", "batch", "delayed", "again"):
            await self.send(action, number)
        elif action == "advance":
            self.clock.advance(self.random.choice((0.001, 0.5, 3, 20)))
        elif action == "step":
            self.clock.step(self.random.choice((-30, 30)))
        elif action == "yield":
            for _ in range(self.random.randint(1, 30)):
                await asyncio.sleep(0)
        elif action in ("cancel", "go on", "repeat"):
            await self.manage(action)
        elif action == "signal":
            await self.signal(number)
        elif action == "call back":
            await self.call_back(number)
        elif action == "take back":
            await self.take_back()
        elif action == "fail":
            self.random.choice((self.storage.before, self.storage.after)).add(self.random.choice(TRANSITIONS))
        else:
            self.heal()
        if action in ("kill", "stop"):
            assert self.node is not None
            await (self.kill() if action == "kill" else self.node.stop(grace=timedelta(0)))
            await self.start()

    async def send(self, how: str, number: int) -> None:
        assert self.node is not None
        names = [f"{number}"] if how != "batch" else [f"{number}-{at}" for at in range(3)]
        if how == "again" and self.acknowledged:
            names = [self.random.choice(sorted(self.acknowledged))]
        after = self.random.choice((0, 1, 30)) if how == "delayed" else None
        requests = [EventRequest("meanders", JsonText(f'"{name}"'), name) for name in names]
        try:
            await self.node.platform.send_events(requests, EventOptions(deliver_after=after))
        except StorageUnavailableError:
            return
        self.acknowledged.update(names)

    async def take_back(self) -> None:
        """Cancel an event; what the answer says of it is so for ever."""
        assert self.node is not None
        if not self.acknowledged:
            return
        event_id = self.random.choice(sorted(self.acknowledged))
        try:
            await self.node.platform.cancel_event(event_id)
        except AlreadyDeliveredError:
            assert event_id not in self.taken_back
        except StorageUnavailableError:
            return
        else:
            self.taken_back.add(event_id)

    async def signal(self, number: int) -> None:
        assert self.node is not None
        request = EventRequest("signal", JsonText(f'{{"n":{self.random.choice((1, 2))}}}'), f"signal {number}")
        with contextlib.suppress(StorageUnavailableError):
            await self.node.platform.send_events([request], EventOptions())

    async def call_back(self, number: int) -> None:
        """Send a request to a callback URL, or two at once; what is acknowledged first is the result for ever."""
        assert self.node is not None
        tasks = [str(row[0]) for row in await self.storage.scan(_ask, "list_callback_tasks")]
        if not tasks:
            return
        callbacks, task_id = self.node.callbacks, self.random.choice(tasks)
        token = callbacks.url(task_id).rpartition("/")[2]
        for value in range(self.random.choice((1, 2))):
            try:
                await callbacks.receive(task_id, token, f"{number}.{value}".encode())
            except StorageUnavailableError:
                continue
            (row,) = await self.storage.scan(_ask, "find_ended_task", task_id)
            # Any other outcome is undone when the run is let go on.
            if row[0] == TaskStatus.COMPLETED:
                assert self.outcomes.setdefault(task_id, row) == row

    async def check_outcomes(self) -> None:
        """Fail if a result that was seen once has changed, or one of a fetch was never given for it."""
        for key, output in await self.storage.scan(_ask, "list_fetched"):
            assert output in self.weather.given[str(key)]
        for task_id, outcome in self.outcomes.items():
            assert await self.storage.scan(_ask, "find_ended_task", task_id) == [outcome]

    async def manage(self, how: str) -> None:
        """Cancel a run, let it go on, or repeat it."""
        assert self.node is not None
        platform = self.node.platform
        calls = {"cancel": platform.cancel_run, "go on": platform.continue_run, "repeat": platform.rerun}
        runs = await self.storage.scan(_ask, "list_runs")
        if not runs:
            return
        with contextlib.suppress(StorageUnavailableError, CannotContinueError):
            await calls[how](str(self.random.choice(runs)[0]))
        # What a task of an ended run had come to without a result may be asked for anew.
        self.outcomes = {task_id: row for task_id, row in self.outcomes.items() if row[0] is not None}

    def heal(self) -> None:
        self.storage.before.clear()
        self.storage.after.clear()

    async def calm(self) -> dict[str, str]:
        """Let time pass until every run has ended; their statuses."""
        self.heal()
        while True:
            self.clock.advance(1)
            runs = {str(run_id): str(status) for run_id, status in await self.storage.scan(_ask, "list_runs")}
            due = [await self.storage.scan(_ask, name) for name in ("list_timers", "list_operations_kept")]
            if not any(due) and all(RunStatus(status).is_final for status in runs.values()):
                return runs


async def _ask(tx: Session, name: str, *args: str | int) -> list[Row]:
    return await tx.all(name, *args)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_every_run_ends_well(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_storage(tmp_path / "chaos.db" if seed % 4 == 0 else None)
    chaos = Chaos(storage, seed)
    try:
        async with asyncio.timeout(60):
            await chaos.start()
            for number in range(120):
                await chaos.act(number)
            runs = await chaos.calm()
            await chaos.check_outcomes()
            assert chaos.node is not None
            await chaos.node.stop(grace=timedelta(0))
            await check_invariants(storage)

            ended = {RunStatus.SUCCESS, RunStatus.CANCELED}
            assert set(runs.values()) <= ended
            events = {str(row[0]): row[1:] for row in await storage.scan(_ask, "list_events")}
            assert chaos.acknowledged <= events.keys()
            # Delivered and one run, cancelled and none; nobody listens to signals.
            fates = {name: (1, 0, 0 if name.startswith("signal") else 1) for name in events} | {
                name: (0, 1, 0) for name in events if events[name][1]
            }
            assert events == fates
            assert {name for name in chaos.taken_back if not events[name][1]} == set()
    finally:
        await storage.close()
    raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [error for error in raised if not isinstance(error, (StorageUnavailableError, ExecutionError))] == []
    assert issubclass(ExecutionError, PerdureError)
