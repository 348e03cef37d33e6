"""A process that is asked to end lets executions end, for ten seconds at most; the next process does the rest.

Covers I3, I4 and I12 under F48.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.acceptance.database import read_contents
from tests.acceptance.processes import started
from tests.acceptance.programs import BodyLog

GRACE = 10.0
MORE = 3.0
"""For unwinding, closing the database and ending a process on a busy machine."""


def test_an_execution_that_ends_soon_is_waited_for(tmp_path: Path) -> None:
    with started("leave", tmp_path, 0.5) as program:
        assert program.hear() == "at work"
        program.process.send_signal(signal.SIGTERM)
        assert program.rest() == ["left"]
        assert program.end() == 0

    contents = read_contents(tmp_path)
    assert contents.statuses == {"work": ["SUCCESS"]}
    assert contents.violations == []
    assert len(BodyLog.lines(tmp_path)) == 2


def test_an_execution_that_takes_longer_is_put_back_in_line_and_goes_on_in_the_next_process(tmp_path: Path) -> None:
    with started("leave", tmp_path, 3600) as program:
        assert program.hear() == "at work"
        began = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        assert program.rest() == ["left"]
        assert program.end() == 0
    assert time.monotonic() - began < GRACE + MORE

    left = read_contents(tmp_path)
    assert left.statuses == {"work": ["WAITING_TO_EXECUTE"]}
    assert left.violations == []
    assert [task.name for task in left.results] == ["first"]

    with started("leave", tmp_path, 0.01) as program:
        assert program.hear() == "at work"
        program.process.send_signal(signal.SIGTERM)
        assert program.rest() == ["left"]

    ended = read_contents(tmp_path)
    assert ended.statuses == {"work": ["SUCCESS"]}
    assert ended.outputs == {"work": "done"}
    assert left.results <= ended.results
    names = {task.key: task.name for task in ended.tasks}
    assert [names[line["key"]] for line in BodyLog.lines(tmp_path)] == ["first", "last", "last"]


def test_code_that_catches_everything_in_a_loop_does_not_keep_its_process_from_ending() -> None:
    with started("endless", longest=60) as program:
        (error,) = program.rest()
        assert "SuspensionSwallowedError" in error
        assert program.end() == 0


def test_code_that_swallows_its_cancellation_does_not_keep_its_process_from_ending() -> None:
    began = time.monotonic()
    with started("stubborn", longest=60) as program:
        assert program.rest() == ["left"]
        assert program.end() == 0
    assert time.monotonic() - began < GRACE + 4 * MORE
