"""How many suspect runs may be at work at a time."""

from __future__ import annotations

import pytest

from perdure.engine.quarantine import Suspects


@pytest.mark.parametrize(
    ("quarantine_after", "rooms"),
    [
        (5, {2: 100, 3: 10, 4: 1}),
        (4, {1: 100, 2: 10, 3: 1}),
        (3, {1: 10, 2: 1}),
        (2, {1: 1}),
        (1, {}),
    ],
)
def test_the_more_often_runs_were_lost_the_fewer_are_at_work(quarantine_after: int, rooms: dict[int, int]) -> None:
    suspects = range(Suspects(quarantine_after).first, quarantine_after)
    found = {losses: sum(_takes(Suspects(quarantine_after), losses)) for losses in suspects}
    assert found == rooms


def _takes(suspects: Suspects, losses: int) -> list[bool]:
    return [suspects.take(losses) for _ in range(200)]


def test_beside_one_that_was_lost_most_often_no_other_suspect_is_at_work() -> None:
    suspects = Suspects(5)
    assert suspects.take(4)
    assert [suspects.take(losses) for losses in (2, 3, 4)] == [False, False, False]


def test_one_that_was_lost_most_often_waits_until_no_other_suspect_is_at_work() -> None:
    suspects = Suspects(5)
    assert [suspects.take(losses) for losses in (2, 4, 3, 4)] == [True, False, True, False]


def test_only_one_look_at_a_time_may_let_suspects_join() -> None:
    assert not Suspects(5, is_open=False).take(2)
