"""State that outlives a call: stored values, the statuses that a run shows, and registered schedules.

A *state call* is work on it that the platform does in the very transaction that records the task, so that it is done
exactly once, and never by an execution that no longer holds the run.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.schedules import RegisterSchedule, UnregisterSchedule

StatusState = Literal["loading", "success", "failure"]


class GetValue(Struct, frozen=True, gc=False, tag=True):
    """Read a value; the outcome is the value, or nothing."""

    key: str


class HasValue(Struct, frozen=True, gc=False, tag=True):
    """Ask whether there is a value, as ``true`` or ``false``."""

    key: str


class SetValue(Struct, frozen=True, gc=False, tag=True):
    """Store a value; the outcome is the value."""

    key: str
    value: JsonText


class DeleteValue(Struct, frozen=True, gc=False, tag=True):
    """Delete a value; the outcome is whether there was one, as ``true`` or ``false``."""

    key: str


class PutStatus(Struct, frozen=True, gc=False, tag=True):
    """Create a status or change it: what is given takes the place of what was, ``None`` leaves it as it is.

    The outcome is the status in the form that it has on the wire (v2 protocol, section 4.3). The label of a new
    status is its key if none is given. ``data`` is a JSON object.
    """

    key: str
    label: str | None = None
    state: StatusState | None = None
    data: JsonText | None = None


StateCall = GetValue | HasValue | SetValue | DeleteValue | PutStatus | RegisterSchedule | UnregisterSchedule


class StateOutcome(Struct, frozen=True, gc=False):
    """What a state call came to, as it is recorded of the task: an output, or an error."""

    output: JsonText | None = None
    error: ErrorInfo | None = None


class StatusAnswer(Struct, frozen=True, gc=False):
    """A status; ``history`` is a JSON array of what it was before, oldest first (v2 protocol, section 4.3)."""

    key: str
    label: str
    state: StatusState | None
    data: JsonText | None
    history: JsonText
