"""A disk that is full during a run: callers are told so, nothing is lost, and all goes on by itself once there is room.

Covers I1, I4, I21 and I22 under F34.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.database import FILE, read_contents
from tests.acceptance.processes import Program, started
from tests.acceptance.programs.full import RESULT, RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_FILE = 1024 * 1024
DISK = 32 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_run_goes_on_when_files_may_grow_again(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with started("full", folder, LARGEST_FILE) as program:
        _hear_that_it_is_full(program)
        _check_the_end(program, folder)


def test_a_run_goes_on_when_a_disk_has_room_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (DISK - LARGEST_FILE))
    with started("full", small_disk) as program:
        _hear_that_it_is_full(program)
        ballast.unlink()
        _check_the_end(program, small_disk)


def _hear_that_it_is_full(program: Program) -> None:
    assert program.hear() == "storage_full True"
    # Reading goes on: the run can be looked up, and has not ended.
    assert program.hear() == "None"


def _check_the_end(program: Program, folder: Path) -> None:
    assert program.end() == 0
    (acknowledged,) = program.rest()
    contents = read_contents(folder)
    assert contents.violations == []
    assert contents.statuses == {"large": ["SUCCESS"]}
    assert contents.outputs == {"large": RESULTS * len(RESULT)}
    assert len(contents.tasks) == RESULTS
    assert {task.output for task in contents.tasks} == {json.dumps(RESULT)}
    assert set(acknowledged.split()) == set(contents.events)
    assert (folder / FILE).stat().st_size > LARGEST_FILE
