"""Schedules of jobs of the unchanged npm package."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.npm.api import Api


def listed(api: Api, key: str) -> dict[str, Any]:
    """A schedule as it is listed."""
    (one,) = [one for one in api.ask("GET", "/api/schedules?take=50").body["schedules"] if one["key"] == key]
    return dict(one)


def test_a_cron_trigger_ticks_at_its_second(api: Api) -> None:
    schedule = listed(api, "on-leap-days")
    assert schedule["timing"] == {"type": "v2-cron", "cron": "30 59 23 L 2 ?", "timezone": "UTC"}
    tick = datetime.fromisoformat(schedule["next_tick_at"])
    assert (tick.month, tick.day >= 28, tick.hour, tick.minute, tick.second) == (2, True, 23, 59, 30)


def test_what_a_run_registers_ticks_each_second_until_a_run_unregisters_it(api: Api) -> None:
    cron = {"type": "cron", "options": {"cron": "* * * * * *"}}
    made = api.run("reminds-often", {"id": "often", "cron": "* * * * * *"})["output"]
    assert (made["id"], made["schedule"], made["active"]) == ("often", cron, True)
    try:
        first, second = api.outputs("reminds", 2)
    finally:
        gone = api.run("reminds-no-more", {"id": "often"})["output"]
    assert (gone, listed(api, "often")["next_tick_at"]) == ({"ok": True}, None)
    earlier, later = (datetime.fromisoformat(one["ts"]) for one in (first, second))
    assert earlier < later
    assert (first["id"], earlier.microsecond, later.microsecond) == ("often", 0, 0)
