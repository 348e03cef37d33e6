"""The statuses that job code gives its run for others to see (v2 protocol, section 4.3)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.state import StatusState
from perdure.protocol.statuses import RunStatus


class StatusUpdate(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``PUT /api/v1/runs/:runId/statuses/:id``, and an entry of a status's history.

    A given member replaces the stored one, an absent one leaves it. ``data`` is a JSON object.
    """

    label: str | UnsetType = UNSET
    state: StatusState | UnsetType = UNSET
    data: Raw | UnsetType = UNSET


class JobRunStatusRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """A status of a run; ``history`` holds what it was before, oldest first.

    A ``state`` or ``data`` that was never given is absent, never null.
    """

    key: str
    label: str
    state: StatusState | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    history: list[StatusUpdate]


class RunWithOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run without its tasks."""

    id: str
    status: RunStatus
    output: Raw | UnsetType = UNSET


class RunStatusesAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``GET /api/v1/runs/:runId/statuses`` and its v2 form, in the order of their creation."""

    run: RunWithOutput
    statuses: list[JobRunStatusRecord]
