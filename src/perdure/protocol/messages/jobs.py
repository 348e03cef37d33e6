"""Jobs: their runs, and invoking them (v2 protocol, sections 4.4 and 8.4)."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.protocol.messages.runs import RunSummary


class JobRunsPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``GET /api/v1/jobs/:jobSlug/runs``, newest first.

    ``next_cursor`` is the id of the first run of the next page.
    """

    runs: list[RunSummary]
    next_cursor: str | UnsetType = UNSET


class InvokeOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """For whom a job is invoked, and where its `RunNotification` is posted when it ends."""

    account_id: str | UnsetType = UNSET
    callback_url: str | UnsetType = UNSET


class InvokeJobBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/jobs/:jobSlug/invoke``; the answer is an `IdAnswer`."""

    payload: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    options: InvokeOptions | UnsetType = UNSET
