"""A process that dies just before, or just after, any commit of a run: the next one ends the run all the same.

Covers I1 to I6, I13, I14 and I22 under F1, F2, F7, F11, F12, F13, F16 and F26.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.database import NOTHING, Contents, read_contents
from tests.acceptance.processes import Program, started
from tests.acceptance.programs import BodyLog
from tests.acceptance.programs.crash import COMMITS, DEAD, PROGRAMS
from tests.acceptance.programs.expectation import Expectation
from tests.acceptance.target import Target, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVING = bool(os.environ.get("PERDURE_PROVE"))
ROUNDS = 5 if PROVING else 1
FEWEST_POINTS = {"steps": 30, "answers": 20}
"""So many crash points there must be, or the tests have lost their subject."""

STEPS = {"replay": 1, "sticky": 1 if PROVING else 2, "plain": 1 if PROVING else 2}
"""Each commit has a crash in replay, and one in another mode: in turns, since all begin again with a replay."""

ATTEMPTS_TO_LAND = 5
"""A process whose run happens to have fewer commits outlives its crash point, and another is sent to it."""

MISSED: list[str] = []
"""Stands for a commit that a run did not have, this time: timers that fired late had made one more before."""

ENOUGH_PROBLEMS = 5
"""With so many, no further process is sent to its death: each that hangs takes its time."""

WAYS = [
    (program, mode, moment)
    for program, mode, moment in product(PROGRAMS, ("sticky", "replay", "plain"), ("before", "after"))
    # Just before a commit is little after the one before it: one program dies there in a mode, the other one after.
    if PROVING or (mode == "replay") == ((program == "steps") == (moment == "after"))
]


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[Program]]:
    with started("nursery", longest=600 * ROUNDS) as one, started("nursery", longest=600 * ROUNDS) as another:
        yield [one, another]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with listening() as target:
        yield target


@dataclass(frozen=True)
class Life:
    """A process that runs a program, perhaps to its death.

    Attributes:
        program: What it runs.
        mode: How; see `tests.acceptance.programs.crash.main`.
        moment: When it dies, if it does.
        target: The service that it fetches from.
    """

    program: str
    mode: str
    moment: str
    target: Target

    @property
    def expected(self) -> Expectation:
        """What it, and those that follow it, leave behind."""
        expected: Expectation = PROGRAMS[self.program].EXPECTED
        return expected

    def end(self, nursery: Program, folder: Path, number: int = 0) -> int:
        """Have a process run until it dies at a commit, or to the end; its exit status."""
        folder.mkdir(parents=True, exist_ok=True)
        self.target.announce(folder)
        nursery.tell(folder, self.program, self.mode, self.moment if number else "never", number)
        return int(nursery.hear())


@pytest.mark.parametrize(("program", "mode", "moment"), WAYS)
def test_a_run_survives_a_crash_at_each_of_its_commits(
    nurseries: list[Program], target: Target, tmp_path: Path, program: str, mode: str, moment: str
) -> None:
    life = Life(program, mode, moment, target)
    # A timer that fires early or late in a suspension makes a commit more or less.
    counts = [_count_commits(life, nurseries[0], tmp_path / f"undisturbed-{number}") for number in range(3)]
    commits = min(count for _, count in counts)
    # Those before the first event are the same for every program.
    first = 1 if program == "steps" else min(before for before, _ in counts) + 1
    assert commits - first + 1 >= FEWEST_POINTS[program]
    step = STEPS[mode]
    numbers = range(first + (step - 1 if mode == "plain" else 0), commits + 1, step)
    points = [(number, crash) for crash in range(ROUNDS) for number in numbers]
    free: SimpleQueue[Program] = SimpleQueue()
    problems: list[str] = []
    missed: list[int] = []
    for nursery in nurseries:
        free.put(nursery)

    def crash_at(point: tuple[int, int]) -> None:
        number, crash = point
        if len(problems) >= ENOUGH_PROBLEMS:
            return
        nursery = free.get()
        found = _crash_and_go_on(life, nursery, tmp_path / f"{number}-{crash}", number)
        free.put(nursery)
        if found is MISSED:
            missed.append(number)
        problems.extend(f"commit {number}: {problem}" for problem in found)

    with ThreadPoolExecutor(len(nurseries)) as threads:
        list(threads.map(crash_at, points))

    assert problems == []
    assert len(numbers) - len(set(missed)) >= FEWEST_POINTS[program] // step


def test_the_check_finds_a_body_that_ran_again_although_its_result_was_recorded(
    nurseries: list[Program], target: Target, tmp_path: Path
) -> None:
    life = Life("steps", "sticky", "never", target)
    _count_commits(life, nurseries[0], tmp_path)
    contents, lines = read_contents(tmp_path), BodyLog.lines(tmp_path)
    ran = next(line for line in lines if "key" in line)

    assert _compare(life, contents, contents, lines) == []
    assert _compare(life, contents, contents, [*lines, ran]) == ["attempt 1 at retried ran 2 times"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"values": {"n": 1}}, "the values are {'n': 1}"),
        ({"histories": {"progress": 2}}, "the histories are {'progress': 2}"),
        ({"names": {"told": 2}}, "the names are {'told': 2}"),
    ],
    ids=["values", "statuses", "events"],
)
def test_the_check_finds_an_effect_that_is_missing_or_came_twice(
    nurseries: list[Program], target: Target, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    life = Life("answers", "sticky", "never", target)
    _count_commits(life, nurseries[0], tmp_path)
    contents = read_contents(tmp_path)
    assert _compare(life, contents, contents._replace(**change), BodyLog.lines(tmp_path)) == [problem]


def _count_commits(life: Life, nursery: Program, folder: Path) -> tuple[int, int]:
    assert life.end(nursery, folder) == 0
    assert _compare(life, NOTHING, read_contents(folder), BodyLog.lines(folder)) == []
    before, commits = (folder / COMMITS).read_text(encoding="utf-8").split()
    return int(before), int(commits)


def _crash_and_go_on(life: Life, nursery: Program, place: Path, number: int) -> list[str]:
    for attempt in range(ATTEMPTS_TO_LAND):
        folder = place / str(attempt)
        status = life.end(nursery, folder, number)
        if status != 0:
            break
    if status == 0:
        return MISSED
    if status != DEAD:
        return [f"the process did not die there, but ended with {status}"]
    killed = read_contents(folder)
    status = life.end(nursery, folder)
    if status != 0:
        return [f"the process that followed ended with {status}", *killed.violations]
    return _compare(life, killed, read_contents(folder), BodyLog.lines(folder))


def _compare(life: Life, killed: Contents, ended: Contents, lines: list[dict[str, Any]]) -> list[str]:
    """Say what is off, from the database after the crash, that in the end, and the bodies' log."""
    problems = [f"after the crash, {violation}" for violation in killed.violations]
    problems += [f"in the end, {violation}" for violation in ended.violations]
    for what in ("outputs", "statuses", "values", "histories", "names"):
        found = getattr(ended, what)
        if found != getattr(life.expected, what):
            problems.append(f"the {what} are {found}")
    problems += [f"the result of {task.name} has changed" for task in killed.results - ended.results]
    return problems + _compare_bodies(life, killed, ended, lines)


def _compare_bodies(life: Life, killed: Contents, ended: Contents, lines: list[dict[str, Any]]) -> list[str]:
    names = {task.key: task.name for task in ended.tasks}
    bodies = [line for line in lines if "key" in line]
    ran = Counter((line["key"], line["attempt"]) for line in bodies)
    of_the_first = {(line["key"], line["attempt"]) for line in bodies if line["process"] == lines[0]["process"]}
    in_flight = of_the_first - killed.recorded_attempts
    found = sorted((names.get(key, "no task"), attempt) for key, attempt in ran)
    problems = [] if found == sorted(life.expected.attempts) else [f"the attempts are {found}"]
    problems += [
        f"attempt {number} at {names.get(key)} ran unrecorded" for key, number in ran.keys() - ended.recorded_attempts
    ]
    for attempt, count in ran.items():
        name = names.get(attempt[0])
        # A body that waits is suspended in the middle of it, and a replay begins it again.
        suspensions = 1 if life.mode != "sticky" and name in life.expected.waiting_bodies else 0
        if count > 1 + suspensions + (attempt in in_flight):
            problems.append(f"attempt {attempt[1]} at {name} ran {count} times")
    return problems
