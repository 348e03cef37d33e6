"""Tokens and secrets, each by a key of its own."""

from __future__ import annotations

import os

import pytest

from perdure.engine.secret_box import SecretBox


def box(key: bytes = b"k" * 32) -> SecretBox:
    return SecretBox(lambda: key, os.urandom)


def test_a_token_is_the_same_each_time_and_another_for_another_task_or_key() -> None:
    assert box().token("task_1") == box().token("task_1")
    assert len({box().token("task_1"), box().token("task_2"), box(b"x" * 32).token("task_1")}) == 3


@pytest.mark.parametrize("wrong", ["", "0", "\u00e9", "0" * 64])
def test_a_wrong_token_is_none(wrong: str) -> None:
    assert box().is_token("task_1", box().token("task_1"))
    assert not box().is_token("task_1", wrong)


def test_the_code_of_an_http_endpoint_is_the_same_each_time_and_another_for_another_endpoint_environment_or_key() -> (
    None
):
    assert box().endpoint_code("env_1", "hook") == box().endpoint_code("env_1", "hook")
    codes = [
        box().endpoint_code("env_1", "hook"),
        box().endpoint_code("env_1", "other"),
        box().endpoint_code("env_2", "hook"),
        box(b"x" * 32).endpoint_code("env_1", "hook"),
    ]
    assert len(set(codes)) == 4
    assert [box().is_endpoint_code("env_1", "hook", code) for code in codes] == [True, False, False, False]
    assert not box().is_endpoint_code("env_1", "hook", "\ud800")


def test_a_sealed_secret_opens_for_its_own_id_and_key_only() -> None:
    sealed = box().seal("Bearer s3cret ☕", of="task_1")
    assert box().unseal(sealed, of="task_1") == "Bearer s3cret ☕"
    assert b"s3cret" not in sealed
    assert sealed != box().seal("Bearer s3cret ☕", of="task_1")
    for other, of, bytes_ in (
        (box(), "task_2", sealed),
        (box(b"x" * 32), "task_1", sealed),
        (box(), "task_1", sealed[:-1]),
    ):
        with pytest.raises(ValueError, match="cannot be decrypted"):
            other.unseal(bytes_, of=of)


def test_the_key_is_loaded_when_it_is_first_needed() -> None:
    loaded: list[int] = []
    lazy = SecretBox(lambda: loaded.append(1) or b"k" * 32, os.urandom)
    assert loaded == []
    lazy.token("task_1")
    lazy.seal("x", of="y")
    assert loaded == [1]
