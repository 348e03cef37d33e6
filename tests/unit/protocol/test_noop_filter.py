from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import InvalidArgumentError
from perdure.protocol.noop_filter import NoopFilter, noop_bit

VECTORS = [
    ("", 18089),
    ("a", 6795),
    ("hello", 2446),
    ("7eb27ff8e5b7d241dfde5710447ec44ec0f8e75a6e42a160217d637fb58399d1", 3246),
    ("1dd6121b69c8bb3909d613e603f5b0cc74b066246aa56de6d8c1c1aa0ee908d3", 11964),
    ("6c44f11a975b93dacb2ec02d10dd34d2d3006cb27351a6453b059e2b3430fce7", 26711),
]


@pytest.mark.parametrize(("key", "bit"), VECTORS)
def test_a_key_has_the_bit_of_the_reference(key: str, bit: int) -> None:
    assert noop_bit(key) == bit


def test_bits_stand_in_bytes_least_significant_first() -> None:
    data = base64.b64decode(NoopFilter([VECTORS[-1][0]]).encode())
    assert data[3338] == 128
    assert sum(data) == 128


def test_the_text_of_an_empty_filter_is_all_zero() -> None:
    text = NoopFilter().encode()
    assert len(text) == 5464
    assert base64.b64decode(text) == bytes(4096)


@given(st.lists(st.text(st.characters(codec=None, exclude_categories=()))))
def test_every_key_put_in_is_found_again(keys: list[str]) -> None:
    decoded = NoopFilter.decode(NoopFilter(keys).encode())
    assert all(key in decoded for key in keys)


def test_a_key_that_was_not_put_in_is_not_found() -> None:
    filter = NoopFilter(key for key, _ in VECTORS[:3])
    assert "hello" in filter
    assert VECTORS[3][0] not in filter
    filter.add(VECTORS[3][0])
    assert VECTORS[3][0] in filter


def test_a_decoded_filter_is_a_copy() -> None:
    original = NoopFilter(["a"])
    decoded = NoopFilter.decode(original.encode())
    decoded.add("hello")
    assert "hello" not in original
    assert decoded.encode() != original.encode()


@pytest.mark.parametrize("text", ["", "AAAA", "not base 64!", "A" * 5465, base64.b64encode(bytes(4097)).decode(), "é"])
def test_text_of_another_size_or_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        NoopFilter.decode(text)
