"""An app under test: a client, and the way its node is run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from perdure import Client, Job, RunHandle, invoke_trigger
from perdure.sdk.node import Node
from perdure.sdk.records import Run, RunTask
from perdure.sdk.start import BackgroundStart, Start

PATIENCE = 30.0
"""How long a run may take to get where a test waits for it, in seconds."""

SUSPENDS = 1.0 if os.environ.get("PERDURE_SCENARIOS") else 0.2
"""A wait that suspends its run, in seconds: one that is over before that costs no execution."""


class App:
    """Declares jobs and runs them on one database.

    Attributes:
        client: Its client.
        force_replay: Whether every suspension replays.
    """

    def __init__(self, database_url: str, *, force_replay: bool, client_id: str = "app", **options: str) -> None:
        self.database_url = database_url
        self.force_replay = force_replay
        self.client = Client(id=client_id, **(options if options else {"database_url": database_url}))

    def __repr__(self) -> str:
        return f"App({self.database_url!r}, force_replay={self.force_replay})"

    def job(self, fn: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Declare a job; without a trigger it is invoked only, without an id the function's name is its id."""

        def declare(run: Callable[..., Any]) -> Job[Any, Any]:
            return self.client.job(
                **({"id": run.__name__.replace("_", "-"), "version": "1.0.0", "trigger": invoke_trigger()} | options)
            )(run)

        return declare if fn is None else declare(fn)

    def successor(self) -> App:
        """An app on the same database that has none of this one's jobs yet: the next deployment."""
        return App(self.database_url, force_replay=self.force_replay, client_id=self.client.id)

    def start(self) -> Start:
        return self.client.start(force_replay=self.force_replay)

    @asynccontextmanager
    async def start_and_interrupt(self) -> AsyncIterator[Node]:
        """Run a node that gives executions at work no time to end when it stops."""
        async with self.start() as node:
            node._embedded.stop = partial(node._embedded.stop, 0)  # type: ignore[method-assign]
            yield node

    def start_background(self) -> BackgroundStart:
        return self.client.start_background(force_replay=self.force_replay)

    async def run(self, job: Job[Any, Any], payload: Any = None) -> Run:
        """Start a node, run the job to its end, stop the node."""
        async with self.start():
            return await self.finish(await self.client.invoke(job, payload))

    async def result(self, job: Job[Any, Any], payload: Any = None) -> Any:
        """Start a node, run the job to its end, give its output as the handle decodes it."""
        async with self.start():
            handle = await self.client.invoke(job, payload)
            return await handle.result(timeout=PATIENCE)

    async def finish(self, run: RunHandle[Any] | str) -> Run:
        """Wait until a run has ended; the whole of it."""
        run_id = run if isinstance(run, str) else run.id
        await self.wait(run_id)
        return await self.look_up(run_id)

    async def wait(self, run_id: str, *, timeout: float = PATIENCE) -> None:
        """Wait until a run has ended."""
        await self.client.connected().call(lambda platform: platform.wait_for_run(run_id, timeout=timeout))

    async def look_up(self, run_id: str) -> Run:
        """A run with all of its tasks and log lines, from every page, each at its place."""
        pages = [await self.client.get_run(run_id, take=50, subtasks=True)]
        while (cursor := pages[-1].next_cursor) is not None:
            pages.append(await self.client.get_run(run_id, cursor=cursor, take=50, subtasks=True))
        return msgspec.structs.replace(
            pages[0],
            tasks=_nested([task for page in pages for task in _flat(page.tasks)]),
            next_cursor=None,
        )

    async def reach(self, run: RunHandle[Any] | str, status: str) -> Run:
        """Wait until a run has a status; looks again and again, so it needs no signal from the product."""
        run_id = run if isinstance(run, str) else run.id
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.client.get_run(run_id)
                if found.status == status:
                    return await self.look_up(run_id)
                await asyncio.sleep(0)

    async def says(self, run: RunHandle[Any] | str, why: str) -> Run:
        """Wait until a run says why it is not running now."""
        run_id = run if isinstance(run, str) else run.id
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.client.get_run(run_id)
                if found.why is not None and why in found.why:
                    return found
                await asyncio.sleep(0)

    async def executions(self, run: RunHandle[Any] | Run | str) -> int:
        """How many executions of a run have begun."""
        run_id = run if isinstance(run, str) else run.id
        return (await self.client.connected().call(lambda platform: platform.get_run(run_id, take=1))).executions

    @property
    def node(self) -> Node:
        assert self.client.node is not None
        return self.client.node


class Gate:
    """A body that nobody gets through before it is open.

    A run at work in front of it, when its node stops, is executed again by the next one.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.reached = asyncio.Event()

    async def wait(self) -> None:
        """Wait until somebody stands in front of it."""
        await asyncio.wait_for(self.reached.wait(), PATIENCE)

    async def __call__(self) -> None:
        self.reached.set()
        if not self.is_open:
            await asyncio.Event().wait()


def task_of(run: Run, path: str) -> RunTask:
    """The task under a path of keys as they are shown: ``outer/inner``."""
    tasks, found = run.tasks, None
    for key in path.split("/"):
        matching = [task for task in tasks if task.key == key]
        assert len(matching) == 1, f"{len(matching)} tasks {key!r} among {[task.key for task in tasks]}"
        found, tasks = matching[0], matching[0].children
    assert found is not None
    return found


def all_tasks(run: Run) -> list[RunTask]:
    """Every task of a run, nested ones too."""
    return _flat(run.tasks)


def _flat(tasks: tuple[RunTask, ...]) -> list[RunTask]:
    return [one for task in tasks for one in (task, *_flat(task.children))]


def _nested(tasks: list[RunTask]) -> tuple[RunTask, ...]:
    ids = {task.id for task in tasks}

    def below(parent: str | None) -> tuple[RunTask, ...]:
        return tuple(
            msgspec.structs.replace(task, children=below(task.id))
            for task in tasks
            if (task.parent_id if task.parent_id in ids else None) == parent
        )

    return below(None)
