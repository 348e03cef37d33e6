"""A process that dies just before, or just after, any commit of a run: the next one ends the run all the same.

Covers I1 to I6, I13, I14 and I22 under F1, F2, F7, F11, F12, F13, F16 and F26.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.database import Contents, read_contents
from tests.acceptance.processes import Program, started
from tests.acceptance.programs import BodyLog
from tests.acceptance.programs.crash import ATTEMPTS, COMMITS, DEAD, OUTPUTS, WAITING_BODIES
from tests.acceptance.target import Target, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5 if os.environ.get("PERDURE_PROVE") else 1
FEWEST_COMMITS = 30
"""So many crash points there must be, or the tests have lost their subject."""

ATTEMPTS_TO_LAND = 5
"""A process whose run happens to have fewer commits outlives its crash point, and another is sent to it."""

ENOUGH_PROBLEMS = 5
"""With so many, no further process is sent to its death: each that hangs takes its time."""

NOTHING = Contents([], [], {}, {}, [], set())


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[Program]]:
    with started("nursery", longest=300 * ROUNDS) as one, started("nursery", longest=300 * ROUNDS) as another:
        yield [one, another]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with listening() as target:
        yield target


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("mode", ["sticky", "replay", "plain"])
def test_a_run_survives_a_crash_at_each_of_its_commits(
    nurseries: list[Program], target: Target, tmp_path: Path, mode: str, moment: str
) -> None:
    # A timer that fires early or late in a suspension makes a commit more or less.
    commits = min(_count_commits(nurseries[0], target, tmp_path / f"undisturbed-{life}", mode) for life in range(3))
    assert commits >= FEWEST_COMMITS
    points = [(number, crash) for crash in range(ROUNDS) for number in range(1, commits + 1)]
    free: SimpleQueue[Program] = SimpleQueue()
    problems: list[str] = []
    for nursery in nurseries:
        free.put(nursery)

    def crash_at(point: tuple[int, int]) -> None:
        number, crash = point
        if len(problems) >= ENOUGH_PROBLEMS:
            return
        nursery = free.get()
        found = _crash_and_go_on(nursery, target, tmp_path / f"{number}-{crash}", mode, moment, number)
        free.put(nursery)
        problems.extend(f"commit {number}: {problem}" for problem in found)

    with ThreadPoolExecutor(len(nurseries)) as threads:
        list(threads.map(crash_at, points))

    assert problems == []


def test_the_check_finds_a_body_that_ran_again_although_its_result_was_recorded(
    nurseries: list[Program], target: Target, tmp_path: Path
) -> None:
    _count_commits(nurseries[0], target, tmp_path, "sticky")
    contents, lines = read_contents(tmp_path), BodyLog.lines(tmp_path)
    ran = next(line for line in lines if "key" in line)

    assert _compare(contents, contents, lines, "sticky") == []
    assert _compare(contents, contents, [*lines, ran], "sticky") == ["attempt 1 at retried ran 2 times"]


def _count_commits(nursery: Program, target: Target, folder: Path, mode: str) -> int:
    assert _live(nursery, target, folder, mode, "never", 0) == 0
    assert _compare(NOTHING, read_contents(folder), BodyLog.lines(folder), mode) == []
    return int((folder / COMMITS).read_text(encoding="utf-8"))


def _crash_and_go_on(nursery: Program, target: Target, place: Path, mode: str, moment: str, number: int) -> list[str]:
    for attempt in range(ATTEMPTS_TO_LAND):
        folder = place / str(attempt)
        status = _live(nursery, target, folder, mode, moment, number)
        if status != 0:
            break
    if status != DEAD:
        return [f"the process did not die there, but ended with {status}"]
    killed = read_contents(folder)
    status = _live(nursery, target, folder, mode, "never", 0)
    if status != 0:
        return [f"the process that followed ended with {status}", *killed.violations]
    return _compare(killed, read_contents(folder), BodyLog.lines(folder), mode)


def _live(nursery: Program, target: Target, folder: Path, mode: str, moment: str, number: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    target.announce(folder)
    nursery.tell(folder, mode, moment, number)
    return int(nursery.hear())


def _compare(killed: Contents, ended: Contents, lines: list[dict[str, Any]], mode: str) -> list[str]:
    """Say what is off, from the database after the crash, that in the end, and the bodies' log."""
    problems = [f"after the crash, {violation}" for violation in killed.violations]
    problems += [f"in the end, {violation}" for violation in ended.violations]
    if ended.outputs != OUTPUTS:
        problems.append(f"the outputs are {ended.outputs}")
    if ended.statuses != {"first": ["SUCCESS"], "second": ["SUCCESS"]}:
        problems.append(f"the runs are {ended.statuses}")
    problems += [f"the result of {task.name} has changed" for task in killed.results - ended.results]
    return problems + _compare_bodies(killed, ended, lines, mode)


def _compare_bodies(killed: Contents, ended: Contents, lines: list[dict[str, Any]], mode: str) -> list[str]:
    names = {task.key: task.name for task in ended.tasks}
    bodies = [line for line in lines if "key" in line]
    ran = Counter((line["key"], line["attempt"]) for line in bodies)
    of_the_first = {(line["key"], line["attempt"]) for line in bodies if line["process"] == lines[0]["process"]}
    in_flight = of_the_first - killed.recorded_attempts
    found = sorted((names.get(key, "no task"), attempt) for key, attempt in ran)
    problems = [] if found == sorted(ATTEMPTS) else [f"the attempts are {found}"]
    problems += [
        f"attempt {number} at {names.get(key)} ran unrecorded" for key, number in ran.keys() - ended.recorded_attempts
    ]
    for attempt, count in ran.items():
        name = names.get(attempt[0])
        # A body that waits is suspended in the middle of it, and a replay begins it again.
        suspensions = 1 if mode != "sticky" and name in WAITING_BODIES else 0
        if count > 1 + suspensions + (attempt in in_flight):
            problems.append(f"attempt {attempt[1]} at {name} ran {count} times")
    return problems
