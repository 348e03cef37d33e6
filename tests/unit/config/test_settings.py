"""Settings: the environment, then defaults."""

from __future__ import annotations

import pytest

from perdure.config.settings import Settings, load_settings
from perdure.errors import InvalidArgumentError


def test_without_variables_there_are_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"PERDURE_ENVIRONMENT": ""}) == Settings()


def test_variables_win_over_defaults() -> None:
    settings = load_settings(
        {"PERDURE_DATABASE_URL": "sqlite://", "PERDURE_ENVIRONMENT": "prod", "PERDURE_MAX_EXECUTIONS": "7"}
    )
    assert (settings.database_url, settings.environment, settings.max_executions) == ("sqlite://", "prod", 7)


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_a_wrong_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_"):
        load_settings({"PERDURE_MAX_EXECUTIONS": value})


def test_the_process_environment_is_the_default_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "stg")
    assert load_settings().environment == "stg"
