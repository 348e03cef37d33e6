"""Starts the server and the app, sends orders, kills the server half-way, starts it again, and waits for the end."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from demo.logs import SyncedLog, read_log
from demo.npm.evidence import BODIES, DATABASE, KILLED, SENT, read_stored
from demo.npm.processes import Server, Shop

PATIENCE = 60.0
"""How many seconds the work may take before the kill, and after it."""

Tell = Callable[[str], None]

_ORDERS_PER_SECOND = 20
_LOOK_EVERY = 0.05
_JOBS = 2
_BODIES = 3


def perform(folder: Path, *, orders: int, packages: Path, tell: Tell) -> None:
    """Let the app take orders, and its server be killed when half of the work has begun.

    Args:
        folder: An empty folder; all evidence is left in it.
        orders: How many orders.
        packages: Where the npm package is.
        tell: Called with a sentence for each thing that happens, as it happens.

    Raises:
        RuntimeError: A program ended by itself, or does not answer.
    """
    key = f"tr_dev_{secrets.token_hex(10)}"
    with ExitStack() as ending:
        server = Server(folder, key)
        ending.callback(lambda: server.end())
        tell(f"Process {server.pid} is perdure serve, with an empty database.")
        shop = Shop(folder, key, url=server.url, packages=packages)
        ending.callback(shop.end)
        server.register(shop.url)
        tell(f"Process {shop.pid} is the app, in Node. The server has asked it for its jobs, and found {_JOBS}.")
        acknowledged = _first_life(server, folder, orders, tell)
        (folder / SENT).write_text(json.dumps({"orders": orders, "acknowledged": acknowledged}), encoding="utf-8")
        _keep_what_is_on_disk(folder, tell)
        began = time.monotonic()
        server = Server(folder, key, port=server.port)
        tell(f"Process {server.pid} is the server again; it knows where the app is. All orders are sent once more.")
        for order in range(orders):
            server.place(order)
        _wait_for_the_end(folder, orders, began, tell)


def _first_life(server: Server, folder: Path, orders: int, tell: Tell) -> list[str]:
    tell(f"{_ORDERS_PER_SECOND} orders come in a second.")
    half, deadline = orders * _BODIES // 2, time.monotonic() + PATIENCE
    acknowledged: list[str] = []
    while _count_bodies(folder) < half:
        if time.monotonic() > deadline:
            raise RuntimeError(f"The app has not done half of the work in {PATIENCE:.0f} s.")
        if len(acknowledged) < orders:
            acknowledged.append(server.place(len(acknowledged)))
        time.sleep(1 / _ORDERS_PER_SECOND)
    server.kill()
    SyncedLog(folder / BODIES).append(killed=server.pid)
    tell(f"Half of the work has begun: kill -9 {server.pid}. {len(acknowledged)} orders had been acknowledged.")
    return acknowledged


def _keep_what_is_on_disk(folder: Path, tell: Tell) -> None:
    (folder / KILLED).mkdir()
    for file in (DATABASE, f"{DATABASE}-wal"):
        shutil.copy(folder / file, folder / KILLED)
    stored = read_stored(folder / KILLED / DATABASE)
    tell(f"On disk are {len(stored.results)} results; {stored.waiting} of {len(stored.runs)} runs are under way.")
    tell("The app goes on: it asks a server that is not there, and the photographer calls it in vain.")


def _wait_for_the_end(folder: Path, orders: int, began: float, tell: Tell) -> None:
    while True:
        stored = read_stored(folder / DATABASE)
        ended = len(stored.runs) - stored.waiting
        if ended >= _JOBS * orders or time.monotonic() > began + PATIENCE:
            break
        time.sleep(_LOOK_EVERY)
    tell(f"{ended} of {_JOBS * orders} runs have ended, {time.monotonic() - began:.1f} s after the restart.")


def _count_bodies(folder: Path) -> int:
    return len(read_log(folder / BODIES))
