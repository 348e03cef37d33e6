"""Statuses: what a run shows of itself while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from perdure.engine.state_limits import check_status
from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import JsonText, dump, load
from perdure.protocol.limits import HISTORY_BYTES, HISTORY_LIMIT, STATUS_LIMIT
from perdure.protocol.state import PutStatus, StatusAnswer
from perdure.storage import run_statuses

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


async def put_status(tx: Session, run_no: int, call: PutStatus, *, now: datetime) -> StatusAnswer:
    """Create a status or change it (v2 protocol, section 4.3).

    Raises:
        InvalidArgumentError: It is none, or the run has as many as it may have.
        ValueTooLargeError: Its data has more than 64 KiB of UTF-8.
    """
    check_status(call)
    before = await run_statuses.find(tx, run_no, key=call.key)
    if before is None:
        if await run_statuses.count(tx, run_no) >= STATUS_LIMIT:
            raise InvalidArgumentError(f"A run has at most {STATUS_LIMIT:,} statuses; {call.key!r} would be another.")
        label = call.key if call.label is None else call.label
        after = StatusAnswer(call.key, label, call.state, call.data, JsonText("[]"))
    else:
        after = _changed(before, call)
    await run_statuses.put(tx, run_no, status=after, now=now)
    return after


def _changed(before: StatusAnswer, call: PutStatus) -> StatusAnswer:
    """Change what is given; what the status was goes to its history."""
    return StatusAnswer(
        before.key,
        before.label if call.label is None else call.label,
        before.state if call.state is None else call.state,
        before.data if call.data is None else call.data,
        _with_state(before),
    )


def _with_state(status: StatusAnswer) -> JsonText:
    states: list[dict[str, Any]] = [*load(status.history), _members(status)]
    del states[:-HISTORY_LIMIT]
    text = dump(states)
    while len(states) > 1 and len(text.encode()) > HISTORY_BYTES:
        del states[0]
        text = dump(states)
    return JsonText(text)


def status_text(status: StatusAnswer) -> JsonText:
    """Write a status as it is on the wire."""
    return JsonText(dump({"key": status.key, **_members(status), "history": _raw(status.history)}))


def _members(status: StatusAnswer) -> dict[str, Any]:
    """What changes of a status; a state or data that was never given is left out."""
    members: dict[str, Any] = {"label": status.label}
    if status.state is not None:
        members["state"] = status.state
    if status.data is not None:
        members["data"] = _raw(status.data)
    return members


def _raw(text: JsonText) -> Raw:
    return Raw(text.encode())
