from __future__ import annotations

from tests.cli.command import Commands


def test_an_event_is_sent_shown_with_its_runs_and_listed(live: Commands) -> None:
    sent = live("events", "send", "user.created", "id=7", "--id", "signup-7", "--json").json()
    assert sent["payload"] == {"id": "7"}
    shown = live("events", "show", "signup-7", "--json").json()
    assert [run["job_id"] for run in shown["runs"]] == ["greet"]
    rows = live("events", "show", "signup-7").rows
    assert ["state", "DELIVERED"] in rows
    assert [row[:3] for row in rows if row[0] == "run"] == [["run", shown["runs"][0]["id"], "greet"]]
    listed = live("events", "list", "--name", "user.created").rows
    assert ["signup-7", "user.created", "DELIVERED"] in [row[:3] for row in listed]


def test_an_event_that_lies_ahead_is_listed_as_pending_and_cancelled(live: Commands) -> None:
    live("events", "send", "later", "--id", "later-1", "--deliver-after", "2h")
    live("events", "send", "later", "--id", "later-2", "--deliver-at", "2090-01-31T09:00:00+01:00")
    assert {row[0] for row in live("events", "list", "--pending").rows} == {"later-1", "later-2"}
    assert ["state", "CANCELLED"] in live("events", "cancel", "later-1").rows
    assert [event["id"] for event in live("events", "list", "--pending", "--json").json()["events"]] == ["later-2"]


def test_an_event_that_was_delivered_cannot_be_cancelled(live: Commands) -> None:
    live("events", "send", "now", "--id", "now-1")
    refused = live("events", "cancel", "now-1")
    assert (refused.status, refused.output) == (1, "")
    assert "now-1" in refused.errors


def test_an_unknown_event_is_not_found_and_the_nearest_is_named(live: Commands) -> None:
    live("events", "send", "now", "--id", "invoice-2027-11")
    for command in ("show", "cancel"):
        refused = live("events", command, "invoice-2027-12")
        assert refused.status == 3
        assert "Did you mean 'invoice-2027-11'?" in refused.errors


def test_times_that_are_none_are_usage_errors(live: Commands) -> None:
    for options in (
        ("--deliver-after", "soon"),
        ("--deliver-after", "-3s"),
        ("--deliver-at", "tomorrow"),
        ("--deliver-at", "2090-01-31T09:00:00"),
        ("--timestamp", "then"),
        ("--deliver-at", "2090-01-31T09:00:00Z", "--deliver-after", "3s"),
    ):
        refused = live("events", "send", "later", *options)
        assert (refused.status, refused.output) == (2, "")
        assert options[0] in refused.errors


def test_events_of_invocations_are_listed_on_demand(live: Commands) -> None:
    live("run", "echo", "--follow")
    assert "invoke" not in {row[1] for row in live("events", "list").rows}
    assert "invoke" in {row[1] for row in live("events", "list", "--internal").rows}
