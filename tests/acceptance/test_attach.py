"""Several processes of one app: one owns the database, the others call it, and one of them takes over.

Covers I5 and I22: nothing is executed by two processes, and what was acknowledged is there, once.
"""

from __future__ import annotations

import signal
from ast import literal_eval
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from perdure import Client
from tests.acceptance.database import read_contents
from tests.acceptance.processes import Program, started
from tests.acceptance.programs import BodyLog


@contextmanager
def workers(folder: Path, count: int, *, background: bool = False) -> Iterator[list[Program]]:
    """Start so many processes; the first of them owns the database."""
    with ExitStack() as stack:
        programs: list[Program] = []
        for number in range(count):
            program = stack.enter_context(started("library", folder, *(["background"] if background else [])))
            assert program.hear() == ("attached" if number else "owner")
            programs.append(program)
        yield programs


def ask(program: Program, *words: object) -> str:
    program.tell(*words)
    return program.hear()


def until_owner(program: Program) -> None:
    """Wait until a process has taken over."""
    while ask(program, "state") != "owner":
        continue


def bodies(folder: Path) -> int:
    """How many bodies of tasks have begun: one on the way, one where the run waits to be let on."""
    return len(BodyLog.lines(folder))


@pytest.mark.parametrize("background", [False, True], ids=["start", "start_background"])
def test_what_another_process_asks_for_is_executed_by_the_owner(tmp_path: Path, background: bool) -> None:
    with workers(tmp_path, 2, background=background) as (owner, other):
        assert ask(other, "open") == "opened"
        assert literal_eval(ask(other, "run", 4)) == [owner.pid, 8]
        assert [other.end(), owner.end()] == [0, 0]


def test_a_call_under_way_outlives_its_owner_and_is_answered_by_the_successor(tmp_path: Path) -> None:
    with workers(tmp_path, 2) as (owner, other):
        other.tell("run", 5)
        while bodies(tmp_path) < 2:
            continue
        owner.kill()
        (tmp_path / "open").touch()
        assert literal_eval(other.hear()) == [other.pid, 10]
        assert ask(other, "state") == "owner"
        assert other.end() == 0
    # What the first owner had completed was not done again.
    assert bodies(tmp_path) == 3
    assert read_contents(tmp_path).violations == []


def test_an_owner_that_ends_leaves_its_runs_to_the_next(tmp_path: Path) -> None:
    with workers(tmp_path, 3) as (owner, *others):
        run_id = ask(owner, "begin", 6)
        while bodies(tmp_path) < 2:
            continue
        for other in others:
            other.tell("await", run_id)
        (tmp_path / "open").touch()
        assert owner.end() == 0
        results = [literal_eval(other.hear()) for other in others]
        assert results[0] == results[1]
        assert results[0][1] == 12
        states: list[str] = []
        while sorted(states) != ["attached", "owner"]:
            states = [ask(other, "state") for other in others]
        successor, last = sorted(others, key=lambda other: ask(other, "state"), reverse=True)
        assert literal_eval(ask(last, "run", 7)) == [successor.pid, 14]


@pytest.mark.parametrize("stored", [1, 10, 25])
def test_no_event_is_lost_or_sent_twice_while_an_owner_is_killed(tmp_path: Path, stored: int) -> None:
    with workers(tmp_path, 2) as (owner, sender):
        sender.tell("send", 60)
        while len(read_contents(tmp_path).events) < stored:
            continue
        owner.kill()
        sent = sender.hear().split()
        until_owner(sender)
        assert sender.end() == 0
    contents = read_contents(tmp_path)
    assert len(set(sent)) == 60
    assert sorted(contents.events) == sorted(sent)
    assert contents.violations == []


def test_a_client_that_is_not_started_calls_the_owner(tmp_path: Path) -> None:
    (tmp_path / "open").touch()
    with workers(tmp_path, 1) as (owner,):
        client = Client(id="shell", database_url=f"sqlite:///{tmp_path}/perdure.db")
        assert client.sync.invoke("double", {"n": 8}).result(timeout=60) == [owner.pid, 16]
        assert client.sync.send_event(id="e", name="from a shell").id == "e"
        assert client.sync.get_event("e").name == "from a shell"


def test_a_process_that_stands_still_is_waited_for_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "open").touch()
    with workers(tmp_path, 2) as (owner, other):
        owner.process.send_signal(signal.SIGSTOP)
        other.tell("run", 9)
        owner.process.send_signal(signal.SIGCONT)
        assert literal_eval(other.hear()) == [owner.pid, 18]
