"""The key that may be read by everybody."""

from __future__ import annotations

import pytest

from perdure.config.secret_key import load_public_key
from perdure.errors import InvalidArgumentError


def test_a_public_key_is_that_of_the_environment_or_none() -> None:
    assert load_public_key({"PERDURE_PUBLIC_KEY": "pk_dev_abc"}) == "pk_dev_abc"
    assert load_public_key({"PERDURE_PUBLIC_KEY": ""}) is None
    assert load_public_key({}) is None


def test_a_private_key_is_not_taken_for_a_public_one_nor_shown() -> None:
    with pytest.raises(InvalidArgumentError, match="begins with pk_") as refusal:
        load_public_key({"PERDURE_PUBLIC_KEY": "tr_dev_secret"})
    assert "secret" not in str(refusal.value)
