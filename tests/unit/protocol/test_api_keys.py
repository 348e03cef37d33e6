from __future__ import annotations

import os
import re

import pytest

from perdure.protocol.api_keys import is_made_key, make_key


def test_a_key_has_the_form_that_v2_clients_accept_and_a_checksum() -> None:
    keys = {make_key("prod", is_public=public, random_bytes=os.urandom) for public in (False, True) for _ in range(20)}
    assert len(keys) == 40
    for key in keys:
        assert re.fullmatch("(tr|pk)_[a-z]+_[a-zA-Z0-9]+", key)
        assert is_made_key(key)


@pytest.mark.parametrize("place", [3, 8, 20, -1])
def test_a_key_with_a_wrong_character_is_no_made_key(place: int) -> None:
    key = make_key("prod", is_public=False, random_bytes=os.urandom)
    wrong = list(key)
    wrong[place] = "b" if wrong[place] != "b" else "c"
    assert not is_made_key("".join(wrong))
    assert not is_made_key(key[:-1])
    assert not is_made_key("tr_dev_0123456789abcdefghij")
