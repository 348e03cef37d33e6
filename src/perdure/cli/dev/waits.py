"""What runs wait for, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from perdure.protocol.task_waits import CallbackWait, EventWait, RunsWait

if TYPE_CHECKING:
    from perdure.protocol.execution import TaskRecord


def describe_wait(record: TaskRecord) -> str:
    """Say what a task waits for that was stored as WAITING."""
    name = record.display_key or record.name
    wait = record.wait
    if isinstance(wait, CallbackWait):
        return f"{name!r}, a request to its URL"
    if isinstance(wait, EventWait):
        return f"{name!r}, an event {wait.name!r}"
    if isinstance(wait, RunsWait):
        count = len(wait.requests)
        return f"{name!r}, the end of {'a run' if count == 1 else f'{count} runs'}"
    return describe_task(name, record.delay_until)


def describe_task(name: str, due: datetime | None) -> str:
    """Say what a task waits for of which no more is known than its name and when it is due."""
    return f"{name!r}" if due is None else f"{name!r} until {show_time(due)}"


def show_time(at: datetime) -> str:
    """Show an instant in the machine's time zone, with the day unless it is today."""
    local = at.astimezone()
    now = datetime.now(UTC).astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
