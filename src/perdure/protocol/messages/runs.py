"""Runs: looked up, cancelled, logged to (v2 protocol, section 4.3)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Raw, Struct, UnsetType, field

from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.run_statuses import JobRunStatusRecord
from perdure.protocol.statuses import RunStatus, TaskStatus


class RunTask(Struct, frozen=True, kw_only=True, rename="camel"):
    """A task as a run lists it.

    Attributes:
        subtasks: Present when they were asked for.
        params: Present when details were asked for with a private key; so is ``output``.
    """

    id: str
    display_key: str | None
    status: TaskStatus
    name: str
    icon: str | None
    started_at: Instant | None
    completed_at: Instant | None
    subtasks: list[RunTask] | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    output: Raw | UnsetType = UNSET


class RunSummary(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run as a list of runs shows it (section 4.4)."""

    id: str
    status: RunStatus
    started_at: Instant | None
    updated_at: Instant | None
    completed_at: Instant | None


class Run(RunSummary, frozen=True, kw_only=True, rename="camel"):
    """The answer of ``GET /api/v1/runs/:runId``, its v2 form, and ``POST /api/v1/runs/:runId/cancel``.

    Attributes:
        tasks: One page of them, by ascending id.
        next_cursor: The id of the first task of the next page.
    """

    output: Raw | UnsetType = UNSET
    tasks: list[RunTask]
    statuses: list[JobRunStatusRecord] = field(default_factory=list[JobRunStatusRecord])
    next_cursor: str | UnsetType = UNSET


class LogBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of ``POST /api/v1/runs/:runId/logs``, and its answer."""

    level: Literal["DEBUG", "INFO", "WARN", "ERROR"]
    message: str
    data: Raw | UnsetType = UNSET
