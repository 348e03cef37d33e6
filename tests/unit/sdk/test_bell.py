"""How the system schedules a thread of many that take turns."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from perdure.sdk.bell import Bell

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a thread choose")


def in_a_thread(code: Callable[[], object]) -> object:
    """Run code in a thread of its own, as what it changes is the thread's."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(code).result()


def policy() -> int:
    """How this thread is scheduled."""
    return os.sched_getscheduler(0)


def test_a_thread_is_courteous_as_long_as_there_is_a_crowd() -> None:
    def code() -> list[int]:
        bell = Bell()
        found = [policy()]
        for is_crowded in (True, True, False, True):
            bell.join_crowd(is_crowded=is_crowded)
            found.append(policy())
        return found

    usual, courteous = os.SCHED_OTHER, os.SCHED_BATCH
    assert in_a_thread(code) == [usual, courteous, courteous, usual, courteous]


def test_a_thread_stays_as_somebody_has_chosen() -> None:
    def code() -> int:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        Bell().join_crowd(is_crowded=True)
        return policy()

    assert in_a_thread(code) == os.SCHED_IDLE


def test_where_it_is_forbidden_a_thread_goes_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)

    def code() -> int:
        bell = Bell()
        bell.join_crowd(is_crowded=True)
        bell.join_crowd(is_crowded=False)
        return policy()

    assert in_a_thread(code) == os.SCHED_OTHER
