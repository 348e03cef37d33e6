"""The limits of a machine are compared with those of the machine on which the targets were set."""

from __future__ import annotations

import pytest

from bench.limits.compare import REFERENCE, compare
from bench.result import Result


def line(name: str, **figures: float) -> str:
    return Result(system="limits", workload=name, figures=figures).to_json()


def test_each_limit_is_a_share_of_the_reference_and_all_are_their_mean() -> None:
    shares = compare(
        [
            line("sqlite_wal_full_batch1", commits_per_s=REFERENCE["sqlite_wal_full_batch1"] / 4, rows_per_s=1),
            line("loop_uvloop_tasks", per_s=REFERENCE["loop_uvloop_tasks"]),
            line("loop_uvloop_idle_task", bytes=300),
        ]
    )
    assert shares == pytest.approx({"sqlite_wal_full_batch1": 0.25, "loop_uvloop_tasks": 1, "all": 0.5}, rel=1e-3)


def test_of_nothing_there_is_no_mean() -> None:
    assert compare([line("loop_uvloop_idle_task", bytes=300)]) == {}
