"""Random programs: whatever is nested, parallel, waiting, failing or interrupted, each result is recorded once."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from perdure import IO, SyncIO
from perdure.sdk.records import Run
from tests.scenarios.app import App, all_tasks
from tests.scenarios.oracles import check_database
from tests.scenarios.programs import (
    PROGRAMS,
    Broken,
    Journal,
    Line,
    Nested,
    Performance,
    PlainPerformance,
    Program,
    Task,
    Wait,
    blocks_of,
    expected,
    has_plain_code,
    paths_of,
)
from tests.scenarios.remote import WAY, make_app

PROVING = bool(os.environ.get("PERDURE_PROVE"))

many = settings(
    max_examples=300 if PROVING else 8 if WAY else 15,
    derandomize=not PROVING,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


kinds = pytest.mark.parametrize("kind", ["async", "plain"])


def declare(app: App, program: Program, journal: Journal, kind: str) -> Any:
    @app.job
    async def performing(payload: Any, io: IO) -> list[Any]:
        return await Performance(journal).perform(program, io)

    @app.job
    def performing_in_a_thread(payload: Any, io: SyncIO) -> list[Any]:
        return PlainPerformance(journal).perform(program, io)

    return performing if kind == "async" else performing_in_a_thread


def check(run: Run, program: Program, kind: str) -> None:
    """The run has its output, and one row for each task of its program, with the result that belongs to it."""
    assert (run.status, run.error) == ("SUCCESS", None)
    assert run.output == expected(program)
    assert run.warnings == ()
    results = {task.key: (task.status, task.output, task.attempts) for task in all_tasks(run)}
    assert len(results) == len(all_tasks(run))
    wanted: dict[str, Any] = {}
    for path, task in paths_of(program, Task):
        wanted[_key(path)] = ("COMPLETED", task.value, task.failures + 1)
    for path, broken in paths_of(program, Broken):
        wanted[_key(path)] = ("ERRORED", None, broken.attempts)
    for path, nested in paths_of(program, Nested):
        wanted[_key(path)] = ("COMPLETED", expected(nested.inside), nested.failures + 1)
    for path, _ in paths_of(program, Wait):
        wanted[_key(path)] = ("COMPLETED", None, 1)
    for path, block in blocks_of(program, is_plain=kind == "plain"):
        wanted[_key(path)] = ("COMPLETED", [expected(one) for one in block.programs], 1)
    assert results == wanted
    assert {line.message for line in run.logs} == {line.text for _, line in paths_of(program, Line)}


def _key(path: tuple[int, ...]) -> str:
    return "-".join(map(str, path))


def attempts_of(program: Program) -> dict[tuple[int, ...], int]:
    """How many attempts each body of a program needs."""
    return {
        **{path: op.failures + 1 for path, op in paths_of(program, Task)},
        **{path: op.failures + 1 for path, op in paths_of(program, Nested)},
        **{path: op.attempts for path, op in paths_of(program, Broken)},
    }


def run_on_disk(make: Any, *, force_replay: bool) -> None:
    """Run a test's coroutine on a fresh database, and look at what it leaves."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "perdure.db"
        work: Coroutine[Any, Any, None] = make(make_app(f"sqlite:///{path}", force_replay=force_replay))
        asyncio.run(work)
        check_database(path)


@kinds
@many
@given(program=PROGRAMS, points=st.lists(st.integers(1, 12), min_size=1, max_size=3))
def test_a_program_that_is_interrupted_gives_what_it_must(
    kind: str, force_replay: bool, program: Program, points: list[int]
) -> None:
    journal = Journal()

    async def perform(app: App) -> None:
        job = declare(app, program, journal, kind)
        run_id: str | None = None
        for point in points:
            journal.stuck_at, journal.stuck = point, asyncio.Event()
            async with app.start_and_interrupt():
                if run_id is None:
                    run_id = (await app.client.invoke(job)).id
                ended = asyncio.create_task(app.wait(run_id))
                stuck = asyncio.create_task(journal.stuck.wait())
                await asyncio.wait({ended, stuck}, return_when=asyncio.FIRST_COMPLETED)
                stuck.cancel()
                ended.cancel()
                await asyncio.gather(ended, stuck, return_exceptions=True)
        journal.stuck_at = None
        async with app.start():
            assert run_id is not None
            check(await app.finish(run_id), program, kind)

    run_on_disk(perform, force_replay=force_replay)
    for path, attempts in attempts_of(program).items():
        # A result that was on its way when the node stopped may be lost with it, and its body runs again.
        assert attempts <= journal.ends[path] <= attempts + len(points)


@kinds
@many
@given(program=PROGRAMS)
def test_a_program_gives_what_it_must_and_each_body_ends_once(kind: str, force_replay: bool, program: Program) -> None:
    journal = Journal()

    async def perform(app: App) -> None:
        job = declare(app, program, journal, kind)
        async with app.start():
            handle = await app.client.invoke(job)
            check(await app.finish(handle), program, kind)
            waits = len(paths_of(program, Wait))
            retries = sum(attempts_of(program).values()) - len(attempts_of(program))
            assert await app.executions(handle) <= 1 + waits + retries

    run_on_disk(perform, force_replay=force_replay)
    # No more, no less: what has come to an end is never run again.
    assert journal.ends == attempts_of(program)
    if not (force_replay or kind == "plain" or has_plain_code(program)):
        assert journal.starts == journal.ends
