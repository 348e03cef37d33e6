"""The demonstration with an app of the npm package succeeds, and its checks notice when evidence is off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.npm.checks import CHECKS, examine
from demo.npm.evidence import Evidence, Stored, read_evidence
from tests.acceptance.processes import ROOT

ORDERS_SENT = 12
LONGEST_STORY = 30

Performed = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> Performed:
    place = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "demo.npm", "--orders", str(ORDERS_SENT), "--keep", "kept"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, encoding="utf-8", check=False)
    return place / "kept", done


@pytest.fixture
def evidence(performed: Performed) -> Evidence:
    return read_evidence(performed[0])


def test_the_demonstration_succeeds_and_tells_a_short_story(performed: Performed) -> None:
    story = performed[1]
    assert (story.returncode, story.stderr) == (0, ""), story.stdout
    lines = story.stdout.splitlines()
    assert len(lines) <= LONGEST_STORY
    assert f"takes {ORDERS_SENT} orders" in lines[0]
    assert sum(line.startswith("✓") for line in lines) == len(CHECKS)
    assert "kill -9" in story.stdout


def lose_an_event(now: Evidence) -> Evidence:
    return now._replace(killed=now.killed._replace(events=now.killed.events[1:]))


def start_a_run_twice(now: Evidence) -> Evidence:
    return now._replace(database=now.database._replace(runs=[*now.database.runs, now.database.runs[0]]))


def leave_a_run_waiting(now: Evidence) -> Evidence:
    first, *rest = now.database.runs
    return now._replace(database=now.database._replace(runs=[first._replace(status="WAITING_TO_CONTINUE"), *rest]))


def swap_a_picture(now: Evidence) -> Evidence:
    runs = [run._replace(output={**run.output, "picture": "another"}) for run in now.database.runs]
    return now._replace(database=now.database._replace(runs=runs))


def record_a_result_twice(now: Evidence) -> Evidence:
    return now._replace(database=_with_result(now.database, ["a", "b"]))


def change_a_result(now: Evidence) -> Evidence:
    return now._replace(killed=_with_result(now.killed, ["another"]))


def run_a_recorded_body_again(now: Evidence) -> Evidence:
    return now._replace(after=[*now.after, ("order-0", "charge")], killed=_with_result(now.killed, ["a"]))


def lose_a_body(now: Evidence) -> Evidence:
    lost = ("order-1", "charge")
    return now._replace(
        before=[one for one in now.before if one != lost], after=[one for one in now.after if one != lost]
    )


def _with_result(stored: Stored, outputs: list[str | None]) -> Stored:
    return stored._replace(results={**stored.results, ("order-0", "charge"): outputs})


TAMPERINGS: dict[Callable[[Evidence], Evidence], str] = {
    lose_an_event: "order-0 was acknowledged and lost",
    start_a_run_twice: "2 instead of 1 × run of order-0",
    leave_a_run_waiting: "is WAITING_TO_CONTINUE",
    swap_a_picture: "ended with {'order': 0, 'picture': 'another'",
    record_a_result_twice: "2 instead of 1 × result of charge of order-0",
    change_a_result: "charge of order-0 has changed",
    run_a_recorded_body_again: "charge of order-0 ran again, though it was recorded",
    lose_a_body: "charge of order-1 never ran",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_the_demonstration_notices_evidence_that_is_off(
    evidence: Evidence, tamper: Callable[[Evidence], Evidence]
) -> None:
    problems = [problem for finding in examine(tamper(evidence)) for problem in finding.problems]
    assert any(TAMPERINGS[tamper] in problem for problem in problems), problems
