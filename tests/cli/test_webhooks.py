from __future__ import annotations

from urllib.request import Request, urlopen

from tests.cli.command import Commands


def test_requests_are_listed_and_replayed(live: Commands) -> None:
    (shown,) = live("webhooks", "urls", "--json").json()["http_endpoints"]
    assert live("webhooks", "urls").rows == [["hook", "vendor.example", shown["url"]]]
    for body in (b"one", b"three"):
        urlopen(Request(shown["url"], body, {"Idempotency-Key": body.decode()}), timeout=30).close()
    live("events", "send", "another")
    rows = live("webhooks", "list").rows
    assert [row[1:3] + row[4:] for row in rows] == [["hook", "POST", "5"], ["hook", "POST", "3"]]
    ids = [row[0] for row in rows]
    replayed = live("webhooks", "replay", *ids, "--json").json()["events"]
    assert [event["payload"]["rawBody"] for event in replayed] == ["three", "one"]
    assert len(live("webhooks", "list").rows) == 4
    assert len(live("runs", "list", "--job", "take").rows) == 4


def test_what_is_no_request_is_not_replayed(live: Commands) -> None:
    live("events", "send", "plain", "--id", "plain-1")
    assert live("webhooks", "replay", "plain-1").status == 2
    refused = live("webhooks", "replay", "plain-2")
    assert (refused.status, refused.output) == (3, "")
    assert "Did you mean 'plain-1'?" in refused.errors
