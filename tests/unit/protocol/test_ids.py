from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.protocol.ids import RUN_PREFIX, TASK_PREFIX, IdGenerator, slugify

ULID = re.compile("[0-7][0-9a-hjkmnp-tv-z]{25}")


def generator(*times: int) -> IdGenerator:
    """Make a generator whose clock reads these times, and then stands still."""
    clock = list(times)
    return IdGenerator(os.urandom, lambda: clock.pop(0) if len(clock) > 1 else clock[0])


def test_an_id_is_its_prefix_and_a_lower_case_ulid() -> None:
    ids = generator(1_700_000_000_000)
    run, task = ids.new(RUN_PREFIX), ids.new(TASK_PREFIX)
    assert run.startswith("run_")
    assert ULID.fullmatch(run.removeprefix("run_"))
    assert ULID.fullmatch(task.removeprefix("task_"))


def test_the_first_ten_digits_are_the_time() -> None:
    # The example of the ULID specification.
    assert generator(1_469_918_176_385).new("").startswith("01aryz6s41")


def encode_time(ms: int) -> str:
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(digits[(ms >> shift) & 31] for shift in range(45, -1, -5))


@given(st.integers(0, 2**48 - 1))
def test_every_millisecond_is_encoded_by_its_digits(ms: int) -> None:
    assert generator(ms).new("")[:10] == encode_time(ms)


def test_ids_grow_while_the_clock_stands_still() -> None:
    ids = generator(5)
    made = [ids.new("") for _ in range(5000)]
    assert made == sorted(set(made))


def test_ids_grow_when_the_clock_steps_back() -> None:
    ids = generator(2000, 1000, 1500, 1999, 2000, 2001, 3)
    made = [ids.new("") for _ in range(20)]
    assert made == sorted(set(made))


def test_ids_grow_when_a_millisecond_is_used_up() -> None:
    highest = IdGenerator(lambda size: b"\xff" * size, lambda: 7)
    made = [highest.new("") for _ in range(3)]
    assert made == sorted(set(made))
    assert [id[:10] for id in made] == [encode_time(7), encode_time(8), encode_time(9)]


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=50))
def test_ids_grow_whatever_the_clock_does(times: list[int]) -> None:
    ids = generator(*times)
    made = [ids.new("") for _ in range(len(times) + 5)]
    assert made == sorted(set(made))


def test_two_generators_at_the_same_time_make_different_ids() -> None:
    assert generator(5).new("") != generator(5).new("")


def test_random_bytes_decide_the_random_part() -> None:
    ids = IdGenerator(lambda size: bytes(size), lambda: 0)
    assert ids.new("x_") == "x_" + "0" * 26
    assert ids.new("x_") == "x_" + "0" * 25 + "1"


def test_a_ulid_for_an_event_is_in_upper_case() -> None:
    made = generator(1_700_000_000_000).ulid()
    assert len(made) == 26
    assert made == made.upper() != made.lower()


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Send Welcome  Email", "send-welcome-email"),
        ("a\t\n b", "a-b"),
        ("Ünï-code_1.2~!", "n-code_1.2~"),
        (" edge ", "-edge-"),
        ("a\ufeffb\u00a0c", "a-b-c"),
        ("a\u0085b\x1cc", "abc"),
        ("", ""),
    ],
)
def test_a_slug_keeps_only_url_safe_characters(text: str, slug: str) -> None:
    assert slugify(text) == slug
