"""Jobs run to their end by a process that may die just before or just after its n-th commit."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from perdure import Client
from perdure.storage.sqlite import opening
from perdure.storage.sqlite.limits import DEFAULT_LIMITS
from tests.acceptance.programs import all_ended, answers, steps
from tests.plain_twins import make_twin

DEAD = 137
"""The exit status of a process that died at its commit."""

PROGRAMS: dict[str, ModuleType] = {"steps": steps, "answers": answers}

COMMITS = "commits"
"""The file that a process leaves that did not die, with the number of its commits before its jobs, and of all."""

_LONGEST_LIFE = 60.0


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


async def main(folder: Path, *, program: str, mode: str, moment: str, number: int) -> None:
    """Run the jobs to their end, unless this process dies before.

    Args:
        folder: Where the database and the bodies' log are.
        program: The jobs; one of `PROGRAMS`.
        mode: ``sticky``; ``replay``: every suspension replays; or ``plain``: the jobs are plain functions.
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
    jobs = PROGRAMS[program]
    client = Client(id="crash", database_url=f"sqlite:///{folder}/perdure.db")
    (make_twin(jobs.declare) if mode == "plain" else jobs.declare)(client, folder)
    async with asyncio.timeout(_LONGEST_LIFE), client.start(force_replay=mode == "replay"):
        before = connections[0].commits
        await jobs.begin(client)
        others = asyncio.create_task(jobs.answer(client, folder))
        await all_ended(client, folder, runs=len(jobs.EXPECTED.statuses))
        others.cancel()
    (folder / COMMITS).write_text(f"{before} {connections[0].commits}", encoding="utf-8")
