"""A node at work on a database, with a clock that stands still; checked against the invariants when it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from perdure.config.settings import Settings
from perdure.engine.lifecycle import RUN_CHANGES, is_allowed
from perdure.engine.node import Node
from perdure.engine.opening import open_node
from perdure.engine.requesters import Requester
from perdure.engine.tracing import Tracing
from perdure.protocol.events import EventAnswer, EventOptions, EventRequest
from perdure.protocol.execution import JsonText
from perdure.protocol.runs import RunAnswer
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Row, Session, Storage
from tests.engine.app import ScriptedApp
from tests.engine.clock import ManualClock

FOR_EVER = Settings(retention=None)
"""Tests may let years pass."""


class World:
    """What a test of the engine acts on."""

    def __init__(self, storage: Storage, clock: ManualClock, app: ScriptedApp, node: Node) -> None:
        self.storage = storage
        self.clock = clock
        self.app = app
        self.node = node
        self.platform = node.platform

    async def send(
        self, name: str, payload: str = "{}", *, event_id: str | None = None, **options: object
    ) -> EventAnswer:
        """Send one event."""
        request = EventRequest(name, JsonText(payload), event_id)
        return (await self.platform.send_events([request], EventOptions(**options)))[0]  # type: ignore[arg-type]

    async def query(self, name: str, *args: str | int) -> list[Row]:
        """Ask an oracle."""
        return await self.storage.scan(_ask, name, *args)

    async def run_ids(self) -> list[str]:
        return [str(row[0]) for row in await self.query("list_runs")]

    async def only_run(self) -> str:
        (run_id,) = await self.run_ids()
        return run_id

    async def see(self, run_id: str, holds: Callable[[RunAnswer], bool]) -> RunAnswer:
        """Wait until something holds of a run; asks the database again and again, so no signal can be missed."""
        async with asyncio.timeout(60):
            while True:
                run = await self.platform.get_run(run_id, take=50, subtasks=True)
                if holds(run):
                    return run
                await asyncio.sleep(0)

    async def reach(self, run_id: str, status: RunStatus, *, executions: int | None = None) -> RunAnswer:
        """Wait until a run has a status."""
        return await self.see(
            run_id, lambda run: run.status is status and (executions is None or run.executions == executions)
        )

    async def until(self, holds: Callable[[dict[str, str]], bool]) -> None:
        """Wait until something holds of all runs and their statuses."""
        async with asyncio.timeout(60):
            while True:
                if holds({str(run_id): str(status) for run_id, status in await self.query("list_runs")}):
                    return
                await asyncio.sleep(0)

    async def ended(self, run_id: str) -> RunAnswer:
        async with asyncio.timeout(60):
            return await self.platform.wait_for_run(run_id)

    async def advance(self, seconds: float, run_id: str, status: RunStatus, **options: int) -> RunAnswer:
        """Let time pass, and wait until a run has a status."""
        self.clock.advance(seconds)
        return await self.reach(run_id, status, **options)


@asynccontextmanager
async def world(
    storage: Storage,
    app: ScriptedApp,
    *,
    settings: Settings | None = None,
    shares_database: bool = False,
    seed: int = 0,
    grace: float = 10,
    requester: Requester | None = None,
    serves_all: bool = False,
    tracing: Tracing | None = None,
) -> AsyncIterator[World]:
    """Start a node for an app; when the block ends it stops, and what is stored is checked."""
    clock = app.clock
    assert isinstance(clock, ManualClock)
    node = await open_node(
        storage,
        clock=clock,
        random_bytes=random.Random(seed).randbytes,
        settings=FOR_EVER if settings is None else settings,
        shares_database=shares_database,
        requester=requester,
        serves_all=serves_all,
        tracing=tracing,
    )
    app.platform = node.platform
    await node.add(app)
    node.begin()
    yield World(storage, clock, app, node)
    await node.stop(grace=timedelta(seconds=grace))
    for failure in app.failures:
        raise failure
    await check_invariants(storage)


async def start(
    storage: Storage,
    app: ScriptedApp,
    *,
    seed: int,
    shares_database: bool = False,
    settings: Settings | None = None,
    requester: Requester | None = None,
) -> World:
    """Start a node that the test does not stop: its process might die at any moment."""
    assert isinstance(app.clock, ManualClock)
    node = await open_node(
        storage,
        clock=app.clock,
        random_bytes=random.Random(seed).randbytes,
        settings=FOR_EVER if settings is None else settings,
        shares_database=shares_database,
        requester=requester,
    )
    app.platform = node.platform
    await node.add(app)
    node.begin()
    return World(storage, app.clock, app, node)


async def kill(it: World) -> None:
    """End a node as SIGKILL does: nothing of it says goodbye."""
    it.node.executions.is_open = False
    tasks = [*it.node.services, *it.node.at_work()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def check_invariants(storage: Storage) -> None:
    """Fail if what is stored could not have come about, or if something in it would never go on."""
    changes = await storage.scan(_ask, "list_run_changes")
    strange = [change for change in changes if not is_allowed(RUN_CHANGES, *change)]  # type: ignore[arg-type]
    assert strange == []
    for oracle in (
        "find_gaps_in_logs",
        "find_orphans",
        "find_forgotten_events",
        "find_stray_timers",
        "find_stray_waits_for_runs",
        "find_stray_places",
        "find_unrecorded_executions",
        "find_leftovers",
        "find_stray_schedules",
        "find_stray_ticks",
    ):
        assert (oracle, await storage.scan(_ask, oracle)) == (oracle, [])


async def _ask(tx: Session, name: str, *args: str | int) -> list[Row]:
    return await tx.all(name, *args)
