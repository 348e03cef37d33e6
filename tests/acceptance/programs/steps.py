"""Two small jobs: steps that fail, wait and are nested, a fetch, items at the same time, and an event that starts the
second job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, Retry, event_trigger
from tests.acceptance.programs import BodyLog
from tests.acceptance.programs.expectation import Expectation
from tests.acceptance.target import URL_FILE

EXPECTED = Expectation(
    outputs={"first": {"number": 7, "fetched": 9, "nested": 3, "parts": [10, 20]}, "second": 8},
    statuses={"first": ["SUCCESS"], "second": ["SUCCESS"]},
    attempts=[
        ("retried", 1),
        ("retried", 2),
        ("fetched", 1),
        ("nested", 1),
        ("inner 1", 1),
        ("inner 2", 1),
        ("part 10", 1),
        ("part 20", 1),
        ("last", 1),
    ],
    names={"first.start": 1, "second.start": 1},
    waiting_bodies={"nested"},
)


def declare(client: Client, folder: Path) -> None:
    """Declare the jobs."""
    bodies = BodyLog(folder)
    target = (folder / URL_FILE).read_text(encoding="utf-8")

    @client.job(id="first", name="First", version="1.0.0", trigger=event_trigger("first.start"))
    async def first(payload: dict[str, int], io: IO, ctx: Context) -> dict[str, Any]:
        bodies.note_run(ctx.run.id)

        def fail_once(task: Any) -> int:
            bodies.note(task)
            if task.attempt == 1:
                raise ConnectionError("not yet")
            return payload["number"]

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

        number = await io.run_task("retried", fail_once, retry=Retry(limit=2, min_timeout=0.01))
        fetched = await io.background_fetch("fetched", target, method="POST", headers={"X-Process": str(os.getpid())})
        await io.wait("wait", 0.02)
        nested = await io.run_task("nested", outer)
        parts = await io.parallel("parts", [10, 20], part)
        await io.logger.info("almost done")
        await io.send_event("send", name="second.start", id="second", payload={"number": number + 1})
        return {"number": number, "fetched": fetched, "nested": nested, "parts": parts}

    @client.job(id="second", name="Second", version="1.0.0", trigger=event_trigger("second.start"))
    async def second(payload: dict[str, int], io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)

        def last(task: Any) -> int:
            bodies.note(task)
            return payload["number"]

        return await io.run_task("last", last)


async def begin(client: Client) -> None:
    """Start the first run; doing so again changes nothing."""
    await client.send_event(id="first", name="first.start", payload={"number": 7})


async def answer(client: Client, folder: Path) -> None:
    """Do nothing: the jobs wait for nobody."""
