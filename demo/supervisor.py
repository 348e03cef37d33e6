"""Starts the shop, sends orders, kills it half-way, starts it again, and waits until everything has ended."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from demo.evidence import BODIES, DATABASE, KILLED, count_ended, read_database
from demo.orders import expected_bodies, order_book
from demo.process import OrderLog, ShopProcess

ORDERS_PER_SECOND = 80
PATIENCE = 60.0
"""How many seconds the second process may take."""

Tell = Callable[[str], None]

_LOOK_EVERY = 0.01


async def perform(folder: Path, *, orders: int, tell: Tell) -> None:
    """Let the shop take orders, and its power fail when half of the work has begun.

    Args:
        folder: An empty folder; all evidence is left in it.
        orders: How many orders.
        tell: Called with a sentence for each thing that happens, as it happens.

    Raises:
        RuntimeError: The shop ended by itself.
    """
    log = OrderLog(folder, orders)
    await _first_life(folder, log, orders, tell)
    (folder / KILLED).mkdir()
    for file in (DATABASE, f"{DATABASE}-wal"):
        shutil.copy(folder / file, folder / KILLED)
    database = read_database(folder / KILLED / DATABASE)
    runs, under_way = len(database.runs), len(database.open_runs)
    tell(f"On disk are the results of {len(database.results):,} tasks; {under_way} of {runs} runs are under way.")
    await _second_life(folder, log, orders, tell)


async def _first_life(folder: Path, log: OrderLog, orders: int, tell: Tell) -> None:
    book = order_book(orders)
    half = sum(len(expected_bodies(order)) for order in book) // 2
    shop = await ShopProcess.start(folder, log)
    tell(f"Process {shop.pid} opens the shop. Orders come in, {ORDERS_PER_SECOND} a second.")
    sending = asyncio.create_task(shop.send(book, pause=1 / ORDERS_PER_SECOND))
    while _count_lines(folder / BODIES) < half:
        await asyncio.sleep(_LOOK_EVERY)
        if shop.has_ended:
            raise RuntimeError(f"The shop ended by itself; its last words are in {shop.last_words}.")
    await shop.kill()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    tell(f"Half of the work has begun: kill -9 {shop.pid}. {shop.acknowledged} orders had been acknowledged.")


async def _second_life(folder: Path, log: OrderLog, orders: int, tell: Tell) -> None:
    began = time.monotonic()
    shop = await ShopProcess.start(folder, log)
    tell(f"Process {shop.pid} opens it again. All {orders} orders are sent again, to be sure.")
    await shop.send(order_book(orders))
    while (ended := count_ended(folder / DATABASE)) < 2 * orders and time.monotonic() < began + PATIENCE:
        await asyncio.sleep(_LOOK_EVERY)
        if shop.has_ended:
            raise RuntimeError(f"The shop ended by itself; its last words are in {shop.last_words}.")
    tell(f"{ended} of {2 * orders} runs have ended, {time.monotonic() - began:.1f} s after the restart.")
    await shop.end()


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
