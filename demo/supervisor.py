"""Starts the shop, sends orders, kills it half-way, starts it again, and waits until everything has ended."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.database import count_ended, orders_at_the_door, read_database
from demo.errands import PARCEL_SIGNED
from demo.evidence import BODIES, DATABASE, KILLED
from demo.night import night_near
from demo.orders import ORDER_PLACED, Order, order_book
from demo.plans import Signer, expected_bodies, signer_of
from demo.process import ShopProcess, SupervisorLog, WorldProcess, world_outside

ORDERS_PER_SECOND = 80
PATIENCE = 60.0
"""How many seconds the second process may take."""

Tell = Callable[[str], None]

_LOOK_EVERY = 0.02


async def perform(folder: Path, *, orders: int, tell: Tell) -> None:
    """Let the shop take orders, and its power fail when half of the work has begun.

    Args:
        folder: An empty folder; all evidence is left in it.
        orders: How many orders.
        tell: Called with a sentence for each thing that happens, as it happens.

    Raises:
        RuntimeError: A process ended by itself.
    """
    async with world_outside(folder) as world:
        tell(f"Process {world.pid} is the world outside. It has power of its own.")
        supervisor = Supervisor(folder, orders, tell, world)
        await supervisor.first_life()
        supervisor.keep_what_is_on_disk()
        shop = await supervisor.second_life()
    await shop.end()


class Supervisor:
    """Sees the shop through its two lives.

    Args:
        folder: Where all evidence is left.
        orders: How many orders.
        tell: Called with a sentence for each thing that happens.
        world: The world outside.
    """

    def __init__(self, folder: Path, orders: int, tell: Tell, world: WorldProcess) -> None:
        self._folder = folder
        self._book = order_book(orders)
        self._tell = tell
        self._world = world
        self._night = night_near(datetime.now(UTC))
        self._log = SupervisorLog(folder, orders, self._night)

    async def first_life(self) -> None:
        """Open the shop, send it orders, and kill it when half of the work has begun."""
        half = sum(len(expected_bodies(order)) for order in self._book) // 2
        shop = await self._open()
        self._tell(
            f"Process {shop.pid} opens the shop, shortly before midnight. {ORDERS_PER_SECOND} orders come in a second."
        )
        sending = asyncio.create_task(shop.send(map(_placed, self._book), pause=1 / ORDERS_PER_SECOND))
        messenger = Messenger(shop, self._folder / DATABASE, {Signer.PROMPT})
        while _count_lines(self._folder / BODIES) < half:
            await asyncio.sleep(_LOOK_EVERY)
            shop.check()
            await messenger.bring()
        await shop.kill()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        orders = sum(1 for event in shop.acknowledged if event.startswith("order-"))
        self._tell(f"Half of the work has begun: kill -9 {shop.pid}. {orders} orders had been acknowledged.")

    def keep_what_is_on_disk(self) -> None:
        """Copy the database as the kill left it."""
        (self._folder / KILLED).mkdir()
        for file in (DATABASE, f"{DATABASE}-wal"):
            shutil.copy(self._folder / file, self._folder / KILLED)
        database = read_database(self._folder / KILLED / DATABASE)
        runs, under_way = len(database.runs), len(database.open_runs)
        self._tell(
            f"On disk are the results of {len(database.results):,} tasks; {under_way} of {runs} runs are under way."
        )

    async def second_life(self) -> ShopProcess:
        """Open the shop again, send everything again, and wait until all runs have ended; it is still open then."""
        began = time.monotonic()
        shop = await self._open()
        self._tell(f"Process {shop.pid} opens it again. All {len(self._book)} orders are sent again, to be sure.")
        await shop.send(map(_placed, self._book))
        messenger = Messenger(shop, self._folder / DATABASE, {Signer.PROMPT, Signer.LATE})
        runs = sum(2 + len(order.extras) for order in self._book) + 1
        while (ended := count_ended(self._folder / DATABASE)) < runs and time.monotonic() < began + PATIENCE:
            await asyncio.sleep(_LOOK_EVERY)
            shop.check()
            await messenger.bring()
        self._tell(f"{ended} of {runs} runs have ended, {time.monotonic() - began:.1f} s after the restart.")
        return shop

    async def _open(self) -> ShopProcess:
        return await ShopProcess.start(self._folder, self._log, self._world, clock_offset=self._night.clock_offset)


class Messenger:
    """Stands at doors: where a parcel waits and somebody is to sign for it, the event of the signature is sent.

    Args:
        shop: Is sent the events.
        database: Tells where parcels wait.
        signers: Those who sign now.
    """

    def __init__(self, shop: ShopProcess, database: Path, signers: set[Signer]) -> None:
        self._shop = shop
        self._database = database
        self._signers = signers
        self._brought: set[int] = set()

    async def bring(self) -> None:
        """Bring the signatures that are new."""
        waiting = orders_at_the_door(self._database, PARCEL_SIGNED) - self._brought
        signed = sorted(number for number in waiting if signer_of(number) in self._signers)
        await self._shop.send(map(_signed, signed))
        self._brought.update(signed)


def _placed(order: Order) -> dict[str, Any]:
    return {"name": ORDER_PLACED, "id": f"order-{order.number}", "payload": order.model_dump()}


def _signed(number: int) -> dict[str, Any]:
    payload = {"order": number, "by": f"customer{number}"}
    return {"name": PARCEL_SIGNED, "id": f"signed-{number}", "payload": payload}


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
