"""Matching events with subscriptions."""

from __future__ import annotations

from typing import Any

from perdure.engine.matching import Subscriptions
from perdure.protocol.execution import JsonText
from perdure.storage.jobs import DispatcherRow


def row(number: int, *names: str, **changes: Any) -> DispatcherRow:
    fields: dict[str, Any] = {
        "source": "trigger.dev",
        "filter": None,
        "context_filter": None,
        "account_id": None,
        "job_no": number,
        "job_id": f"job-{number}",
        "version_no": number,
        "version": "1.0.0",
    }
    return DispatcherRow(number, names or ("go",), **(fields | changes))


def matches(subscriptions: Subscriptions, name: str = "go", **changes: str | None) -> list[int]:
    event: dict[str, Any] = {"source": "trigger.dev", "account_id": None, "payload": "{}", "context": "{}"} | changes
    return [one.dispatcher_no for one in subscriptions.match(name, **event)]


def test_names_are_compared_exactly() -> None:
    subscriptions = Subscriptions([row(1, "go"), row(2, "Go"), row(3, "go", "gone", "go")])
    assert matches(subscriptions, "go") == [1, 3]
    assert matches(subscriptions, "gone") == [3]
    assert matches(subscriptions, "g") == []


def test_an_account_is_looked_at_also_without_filters() -> None:
    subscriptions = Subscriptions([row(1), row(2, account_id="acme")])
    assert matches(subscriptions) == [1]
    assert matches(subscriptions, account_id="other") == [1]
    assert matches(subscriptions, account_id="acme") == [1, 2]


def test_sources_are_compared_exactly() -> None:
    assert matches(Subscriptions([row(1), row(2, source="shop")]), source="shop") == [2]


def test_both_filters_must_hold() -> None:
    both = row(1, filter=JsonText('{"a":[1]}'), context_filter=JsonText('{"b":[2]}'))
    subscriptions = Subscriptions([both, row(2, filter=JsonText('{"a":[1]}'))])
    assert matches(subscriptions, payload='{"a":1}', context='{"b":2}') == [1, 2]
    assert matches(subscriptions, payload='{"a":1}') == [2]
    assert matches(subscriptions, context='{"b":2}') == []


def test_payloads_are_not_read_if_no_candidate_has_a_filter() -> None:
    filtered = row(2, source="shop", filter=JsonText('{"a":[1]}'))
    assert matches(Subscriptions([row(1), filtered]), payload="not JSON") == [1]
