"""Everything the checks look at, read from the files that a demonstration leaves in its folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from demo.database import Database, read_database
from demo.logs import read_log
from demo.night import Night
from demo.orders import Order, order_book

DATABASE = "shop.db"
BODIES = "bodies.log"
SUPERVISOR = "supervisor.log"
WORLD = "world.log"
LAST_WORDS = "errors.log"
TOKEN = "customs.token"
KILLED = "when-it-was-killed"


class BodyRun(NamedTuple):
    """One attempt at a task's body, by the body's own word; ``at`` is when by the machine's clock, if it told."""

    process: int
    subject: str
    body: str
    attempt: int
    key: str
    cents: int
    at: float


class Asked(NamedTuple):
    """The photographer was asked for a picture."""

    order: int
    picture: str
    webhook: str

    @property
    def task_id(self) -> str:
        """The task whose callback URL it was given."""
        return self.webhook.split("/")[-3]


class Application(NamedTuple):
    """The customs office was asked for papers."""

    order: int
    key: str
    status: int


class Look(NamedTuple):
    """The customs office was asked how far the papers are."""

    order: int
    key: str
    found: str


class Evidence(NamedTuple):
    """What a demonstration leaves behind.

    Attributes:
        orders: The order book.
        night: When it was midnight.
        acknowledged: For each process, in the order of their starting, the events that it acknowledged.
        bodies: The bodies' log.
        asked: What the photographer was asked for, by its own log.
        called_back: The photographer's calls, each with the status that it was answered, or 0.
        applications: What the customs office was asked for, by its own log, with the status of each answer.
        looks: Who looked there, by its own log, and what was found.
        leaks: The files that hold a secret in clear which they should not, each with what it is.
        killed: The database as it was when the first process had been killed.
        database: The database in the end.
    """

    orders: list[Order]
    night: Night
    acknowledged: list[list[str]]
    bodies: list[BodyRun]
    asked: list[Asked]
    called_back: list[tuple[str, int]]
    applications: list[Application]
    looks: list[Look]
    leaks: list[tuple[str, str]]
    killed: Database
    database: Database

    def orders_with(self, extra: str) -> list[Order]:
        """The orders with an extra."""
        return [order for order in self.orders if extra in order.extras]


def read_evidence(folder: Path) -> Evidence:
    """Read what a demonstration left in its folder."""
    log, world = read_log(folder / SUPERVISOR), read_log(folder / WORLD)
    processes = [line["process"] for line in log if "process" in line]
    asked = [Asked(line["asked"], line["picture"], line["webhook"]) for line in world if "asked" in line]
    begun = log[0]
    return Evidence(
        order_book(begun["orders"]),
        Night(datetime.fromisoformat(begun["midnight"]), begun["clock_offset"]),
        [[line["event"] for line in log if line.get("by") == process] for process in processes],
        [BodyRun(**{"cents": 0, "at": 0.0, **line}) for line in read_log(folder / BODIES)],
        asked,
        [(line["called_back"], line["status"]) for line in world if "called_back" in line],
        [Application(line["applied"], line["key"], line["status"]) for line in world if "applied" in line],
        [Look(line["looked"], line["key"], line["found"]) for line in world if "looked" in line],
        _find_leaks(folder, asked),
        read_database(folder / KILLED / DATABASE),
        read_database(folder / DATABASE),
    )


def _find_leaks(folder: Path, asked: list[Asked]) -> list[tuple[str, str]]:
    """Look for secrets in every file, wherever they are not kept on purpose."""
    secrets = {one.webhook.rpartition("/")[2].encode(): ("the token of a callback URL", WORLD) for one in asked}
    secrets[(folder / TOKEN).read_bytes()] = ("the token for the customs office", TOKEN)
    return [
        (str(path.relative_to(folder)), what)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for content in [path.read_bytes()]
        for secret, (what, keeper) in secrets.items()
        if secret in content and path.name != keeper
    ]
