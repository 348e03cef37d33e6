"""Schedules as they are registered, and what the runs that they start are given."""

from __future__ import annotations

from typing import Any

from perdure import ScheduleRegistration


def registration(id: str, timing: dict[str, Any], **members: Any) -> ScheduleRegistration:
    rest = {"seconds": None, "cron": None, "timezone": None, "account_id": None, "metadata": None, "active": True}
    return ScheduleRegistration(id=id, **(rest | timing | members))


HOURLY = {"seconds": 3600}


MORNINGS = {"cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin"}
