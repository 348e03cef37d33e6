"""A run that kills its process each time is executed five times and no more, and the runs beside it all succeed.

Covers I12 under F50.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.acceptance.database import read_contents
from tests.acceptance.processes import started
from tests.acceptance.programs import BodyLog, poison

MANY = 12
"""More lives than it may take."""


def test_a_run_that_kills_its_process_is_put_into_quarantine_and_harms_no_other(tmp_path: Path) -> None:
    statuses: list[int] = []
    while 0 not in statuses:
        assert len(statuses) < MANY
        with started("poison", tmp_path) as program:
            said = program.rest()
            statuses.append(program.end())

    # One more than in the first life, in which it completed a task.
    assert statuses == [poison.DEAD] * 6 + [0]
    assert said == ["FAILURE RunQuarantinedError 6"]
    contents = read_contents(tmp_path)
    assert contents.violations == []
    assert contents.statuses == {"poison": ["FAILURE"]} | {one: ["SUCCESS"] for one in poison.HARMLESS}
    names = {task.key: task.name for task in contents.tasks}
    # Nothing was ever stored of the task that kills.
    bodies = Counter(names.get(line["key"], "kill") for line in BodyLog.lines(tmp_path))
    # A slow body that ended was recorded: none ran to its end twice.
    assert bodies == {"harmless": 1, "kill": 6, "work": 2}

    with started("poison", tmp_path, "healed") as program:
        assert program.rest() == ["healed"]
        assert program.end() == 0
    healed = read_contents(tmp_path)
    assert healed.violations == []
    assert healed.statuses["poison"] == ["SUCCESS"]
    assert contents.results <= healed.results
