"""A job that waits for others, keeps values, shows its status, sends an event and has another job run; and the others,
who answer it.

They are told URLs in a file, and answer in every process again: whoever is outside cannot know what has arrived.
"""

from __future__ import annotations

import asyncio
import urllib.error
from pathlib import Path
from typing import Any

from perdure import IO, Client, Context, event_trigger, invoke_trigger
from tests.acceptance.programs import BodyLog
from tests.acceptance.programs.expectation import Expectation
from tests.scenarios.requests import post_now

_ASKED = "invoke:4130e248b9a39f7ba2fb5d01605a7804698868c8436b4b17e2d6619b6999b2d6"
"""The event that starts a run of ``asked`` with the idempotency key ``once``."""

EXPECTED = Expectation(
    outputs={
        "asking": {"request": 1, "own": 2, "event": 3, "deleted": True, "label": "Done", "invoked": 4},
        "asked": 4,
    },
    statuses={"asking": ["SUCCESS"], _ASKED: ["SUCCESS"]},
    attempts=[("callback", 1)],
    names={"asking.start": 1, "answer": 1, "told": 1, "invoke": 1},
    values={"n": 1, "job:n": 2, "run:n": 3},
    histories={"progress": 1},
)
_URLS = "urls"
_LOOK_EVERY = 0.005


def declare(client: Client, folder: Path) -> None:
    """Declare the jobs."""
    bodies = BodyLog(folder)

    @client.job(id="asking", name="Asking", version="1.0.0", trigger=event_trigger("asking.start"))
    async def asking(payload: Any, io: IO, ctx: Context) -> dict[str, Any]:
        bodies.note_run(ctx.run.id)

        def pass_on(task: Any) -> None:
            bodies.note(task)
            _tell(folder, 2, task.callback_url)

        request = await io.wait_for_request("request", lambda url: _tell(folder, 1, url))
        own = await io.run_task("own", pass_on, callback=60)
        event = await io.wait_for_event("event", name="answer")
        await io.store.env.set("set env", "n", 1)
        await io.store.job.set("set job", "n", 2)
        await io.store.run.set("set run", "n", 3)
        await io.store.run.set("set more", "m", 4)
        deleted = await io.store.run.delete("delete", "m")
        status = await io.create_status("progress", label="Begun")
        done = await status.update("done", label="Done")
        await io.send_event("send", name="told")
        invoked = await io.invoke_and_wait("invoke", "asked", 4, idempotency_key="once")
        return {
            "request": request,
            "own": own,
            "event": event.payload,
            "deleted": deleted,
            "label": done.label,
            "invoked": invoked,
        }

    @client.job(id="asked", name="Asked", version="1.0.0", trigger=invoke_trigger())
    async def asked(payload: int, io: IO, ctx: Context) -> int:
        bodies.note_run(ctx.run.id)
        return payload


async def begin(client: Client) -> None:
    """Start the run; doing so again changes nothing."""
    await client.send_event(id="asking", name="asking.start")


async def answer(client: Client, folder: Path) -> None:
    """Answer for as long as the node is there."""
    answered: set[str] = set()
    while True:
        for line in _told(folder) - answered:
            number, url = line.split()
            if number == "2" and not await _is_passed_on(client, folder):
                # What was told just before a crash is told again by the next process, if nobody has answered it.
                continue
            try:
                await asyncio.to_thread(post_now, url, number.encode())
            except urllib.error.URLError:
                # Nobody listens there yet.
                continue
            answered.add(line)
        for run_id in BodyLog.runs(folder):
            for task in (await client.get_run(run_id)).tasks:
                if task.key == "event" and task.status == "WAITING":
                    await client.send_event(id="answer", name="answer", payload=3)
        await asyncio.sleep(_LOOK_EVERY)


async def _is_passed_on(client: Client, folder: Path) -> bool:
    """Whether it is recorded that the callback URL was passed on."""
    for run_id in BodyLog.runs(folder):
        for task in (await client.get_run(run_id, subtasks=True)).tasks:
            if task.key == "own":
                return any(child.status == "COMPLETED" for child in task.children)
    return False


def _tell(folder: Path, number: int, url: str) -> None:
    with (folder / _URLS).open("a", encoding="utf-8") as file:
        file.write(f"{number} {url}\n")


def _told(folder: Path) -> set[str]:
    path = folder / _URLS
    return {*path.read_text(encoding="utf-8").splitlines()} if path.exists() else set()
