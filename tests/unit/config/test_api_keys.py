"""Keys that name another environment than the one that is opened."""

from __future__ import annotations

import pytest

from perdure.config.api_keys import check_own_keys, load_keys
from perdure.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("PERDURE_API_KEY", "tr_prod_hush123"),
        ("TRIGGER_API_KEY", "tr_prod_hush123"),
        ("PERDURE_PUBLIC_KEY", "pk_prod_hush123"),
    ],
)
def test_a_key_that_names_another_environment_is_refused_with_what_to_do_and_not_shown(variable: str, key: str) -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        check_own_keys("dev", environ={variable: key})
    said = str(refusal.value)
    assert f"{variable} begins with {key[:8]}" in said
    assert "Set PERDURE_ENVIRONMENT=prod" in said
    assert f"begins with {key[:3]}dev_" in said
    assert "hush" not in said


def test_a_key_of_the_environment_is_taken_and_so_is_one_that_names_none() -> None:
    for key in ("tr_dev_hush123", "a key that was chosen", "tr_prod_", ""):
        check_own_keys("dev", environ={"PERDURE_API_KEY": key, "PERDURE_PUBLIC_KEY": "pk_dev_hush"})
    check_own_keys("prod", environ={"TRIGGER_API_KEY": "tr_prod_hush123"})


def test_the_key_that_the_code_gives_goes_before_the_variables() -> None:
    check_own_keys("dev", "tr_dev_hush123", environ={"PERDURE_API_KEY": "tr_prod_hush123"})
    with pytest.raises(InvalidArgumentError, match=r"^api_key= begins with tr_prod_"):
        check_own_keys("dev", "tr_prod_hush123", environ={"PERDURE_API_KEY": "tr_dev_hush123"})


def test_a_server_takes_for_an_environment_only_keys_that_name_it() -> None:
    (given,) = load_keys("dev", {"PERDURE_PROD_API_KEY": "tr_prod_hush123"})
    assert (given.environment, given.key) == ("prod", "tr_prod_hush123")
    with pytest.raises(InvalidArgumentError, match="PERDURE_PROD_API_KEY begins with tr_stg_") as refusal:
        load_keys("dev", {"PERDURE_PROD_API_KEY": "tr_stg_hush123"})
    assert "hush" not in str(refusal.value)
