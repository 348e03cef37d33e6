"""Crashing everywhere: a test is called once undisturbed, then once for each point at which its runs may crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.errors import CrashSafetyError
from perdure.testing.points import Point, Script
from perdure.testing.views import read_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.testing.env import Env

LIMIT = 1000
"""How many crash points a test may have unless its marker says otherwise."""

_TRIES = 3
"""How often a test is called for a point that it does not come to."""


class Outcome(Struct, frozen=True):
    """What became of a run; ids in it are replaced by names, which are the same in every call of the test."""

    job_id: str
    number: int
    status: str
    output: str | None
    error: str | None

    def __str__(self) -> str:
        given = f", output {self.output}" if self.error is None else f", {self.error}"
        return f"{self.status}{given}"


async def crash_everywhere(env: Env, call: Callable[[], Awaitable[object]], *, limit: int = LIMIT) -> None:
    """Call a test, then again for each crash point that it passed, each time with a fresh environment.

    Args:
        env: The test's environment.
        call: Calls the test.
        limit: How many crash points there may be.

    Raises:
        CrashSafetyError: A run came out otherwise because of a crash, or a result was recorded twice.
    """
    script = Script()
    expected = await _live(env, call, script)
    points = script.points
    if len(points) > limit:
        raise CrashSafetyError(
            f"The test has {len(points)} crash points, and its limit is {limit}: let its runs be smaller, or mark it "
            f"with @pytest.mark.crash_everywhere(limit={len(points)})."
        )
    for point in points:
        await _crash_at(point, env, call, expected)


async def _crash_at(point: Point, env: Env, call: Callable[[], Awaitable[object]], expected: list[Outcome]) -> None:
    for _ in range(_TRIES):
        script = Script(point)
        try:
            found = await _live(env, call, script)
        except BaseException as error:
            error.add_note(f"crash_everywhere: this came of a crash {point}." if script.has_crashed else _lost(point))
            raise
        if script.has_crashed:
            _compare(point, expected, found)
            return
    raise CrashSafetyError(_lost(point))


def _lost(point: Point) -> str:
    return (
        f"crash_everywhere: called again, the test did not come to the point {point}. What it does, and what its jobs "
        "do, has to be the same each time; state of an earlier call may be left in a module, a class or a fixture."
    )


async def _live(env: Env, call: Callable[[], Awaitable[object]], script: Script) -> list[Outcome]:
    await env.open(script)
    try:
        await call()
        await env.settle()
        outcomes = await _outcomes(env)
    finally:
        await env.close()
    _check_recorded(script)
    return outcomes


async def _outcomes(env: Env) -> list[Outcome]:
    life = await env.lives.alive()
    names = env.lives.names
    found: list[Outcome] = []
    for run in await life.list_runs():
        _, answer = await read_run(life.node.platform, run.id)
        error = None if answer.error is None else f"{answer.error.name}: {names.hide_ids(answer.error.message)}"
        output = None if answer.output is None else names.hide_ids(answer.output)
        _, number = names.run(run.id)
        found.append(Outcome(answer.job_id, number, answer.status, output, error))
    return sorted(found, key=lambda one: (one.job_id, one.number))


def _check_recorded(script: Script) -> None:
    twice = [path for path, count in script.recorded.items() if count > 1]
    if twice:
        raise CrashSafetyError(f"The result of {', '.join(map(repr, twice))} was recorded more than once.")


def _compare(point: Point, expected: list[Outcome], found: list[Outcome]) -> None:
    if found == expected:
        return
    changes = [
        f"run {one.number} of {one.job_id!r}: without a crash {one}; with it {other}"
        for one, other in zip(expected, found, strict=False)
        if one != other
    ]
    if len(found) != len(expected):
        changes.append(f"{len(expected)} runs without a crash, {len(found)} with it")
    raise CrashSafetyError(
        f"crash_everywhere: a crash {point} changes the outcome: {'; '.join(changes)}. When a run is executed again, "
        "what its job computes outside of tasks must come out as before."
    )
