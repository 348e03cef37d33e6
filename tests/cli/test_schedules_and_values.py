from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from tests.cli.command import Commands


def test_schedules_are_listed_with_their_next_ticks(live: Commands) -> None:
    rows = {row[0]: row for row in live("schedules", "list").rows}
    assert rows["nightly"][1] == "0 3 * * * Europe/Oslo"
    assert rows["often"][1] == "every 3600 s"
    listed = live("schedules", "list", "--json").json()["schedules"]
    assert {one["key"]: one["timing"] for one in listed}["nightly"] == {
        "type": "cron", "cron": "0 3 * * *", "timezone": "Europe/Oslo",
    }  # fmt: skip


def test_the_next_ticks_of_all_schedules_come_in_their_order(live: Commands) -> None:
    ticks = live("schedules", "next", "--take", "40", "--json").json()
    instants = [datetime.fromisoformat(tick["at"]) for tick in ticks]
    assert instants == sorted(instants)
    assert len(ticks) == 40
    assert {tick["schedule"]["key"] for tick in ticks} == {"nightly", "often"}


def test_the_next_ticks_of_one_schedule_are_as_far_apart_as_it_says(live: Commands) -> None:
    at = [datetime.fromisoformat(row[0]) for row in live("schedules", "next", "often", "--take", "3").rows]
    assert [later - earlier for earlier, later in pairwise(at)] == [timedelta(hours=1)] * 2


def test_an_unknown_schedule_is_not_found_and_the_nearest_is_named(live: Commands) -> None:
    refused = live("schedules", "next", "nightl")
    assert refused.status == 3
    assert "Did you mean 'nightly'?" in refused.errors


def test_a_value_is_stored_and_read(live: Commands) -> None:
    assert live("store", "set", "limits:=[1, 2]").status == 0
    assert live("store", "get", "limits").json() == [1, 2]
    live("store", "set", "greeting=hello")
    assert live("store", "get", "greeting", "--json").json() == "hello"
    live("store", "set", "nothing:=null")
    assert live("store", "get", "nothing").output == "null\n"


def test_the_stores_of_jobs_and_runs_are_apart_from_that_of_the_environment(live: Commands) -> None:
    live("store", "set", "n:=1")
    live("store", "set", "n:=2", "--job", "echo")
    live("store", "set", "n:=3", "--run", "run_1")
    assert [live("store", "get", "n", *of).json() for of in ((), ("--job", "echo"), ("--run", "run_1"))] == [1, 2, 3]
    assert live("store", "get", "n", "--job", "echo", "--run", "run_1").status == 2


def test_an_unknown_value_is_not_found_and_the_nearest_is_named(live: Commands) -> None:
    live("store", "set", "colour=red", "--job", "echo")
    refused = live("store", "get", "color", "--job", "echo")
    assert (refused.status, refused.output) == (3, "")
    assert "Did you mean 'colour'?" in refused.errors


def test_a_name_that_no_value_may_have_is_a_usage_error(live: Commands) -> None:
    for name in ("", "a/../b", "job:x:y"):
        assert live("store", "get", name).status == 2
    assert live("store", "set", "name").status == 2


def test_a_dry_run_of_prune_deletes_nothing(live: Commands) -> None:
    live("run", "echo", "--follow")
    before = live("runs", "list", "--json").json()
    counted = live("prune", "--older-than", "0s", "--dry-run", "--json").json()
    assert counted["runs"] >= 1
    assert live("runs", "list", "--json").json() == before
