"""Schedules through every kind of mishap, in an order that a seed decides, over a night in which clocks move."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from datetime import timedelta

import pytest

from perdure.config.settings import Settings
from perdure.engine.node import Node
from perdure.engine.opening import open_node
from perdure.errors import NotFoundError, StorageUnavailableError
from perdure.protocol.schedules import RegisterSchedule, UnregisterSchedule
from perdure.storage.interface import Row, Session, Storage
from tests.engine.app import ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.conftest import open_storage
from tests.engine.storages import FailingStorage
from tests.engine.ticking import DAY, Ticks, cron, every
from tests.engine.world import check_invariants
from tests.unit.protocol.wall_clock import EPOCH, PlainCron, ticks

SEEDS = range(200 if os.environ.get("PERDURE_PROVE") else 8)
TRANSITIONS = ("fire_ticks", "register_schedule", "unregister_schedule", "store_index", "wake_resting", "claim_due")
NIGHT = "*/20 1-4 * * *"
BERLIN = "Europe/Berlin"


class Mishaps:
    """A node with schedules that is killed and started again, on a database that fails."""

    def __init__(self, storage: Storage, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = ManualClock()
        # The evening of 30 March 2030.
        self.clock.advance(88 * DAY + 20 * 3600)
        self.begun = self.clock.now()
        self.storage = FailingStorage(storage)
        self.app = ScriptedApp(self.clock)
        self.ticks = Ticks(self.app)
        self.ticks.job("interval", every(60), "all")
        self.ticks.job("night", cron(NIGHT, BERLIN), "all")
        self.ticks.job("latest", cron("* * * * *"))
        self.ticks.job("none", every(120), "none")
        self.ticks.dynamic("reminders", "mail", "text")
        self.node: Node | None = None

    async def start(self) -> None:
        while True:
            self.node = await open_node(
                self.storage,
                clock=self.clock,
                random_bytes=random.Random(self.random.random()).randbytes,
                settings=Settings(
                    max_executions=self.random.choice((3, 1000)), timer_batch=self.random.choice((20, 500))
                ),
            )
            self.app.platform = self.node.platform
            try:
                await self.node.add(self.app)
            except StorageUnavailableError:
                self.heal()
                continue
            self.node.begin()
            return

    async def act(self) -> None:
        assert self.node is not None
        action = self.random.choices(
            ("advance", "leap", "back", "yield", "register", "unregister", "again", "fail", "heal", "kill", "stop"),
            (8, 1, 0.5, 8, 3, 1, 1, 2, 2, 0.7, 0.7),
        )[0]
        key = self.random.choice("abc")
        if action in ("advance", "leap"):
            self.clock.advance(self.random.choice((0.5, 20, 60, 600)) if action == "advance" else 5400)
        elif action == "back":
            self.clock.step(-30)
        elif action == "yield":
            for _ in range(self.random.randint(1, 30)):
                await asyncio.sleep(0)
        elif action == "fail":
            self.random.choice((self.storage.before, self.storage.after)).add(self.random.choice(TRANSITIONS))
        elif action == "heal":
            self.heal()
        elif action in ("kill", "stop"):
            await (self.node.abandon() if action == "kill" else self.node.stop(grace=timedelta(0)))
            await self.start()
        else:
            with contextlib.suppress(StorageUnavailableError, NotFoundError):
                if action == "again":
                    await self.node.add(self.app)
                elif action == "register":
                    timing = self.random.choice((every(240), every(90), cron("*/7 * * * *"), cron(NIGHT, BERLIN)))
                    await self.node.platform.register_schedule(RegisterSchedule("reminders", key, timing))
                else:
                    await self.node.platform.unregister_schedule(UnregisterSchedule("reminders", key))

    def heal(self) -> None:
        self.storage.before.clear()
        self.storage.after.clear()

    async def calm(self) -> None:
        """Let time pass until nothing is due and every run has ended."""
        self.heal()
        while True:
            self.clock.advance(1)
            if not await self.storage.scan(_ask, "find_unsettled", self.clock.now_ms()):
                return

    async def check(self) -> None:
        """Compare what has ticked with what should have, and each run with its tick."""
        begun, now = ((at - EPOCH) // timedelta(minutes=1) + 1 for at in (self.begun, self.clock.now()))
        listed: dict[str, list[int]] = {}
        for key, tick_at, _, count in await self.storage.scan(_ask, "list_ticks"):
            listed.setdefault(str(key), []).append(int(str(tick_at)) // 1000)
            assert count == (2 if str(key) in "abc" else 1)
        late = int((self.clock.now() - EPOCH).total_seconds())
        first = int((self.begun - EPOCH).total_seconds())
        assert listed["interval"] == list(range(first + 60, late + 1, 60))
        assert [at // 60 for at in listed.get("night", [])] == ticks(PlainCron(NIGHT), BERLIN, begun, now)
        assert set(listed.get("none", [])) <= set(range(first + 120, late + 1, 120))
        before: dict[object, str] = {}
        for schedule, payload in await self.storage.scan(_ask, "list_tick_payloads"):
            told = json.loads(str(payload))
            assert told.get("lastTimestamp") == before.get(schedule)
            before[schedule] = told["ts"]


async def _ask(tx: Session, name: str, *args: str | int) -> list[Row]:
    return await tx.all(name, *args)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_each_tick_fires_once(seed: int) -> None:
    storage = open_storage(None)
    mishaps = Mishaps(storage, seed)
    try:
        async with asyncio.timeout(60):
            await mishaps.start()
            for _ in range(60):
                await mishaps.act()
            await mishaps.calm()
            assert mishaps.node is not None
            await mishaps.node.stop(grace=timedelta(seconds=10))
        await mishaps.check()
        await check_invariants(storage)
    finally:
        await storage.close()
