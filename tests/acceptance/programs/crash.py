"""Two small jobs, one with a fetch, run to their end by a process that may die just before or after its n-th commit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, Retry, SyncIO, event_trigger
from perdure.storage.sqlite import opening
from perdure.storage.sqlite.limits import DEFAULT_LIMITS
from tests.acceptance.programs import BodyLog, all_ended
from tests.acceptance.target import URL_FILE

DEAD = 137
"""The exit status of a process that died at its commit."""

RUNS = 2
OUTPUTS = {"first": {"number": 7, "fetched": 9, "nested": 3, "parts": [10, 20]}, "second": 8}
ATTEMPTS = [
    ("retried", 1),
    ("retried", 2),
    ("fetched", 1),
    ("nested", 1),
    ("inner 1", 1),
    ("inner 2", 1),
    ("part 10", 1),
    ("part 20", 1),
    ("last", 1),
]
"""The bodies that run, and the requests that are made, with the numbers of their attempts."""

WAITING_BODIES = {"nested"}
"""Those that wait in the middle."""

COMMITS = "commits"
"""The file that a process leaves that did not die, with the number of its commits."""

_LONGEST_LIFE = 15.0


class MortalConnection:
    """The writer's connection, which takes the process with it at one of its commits.

    Args:
        connection: The real one.
        moment: ``before`` or ``after`` the commit, or ``never``.
        number: The commit, from 1.
    """

    def __init__(self, connection: Any, *, moment: str, number: int) -> None:
        self._connection = connection
        self._moment = moment
        self._number = number
        self.commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statements: str, bindings: Any = ()) -> Any:
        """Run statements, or die."""
        if statements != "COMMIT":
            return self._connection.execute(statements, bindings)
        self.commits += 1
        if self.commits == self._number and self._moment == "before":
            os._exit(DEAD)
        result = self._connection.execute(statements)
        if self.commits == self._number and self._moment == "after":
            os._exit(DEAD)
        return result


def make_client(folder: Path, mode: str) -> Client:
    client = Client(id="crash", database_url=f"sqlite:///{folder}/perdure.db")
    bodies = BodyLog(folder)
    target = (folder / URL_FILE).read_text(encoding="utf-8")
    first = _plain_first(bodies, target) if mode == "plain" else _first(bodies, target)
    client.job(id="first", name="First", version="1.0.0", trigger=event_trigger("first.start"))(first)

    @client.job(id="second", name="Second", version="1.0.0", trigger=event_trigger("second.start"))
    async def second(payload: dict[str, int], io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)

        def last(task: Any) -> int:
            bodies.note(task)
            return payload["number"]

        return await io.run_task("last", last)

    return client


def _fail_once(bodies: BodyLog, number: int) -> Callable[[Any], int]:
    def fail_once(task: Any) -> int:
        bodies.note(task)
        if task.attempt == 1:
            raise ConnectionError("not yet")
        return number

    return fail_once


def _first(bodies: BodyLog, target: str) -> Any:
    async def first(payload: dict[str, int], io: IO, ctx: Context) -> dict[str, Any]:
        bodies.note_run(ctx.run.id)

        async def outer(task: Any, io: IO) -> int:
            bodies.note(task)
            one = await io.run_task("inner 1", give(1))
            await io.wait("inner wait", 0.01)
            return one + await io.run_task("inner 2", give(2))

        async def part(item: int, index: int) -> int:
            return await io.run_task(f"part {item}", give(item))

        def give(value: int) -> Any:
            async def body(task: Any) -> int:
                bodies.note(task)
                return value

            return body

        number = await io.run_task(
            "retried", _fail_once(bodies, payload["number"]), retry=Retry(limit=2, min_timeout=0.01)
        )
        fetched = await io.background_fetch("fetched", target, method="POST", headers={"X-Process": str(os.getpid())})
        await io.wait("wait", 0.02)
        nested = await io.run_task("nested", outer)
        parts = await io.parallel("parts", [10, 20], part)
        await io.logger.info("almost done")
        await io.send_event("send", name="second.start", id="second", payload={"number": number + 1})
        return {"number": number, "fetched": fetched, "nested": nested, "parts": parts}

    return first


def _plain_first(bodies: BodyLog, target: str) -> Any:
    """The same as a plain function, whose bodies and items are plain, too."""

    def first(payload: dict[str, int], io: SyncIO, ctx: Context) -> dict[str, Any]:
        bodies.note_run(ctx.run.id)

        def outer(task: Any, io: SyncIO) -> int:
            bodies.note(task)
            one = io.run_task("inner 1", give(1))
            io.wait("inner wait", 0.01)
            return one + io.run_task("inner 2", give(2))

        def part(item: int, index: int) -> int:
            return io.run_task(f"part {item}", give(item))

        def give(value: int) -> Callable[[Any], int]:
            def body(task: Any) -> int:
                bodies.note(task)
                return value

            return body

        number = io.run_task("retried", _fail_once(bodies, payload["number"]), retry=Retry(limit=2, min_timeout=0.01))
        fetched = io.background_fetch("fetched", target, method="POST", headers={"X-Process": str(os.getpid())})
        io.wait("wait", 0.02)
        nested = io.run_task("nested", outer)
        parts = io.parallel("parts", [10, 20], part)
        io.logger.info("almost done")
        io.send_event("send", name="second.start", id="second", payload={"number": number + 1})
        return {"number": number, "fetched": fetched, "nested": nested, "parts": parts}

    return first


async def main(folder: Path, *, mode: str, moment: str, number: int) -> None:
    """Run the jobs to their end, unless this process dies before.

    Args:
        folder: Where the database and the bodies' log are.
        mode: ``sticky``; ``replay``: every suspension replays; or ``plain``: the first job is a plain function.
        moment: As for `MortalConnection`.
        number: Likewise.
    """
    connections: list[MortalConnection] = []
    connect = opening.connect_writer

    def connect_mortal(path: Path) -> Any:
        connections.append(MortalConnection(connect(path), moment=moment, number=number))
        return connections[-1]

    opening.connect_writer = connect_mortal
    # Units of work that share a commit share a crash point: apart, there are more, and always the same.
    opening.open_file = partial(opening.open_file, limits=DEFAULT_LIMITS._replace(largest_batch=1))
    client = make_client(folder, mode)
    async with asyncio.timeout(_LONGEST_LIFE), client.start(force_replay=mode == "replay"):
        await client.send_event(id="first", name="first.start", payload={"number": 7})
        await all_ended(client, folder, runs=RUNS)
    (folder / COMMITS).write_text(str(connections[0].commits), encoding="utf-8")
