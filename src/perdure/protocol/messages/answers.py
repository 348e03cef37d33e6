"""Answers that say no more than that it is done, and to what."""

from __future__ import annotations

from msgspec import Struct


class OkAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """Done (v2 protocol, sections 3.12, 3.13, 4.6, 4.11 and 4.12)."""

    ok: bool = True


class SuccessAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A callback was received (section 4.2)."""

    success: bool = True


class IdAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The id of what was made: a run (section 4.4) or an ephemeral dispatcher (section 4.9)."""

    id: str


class SourceAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The source or webhook that was updated (section 4.8)."""

    id: str
    key: str


class CancelRunsAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which runs of an event or a job were cancelled (sections 4.1 and 4.4)."""

    cancelled_run_ids: list[str]
    failed_to_cancel_run_ids: list[str]
