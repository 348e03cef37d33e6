"""A process that is killed with requests under way: the next one makes them again, and no secret is on the disk.

Covers I3, I6, I19 and I22 under F26.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.acceptance.database import read_contents
from tests.acceptance.processes import started
from tests.acceptance.programs import BodyLog
from tests.acceptance.programs.fetching import SECRET
from tests.acceptance.target import listening

RUNS = 25


def test_requests_under_way_when_a_process_is_killed_are_made_again(tmp_path: Path) -> None:
    with listening() as target:
        target.announce(tmp_path)
        target.is_silent = True
        with started("fetching", tmp_path, RUNS) as program:
            for _ in range(RUNS):
                assert target.arrived.acquire(timeout=60)
            program.kill()
        killed = read_contents(tmp_path)
        on_disk = _bytes_of(tmp_path)
        target.is_silent = False
        with started("fetching", tmp_path, RUNS) as program:
            assert program.rest() == []
            assert program.end() == 0

    ended = read_contents(tmp_path)
    requests = Counter(line["key"] for line in BodyLog.lines(tmp_path) if "key" in line)
    assert killed.violations == []
    assert ended.violations == []
    assert ended.statuses == {f"fetch-{number}": ["SUCCESS"] for number in range(RUNS)}
    assert set(requests.values()) == {2}
    assert {(task.key, task.output) for task in ended.tasks} == {(key, "9") for key in requests}
    assert SECRET.encode() not in on_disk + _bytes_of(tmp_path)


def _bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())
