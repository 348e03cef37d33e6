"""Halves of surrogate pairs are found where they stand as escapes, and nowhere else."""

from __future__ import annotations

import pytest

from perdure.protocol.messages.halves import hide_escapes, name_escapes, replace_escapes


@pytest.mark.parametrize("before", ["", "\\n", "u", "é", r"\ud83d\ude00", r"\udc00", r"\ud83d"])
@pytest.mark.parametrize("backslashes", range(6))
def test_an_escape_begins_after_an_even_number_of_backslashes(before: str, backslashes: int) -> None:
    given = (before + "\\" * backslashes + r"\ud800!").encode()
    is_escape = backslashes % 2 == 0
    for change in (replace_escapes, name_escapes, hide_escapes):
        assert change(given).endswith(rb"\ud800!") is not is_escape
        assert change(given).count(b"\\" * (backslashes + is_escape)) >= 1
    assert len(name_escapes(given)) == len(given)


def test_a_pair_stays_as_it_is_and_its_halves_in_the_other_order_do_not() -> None:
    assert replace_escapes(rb"\ud83d\ude00 \ude00\ud83d \uD83D\u0064 \ud83d\ud83d\uDE00") == (
        rb"\ud83d\ude00 \ufffd\ufffd \ufffd\u0064 \ufffd\ud83d\uDE00"
    )
