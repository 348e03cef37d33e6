"""Work on state whose result is a task's: done by one call, and then recorded by another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Raw

from perdure.protocol.json_text import JsonText
from perdure.protocol.platform import SchedulesPlatform
from perdure.protocol.schedules import IntervalTiming, RegisterSchedule, UnregisterSchedule
from perdure.protocol.state import DeleteValue, GetValue, HasValue, PutStatus, SetValue

if TYPE_CHECKING:
    from perdure.protocol.schedules import ScheduleAnswer
    from perdure.protocol.state import StateCall, StatusAnswer

_encode = msgspec.json.Encoder().encode


class StateAndSchedules(SchedulesPlatform, Protocol):
    """What does the work."""

    async def get_value(self, key: str) -> JsonText | None: ...

    async def has_value(self, key: str) -> bool: ...

    async def set_value(self, key: str, value: JsonText) -> None: ...

    async def delete_value(self, key: str) -> bool: ...

    async def put_status(self, run_id: str, call: PutStatus) -> StatusAnswer: ...


async def perform(platform: StateAndSchedules, run_id: str, call: StateCall) -> JsonText | None:
    """Do a task's work on state; its output."""
    match call:
        case GetValue():
            return await platform.get_value(call.key)
        case HasValue():
            return _bool(await platform.has_value(call.key))
        case SetValue():
            await platform.set_value(call.key, call.value)
            return call.value
        case DeleteValue():
            return _bool(await platform.delete_value(call.key))
        case PutStatus():
            return _status(await platform.put_status(run_id, call))
        case RegisterSchedule():
            return _registration(await platform.register_schedule(call))
        case UnregisterSchedule():
            return _registration(await platform.unregister_schedule(call))


def _bool(value: bool) -> JsonText:
    return JsonText("true" if value else "false")


def _status(status: StatusAnswer) -> JsonText:
    """Write a status as a task keeps it (section 4.3)."""
    shown: dict[str, Any] = {"key": status.key, "label": status.label}
    if status.state is not None:
        shown["state"] = status.state
    if status.data is not None:
        shown["data"] = Raw(status.data.encode())
    shown["history"] = Raw(status.history.encode())
    return JsonText(_encode(shown).decode())


def _registration(made: ScheduleAnswer) -> JsonText:
    """Write a registration as a task keeps it (section 4.6)."""
    timing = made.timing
    schedule: dict[str, Any] = (
        {"type": "interval", "options": {"seconds": timing.seconds}}
        if isinstance(timing, IntervalTiming)
        else {"type": "cron", "options": {"cron": timing.cron, "timezone": timing.timezone}}
    )
    if made.account_id is not None:
        schedule["accountId"] = made.account_id
    metadata = Raw(b"null" if made.metadata is None else made.metadata.encode())
    shown = {"id": made.key, "schedule": schedule, "metadata": metadata, "active": made.is_active}
    return JsonText(_encode(shown).decode())
