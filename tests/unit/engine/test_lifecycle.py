"""The transition tables and their page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from perdure.engine.lifecycle import (
    EVENT_CHANGES,
    EXECUTION_CHANGES,
    RUN_CHANGES,
    TASK_CHANGES,
    Change,
    is_allowed,
    render_page,
)
from perdure.protocol.statuses import FINAL_RUN_STATUSES, EventStatus, ExecutionStatus, RunStatus, TaskStatus

PAGE = Path(__file__).parents[3] / "docs" / "internals" / "lifecycle.md"


def test_the_page_shows_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page()


@pytest.mark.parametrize(
    ("statuses", "changes"),
    [
        (RunStatus, RUN_CHANGES),
        (TaskStatus, TASK_CHANGES),
        (EventStatus, EVENT_CHANGES),
        (ExecutionStatus, EXECUTION_CHANGES),
    ],
)
def test_tables_name_each_change_once_and_only_statuses_there_are(
    statuses: type[StrEnum], changes: tuple[Change, ...]
) -> None:
    pairs = [(change.source, change.target) for change in changes]
    assert len(set(pairs)) == len(pairs)
    assert {target for _, target in pairs} | {source for source, _ in pairs if source} <= set(statuses)


def test_what_has_begun_can_end() -> None:
    for changes in (RUN_CHANGES, TASK_CHANGES, EVENT_CHANGES):
        sources = {change.source for change in changes}
        reached = {change.target for change in changes}
        assert reached - sources, "nothing is final"
        assert sources - {None} <= reached


def test_success_is_never_left() -> None:
    assert not [change for change in RUN_CHANGES if change.source == RunStatus.SUCCESS]
    left = {change.target for change in RUN_CHANGES if change.source in FINAL_RUN_STATUSES}
    assert left == {RunStatus.QUEUED}


def test_a_change_that_is_not_in_the_table_is_not_allowed() -> None:
    assert is_allowed(RUN_CHANGES, RunStatus.QUEUED, RunStatus.EXECUTING)
    assert not is_allowed(RUN_CHANGES, RunStatus.SUCCESS, RunStatus.QUEUED)
    assert not is_allowed(RUN_CHANGES, None, RunStatus.SUCCESS)
