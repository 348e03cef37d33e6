"""Random kills under load: every event that a client was told is safe starts one run, and every run ends.

Covers I1 to I6 and I22 under F1, F2, F7, F12, F13 and F16. The client is this process; the killed one is another.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.database import Contents, read_contents
from tests.acceptance.processes import Program, started
from tests.acceptance.programs import BodyLog

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS = 30 if os.environ.get("PERDURE_PROVE") else 4
EVENTS_PER_ROUND = 150
LONGEST_LIFE = 0.4
LANDED = 0.9
"""The share of kills that must hit a run under way, or the test has lost its subject."""


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice_by_random_kills(tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("PERDURE_SEED", "31"))
    acknowledged: list[str] = []
    numbers = range(ROUNDS * EVENTS_PER_ROUND)
    in_flight: Counter[tuple[str, int]] = Counter()
    landed = 0

    for crash in range(ROUNDS):
        with started("load", tmp_path) as program:
            sent = _unacknowledged(numbers[: (crash + 1) * EVENTS_PER_ROUND], acknowledged)
            acknowledged += _feed_and_kill(program, sent, chance.uniform(0, LONGEST_LIFE))
        killed = read_contents(tmp_path)
        assert killed.violations == []
        assert set(acknowledged) <= set(killed.events)
        in_flight.update(_attempts_of(program.pid, tmp_path).keys() - killed.recorded_attempts)
        landed += any(status != "SUCCESS" for statuses in killed.statuses.values() for status in statuses)

    with started("load", tmp_path) as program:
        assert program.hear() == "open"
        for number in numbers:
            program.tell(number)
        program.tell("end", 2 * len(numbers))
        acknowledged += program.rest()
        assert program.end() == 0

    ended = read_contents(tmp_path)
    orders, shipments = ({f"{kind}-{number}" for number in numbers} for kind in ("order", "shipment"))
    assert ended.violations == []
    assert set(acknowledged) == orders
    assert ended.statuses == {event: ["SUCCESS"] for event in orders | shipments}
    assert _problems_with_bodies(ended, in_flight, tmp_path) == []
    assert landed >= LANDED * ROUNDS


def _unacknowledged(numbers: Iterable[int], acknowledged: list[str]) -> list[int]:
    known = set(acknowledged)
    return [number for number in numbers if f"order-{number}" not in known]


def _feed_and_kill(program: Program, numbers: list[int], after: float) -> list[str]:
    """Send events and kill the program some time after the first acknowledgement; all acknowledgements."""
    assert program.hear() == "open"
    for number in numbers:
        program.tell(number)
    acknowledged = [program.hear()]
    until = time.monotonic() + after
    while len(acknowledged) < len(numbers) and time.monotonic() < until:
        acknowledged.append(program.hear())
    program.kill()
    return acknowledged + program.rest()


def _attempts_of(process: int, folder: Path) -> Counter[tuple[str, int]]:
    lines = BodyLog.lines(folder)
    return Counter((line["key"], line["attempt"]) for line in lines if "key" in line and line["process"] == process)


def _problems_with_bodies(ended: Contents, in_flight: Counter[tuple[str, int]], folder: Path) -> list[str]:
    names = {task.key: task.name for task in ended.tasks}
    ran = Counter((line["key"], line["attempt"]) for line in BodyLog.lines(folder) if "key" in line)
    problems = [f"{names.get(key)} ran, and is not recorded" for key, _ in ran.keys() - ended.recorded_attempts]
    problems += [
        f"attempt {attempt[1]} at {names.get(attempt[0])} ran {count} times, in flight {in_flight[attempt]} times"
        for attempt, count in ran.items()
        if count > 1 + in_flight[attempt]
    ]
    return problems
