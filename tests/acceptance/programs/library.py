"""An app in library mode: starts its client on a database, whoever owns that, and does what it is told.

``library FOLDER [background]`` prints ``owner`` or ``attached``, and answers each line of its input by one:

* ``run N``: invokes a job and waits for its result: the process that has executed it, and ``2 * N``;
* ``begin N``: invokes the job and prints the run's id; ``await ID``: waits for its result;
* ``open``: lets the job come to an end;
* ``send COUNT``: sends so many events without ids, one after the other, and prints their ids;
* ``state``: ``owner`` or ``attached``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from perdure import IO, Client, invoke_trigger
from perdure.sdk.node import Node
from tests.acceptance.programs import BodyLog, say

_LOOK_EVERY = 0.01


def make_client(folder: Path, log: BodyLog) -> Client:
    client = Client(id="library", database_url=f"sqlite:///{folder}/perdure.db")

    @client.job(id="double", version="1.0.0", trigger=invoke_trigger())
    async def double(payload: dict[str, Any], io: IO) -> list[int]:
        async def arrive(task: Any) -> None:
            log.note(task)

        async def leave(task: Any) -> int:
            log.note(task)
            while True:
                if (folder / "open").exists():
                    return os.getpid()
                await asyncio.sleep(_LOOK_EVERY)

        await io.run_task("arrive", arrive)
        return [await io.run_task("leave", leave), 2 * payload["n"]]

    return client


async def obey(client: Client, node: Node, folder: Path) -> None:
    say(state(node))
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        say(await answer(client, node, folder, *line.split()))


async def answer(client: Client, node: Node, folder: Path, command: str, *words: str) -> str:
    match command:
        case "run":
            handle = await client.invoke("double", {"n": int(words[0])})
            return str(await handle.result(timeout=60))
        case "begin":
            return (await client.invoke("double", {"n": int(words[0])})).id
        case "await":
            return str((await client.get_run(await ended(client, words[0]))).output)
        case "open":
            (folder / "open").touch()
            return "opened"
        case "send":
            return " ".join([(await client.send_event(name="sent")).id for _ in range(int(words[0]))])
    return state(node)


async def ended(client: Client, run_id: str) -> str:
    await client.connected().call(lambda platform: platform.wait_for_run(run_id, timeout=60))
    return run_id


def state(node: Node) -> str:
    return "attached" if node.is_attached else "owner"


async def main(folder: Path) -> None:
    client = make_client(folder, BodyLog(folder))
    async with client.start() as node:
        await obey(client, node, folder)


def main_in_background(folder: Path) -> None:
    client = make_client(folder, BodyLog(folder))
    with client.start_background() as node:
        asyncio.run(obey(client, node, folder))


if __name__ == "__main__":
    if sys.argv[2:] == ["background"]:
        main_in_background(Path(sys.argv[1]))
    else:
        asyncio.run(main(Path(sys.argv[1])))
