"""An app whose jobs use the whole task library; those with names in ``BODIES`` say how often their bodies ran."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, Retry, SyncIO, event_trigger, interval_trigger, invoke_trigger
from perdure.errors import NotFoundError, RunError, TaskFailedError, WaitTimeoutError

client = Client(id="catalogue")
BODIES: Counter[str] = Counter()
TOLD = Path(os.environ.get("TOLD", "told.txt"))
"""Where jobs and hooks write what others are to see, a line each."""


def tell(line: object) -> None:
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def job(fn: Any = None, **options: Any) -> Any:
    def declare(run: Any) -> Any:
        given = {"id": run.__name__.replace("_", "-"), "version": "1.0.0", "trigger": invoke_trigger()} | options
        return client.job(**given)(run)

    return declare if fn is None else declare(fn)


class PaymentDeclinedError(Exception):
    """An error of the app's own."""


def count(name: str) -> int:
    BODIES[name] += 1
    return BODIES[name]


@job
async def plain_values(payload: dict[str, Any], io: IO, ctx: Context) -> dict[str, Any]:
    await io.logger.info("begins", {"payload": payload})
    doubled: int = await io.run_task("double", lambda: payload["n"] * 2)
    await io.wait("nap", 0.05)
    nested = await io.run_task("outer", _outer)
    await io.logger.info("ends")
    return {"doubled": doubled, "nested": nested, "run": ctx.run.id, "job": ctx.job.id}


async def _outer(_task: Any, io: IO) -> int:
    await io.wait("inner nap", 0.05)
    return await io.run_task("inner", lambda: 7)


@job
async def retried(_payload: Any, io: IO) -> int:
    async def fragile() -> int:
        if count("retried") < 3:
            raise PaymentDeclinedError("declined")
        return BODIES["retried"]

    return await io.run_task("fragile", fragile, retry=Retry(limit=5, min_timeout=0.05, randomize=False))


@job
async def caught(_payload: Any, io: IO) -> list[str]:
    def fail() -> None:
        count("caught")
        raise PaymentDeclinedError("declined", 7)

    said: list[str] = []
    for _ in range(2):
        try:
            await io.run_task("fails", fail)
        except (PaymentDeclinedError, TaskFailedError) as error:
            said.append(f"{type(error).__name__} {error.args}")
        await io.wait(seconds=0.05)
    try:
        await io.wait_for_request("nobody", lambda url: None, timeout=0.2)
    except WaitTimeoutError:
        said.append("timed out")
    return [*said, str(BODIES["caught"])]


@job
async def called_back(_payload: Any, io: IO) -> Any:
    return await io.wait_for_request("ask", lambda url: tell(url))


@job
async def awaits_event(payload: dict[str, Any], io: IO) -> Any:
    event = await io.wait_for_event("event", name="order.paid", filter={"order": [payload["order"]]})
    return {"name": event.name, "payload": event.payload}


@job
async def gathered(_payload: Any, io: IO) -> list[Any]:
    async def branch(number: int) -> int:
        await io.wait(f"wait {number}", 0.05 * number)
        return await io.run_task(f"task {number}", lambda: count(f"branch {number}"))

    async def item(value: int, _index: int) -> int:
        await io.wait(seconds=0.05)
        return await io.run_task(fn=lambda: value * value)

    return [await asyncio.gather(*map(branch, range(3))), await io.parallel("items", [1, 2, 3], item)]


@job
async def fetches(payload: dict[str, str], io: IO) -> Any:
    body = await io.background_fetch("get", payload["url"], headers={"Authorization": "Bearer secret"})
    whole = await io.background_fetch_response("whole", payload["url"])
    return [body, whole.status]


@job
async def keeps(_payload: Any, io: IO) -> list[Any]:
    await io.store.run.set("set", "color", {"name": "red"})
    found = await io.store.run.get("get", "color")
    has = [await io.store.run.has("has", "color"), await io.store.job.has("has not", "color")]
    gone = await io.store.run.delete("delete", "color")
    status = await io.create_status("status", label="Working", state="loading", data={"done": 1})
    status = await status.update("done", state="success")
    return [found, has, gone, status.state, len(status.history)]


@job
async def sends(payload: dict[str, Any], io: IO) -> list[Any]:
    sent = await io.send_event("send", name="order.sent", payload={"order": payload["order"]})
    several = await io.send_events("several", [{"name": "order.noted"}, {"name": "order.noted"}])
    later = await io.send_event("later", name="order.sent", payload={"order": "later"}, deliver_after=3600)
    cancelled = await io.cancel_event("cancel", later.id)
    return [sent.name, len(several), cancelled.cancelled_at is not None]


@job(trigger=event_trigger("order.sent"))
async def receives(payload: dict[str, Any], io: IO) -> Any:
    await io.run_task("tell", lambda: tell(f"received {payload['order']}"))
    return payload["order"]


@job
async def child(payload: dict[str, int], io: IO) -> int:
    await io.wait("nap", 0.05)
    if payload["n"] < 0:
        raise PaymentDeclinedError("no")
    return payload["n"] + 1


@job
async def parent(_payload: Any, io: IO) -> list[Any]:
    one = await io.invoke_and_wait("one", child, {"n": 1})
    several = await io.batch_invoke_and_wait("several", child, [{"n": 10}, {"n": 20}, {"n": 30}])
    said = ""
    try:
        await io.invoke_and_wait("bad", child, {"n": -1})
    except RunError as error:
        said = error.code
    try:
        await io.invoke_and_wait("nobody", "no-such-job")
    except NotFoundError as error:
        said += f" {error.code}"
    return [one, several, said]


@job(on_failure=lambda told: tell(f"failed {told.status} {told.error.message}"))
async def fails(_payload: Any, io: IO) -> None:
    await io.run_task("begin", lambda: 1)
    raise PaymentDeclinedError("for good")


@job
def in_a_thread(payload: dict[str, int], io: SyncIO) -> Any:
    io.logger.info("plain")
    first = io.run_task("first", lambda: payload["n"] + 1)
    io.wait("nap", 0.05)
    return [first, io.run_task("second", lambda: first + 1), io.uuid("id") == io.uuid("id")]


@job
async def yields(_payload: Any, io: IO) -> int:
    first = await io.run_task("first", lambda: count("yields"))
    await io.yield_execution("here")
    return first


@job
async def long(payload: dict[str, Any], io: IO) -> int:
    total = 0
    for number in range(payload["steps"]):
        total += await io.run_task(f"step {number}", lambda number=number: _step(payload["name"], number))
        if number % 5 == 4:
            await io.wait(f"nap {number}", 0.05)
    return total


def _step(name: str, number: int) -> int:
    tell(f"{name} {number}")
    return number


@job(trigger=interval_trigger(seconds=3600))
async def scheduled(_payload: Any, io: IO) -> None:
    await io.logger.info("tick")


@job
async def late(_payload: Any, io: IO) -> str:
    """Asks its own server, as other code of the app does."""

    async def ask() -> str:
        sent = await client.send_event(name="nobody.listens")
        return (await client.get_event(sent.id)).name

    return await io.run_task("ask", ask)


@job
async def counts_entries(_payload: Any, io: IO) -> list[int]:
    BODIES["entries"] += 1

    async def flaky() -> int:
        if count("flaky") % 2:
            raise PaymentDeclinedError("once more")
        return 1

    await io.wait("nap", 0.05)
    await asyncio.gather(io.wait("one", 0.1), io.wait("two", 0.2))
    await io.run_task("flaky", flaky, retry=Retry(limit=3, min_timeout=0.05, randomize=False))
    try:
        await io.wait_for_request("nobody", lambda url: None, timeout=0.1)
    except WaitTimeoutError:
        return [BODIES["entries"]]
    return []


@job
async def deadly(_payload: Any, io: IO) -> None:
    async def die() -> None:
        tell("dies")
        os._exit(9)

    await io.logger.info("A log line is no progress.")
    await io.run_task("die", die)


@job
async def endless(_payload: Any, io: IO) -> None:
    async def body() -> None:
        tell("endless begins")
        try:
            await asyncio.Event().wait()
        finally:
            tell("endless ends")

    await io.run_task("body", body)


@job
async def patient(_payload: Any, io: IO) -> list[int]:
    async def body() -> int:
        tell("patient begins")
        while not TOLD.with_name("go").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        tell("patient ends")
        return count("patient")

    async def branch() -> int:
        return await io.run_task("beside", lambda: count("beside"))

    first = await asyncio.gather(io.run_task("body", body), branch())
    return [*first, await io.run_task("after", lambda: count("after"))]


async def _come(name: str, gate: str) -> str:
    tell(f"{name} begins")
    while not TOLD.with_name(gate).exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    tell(f"{name} ends")
    return name


@job
async def gated(payload: dict[str, list[str]], io: IO) -> list[str]:
    """Has a task inside another for each of its gates, and waits after the last."""

    async def outer(_task: Any, io: IO, gate: str) -> str:
        return await io.run_task("inner", lambda: _come(gate, gate))

    try:
        passed = [await io.run_task(gate, partial(outer, gate=gate)) for gate in payload["gates"]]
    except RunError as error:
        tell(f"refused: {error}")
        raise
    await io.wait("nap", 0.05)
    return passed


async def _told_of_failure(_told: Any) -> None:
    await _come("hook", "hook")


@job(on_failure=_told_of_failure)
async def staying(payload: dict[str, Any], io: IO) -> str:
    """Stays at a place of the way, between two bodies."""
    how = payload["how"]
    await io.run_task("before", lambda: tell(f"before {how}"))
    match how:
        case "timer":
            await io.wait("nap", payload["seconds"])
        case "event":
            await io.wait_for_event("event", name="staying.goes", timeout=60)
        case "request":
            await io.wait_for_request("ask", lambda url: tell(url), timeout=60)
        case "child":
            await io.invoke_and_wait("child", staying, {"how": "timer", "seconds": payload["seconds"]})
        case _:
            raise PaymentDeclinedError("for good")
    await io.run_task("after", lambda: tell(f"after {how}"))
    return str(how)


@job
async def blocking(_payload: Any, io: IO) -> str:
    time.sleep(3)  # noqa: ASYNC251
    return await io.run_task("done", lambda: "done")


app = client.asgi()
