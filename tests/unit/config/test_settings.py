"""Settings: the environment, then defaults."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.config.settings import RateLimit, Settings, load_settings
from perdure.errors import InvalidArgumentError
from perdure.protocol.egress import EgressRule


def test_without_variables_there_are_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"PERDURE_ENVIRONMENT": ""}) == Settings()


def test_variables_win_over_defaults() -> None:
    settings = load_settings(
        {"PERDURE_DATABASE_URL": "sqlite://", "PERDURE_ENVIRONMENT": "prod", "PERDURE_MAX_EXECUTIONS": "7"}
    )
    assert (settings.database_url, settings.environment, settings.max_executions) == ("sqlite://", "prod", 7)


def test_a_rate_limit_is_requests_a_second_and_at_once() -> None:
    assert load_settings({"PERDURE_RATE_LIMIT": "2.5/750"}).rate_limit == RateLimit(2.5, 750)
    assert load_settings({"PERDURE_RECEIVING_RATE_LIMIT": "1/2"}).receiving_rate_limit == RateLimit(1, 2)
    for wrong in ("10", "10/", "0/5", "5/0", "-1/5", "1/1.5", "a/b", "1e9/5"):
        with pytest.raises(InvalidArgumentError, match="PERDURE_RATE_LIMIT"):
            load_settings({"PERDURE_RATE_LIMIT": wrong})


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_a_wrong_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_MAX_EXECUTIONS"):
        load_settings({"PERDURE_MAX_EXECUTIONS": value})


@pytest.mark.parametrize("name", ["é", "Prod", "a b", "x" * 21, "dev\n", "a-b"])
def test_what_can_be_the_name_of_no_environment_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_ENVIRONMENT"):
        load_settings({"PERDURE_ENVIRONMENT": name})


def test_the_process_environment_is_the_default_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "stg")
    assert load_settings().environment == "stg"


def test_what_is_opened_for_requests_is_a_list_of_hosts_and_networks() -> None:
    settings = load_settings(
        {"PERDURE_EGRESS_ALLOW": "db.internal:8080, 10.1.0.0/16,", "PERDURE_EGRESS_PORTS": "443, 8443"}
    )
    assert settings.egress_allow == (EgressRule("db.internal", 8080), EgressRule("10.1.0.0/16"))
    assert settings.egress_ports == (443, 8443)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PERDURE_EGRESS_ALLOW", "db.internal"),
        ("PERDURE_EGRESS_ALLOW", "10.1.0.1/16"),
        ("PERDURE_EGRESS_ALLOW", "10.1.0.0/33"),
        ("PERDURE_EGRESS_ALLOW", "https://db.internal:8080"),
        ("PERDURE_EGRESS_ALLOW", "db.internal:0"),
        ("PERDURE_EGRESS_ALLOW", "db.internal:99999"),
        ("PERDURE_EGRESS_PORTS", "https"),
        ("PERDURE_EGRESS_PORTS", "0"),
        ("PERDURE_EGRESS_PORTS", "70000"),
        ("PERDURE_MAX_FETCHES", "0"),
        ("PERDURE_QUARANTINE_AFTER", "0"),
        ("PERDURE_MAX_CONNECTIONS", "0"),
        ("PERDURE_MAX_CONNECTIONS_PER_HOST", "0"),
    ],
)
def test_a_wrong_value_for_requests_is_refused_and_named(variable: str, value: str) -> None:
    with pytest.raises(InvalidArgumentError, match=variable):
        load_settings({variable: value})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        (" 7s ", timedelta(seconds=7)),
        ("3600", timedelta(hours=1)),
        ("999999999d", timedelta(days=36525)),
        ("forever", None),
        ("0", None),
        ("", timedelta(days=30)),
    ],
)
def test_how_long_things_are_kept_is_a_time_or_for_ever(value: str, kept: timedelta | None) -> None:
    assert load_settings({"PERDURE_RETENTION": value}).retention == kept


@pytest.mark.parametrize("value", ["a month", "-1d", "1.5h", "30 d", "1w", "0d", "9999999999", "1d12h"])
def test_a_time_that_nothing_can_be_kept_for_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_RETENTION is a time such as 30d"):
        load_settings({"PERDURE_RETENTION": value})


@pytest.mark.parametrize(
    ("value", "most"), [("2h", timedelta(hours=2)), ("900", timedelta(minutes=15)), ("forever", None), ("", None)]
)
def test_how_long_a_run_may_be_executed_is_a_time_or_without_limit(value: str, most: timedelta | None) -> None:
    assert load_settings({"PERDURE_MAX_RUN_DURATION": value}).max_run_duration == most


@pytest.mark.parametrize("value", ["long", "-5", "1.5", "0s"])
def test_a_time_that_no_run_can_be_executed_for_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_MAX_RUN_DURATION is a time such as 30d"):
        load_settings({"PERDURE_MAX_RUN_DURATION": value})


@pytest.mark.parametrize(("value", "seconds"), [("3600", 3600), ("-0.5", -0.5), ("0", 0), ("", 0)])
def test_a_clock_offset_is_in_seconds_either_way(value: str, seconds: float) -> None:
    assert load_settings({"PERDURE_CLOCK_OFFSET": value}).clock_offset == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["an hour", "nan", "inf", "1e300", "315705600", "-315705600"])
def test_a_wrong_clock_offset_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="PERDURE_"):
        load_settings({"PERDURE_CLOCK_OFFSET": value})
