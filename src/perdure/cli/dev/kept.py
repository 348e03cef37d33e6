"""The runs that a node finds in its database, and those that it leaves there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from perdure.protocol.management import RunFilter
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from perdure.cli.dev.messages import JobState
    from perdure.protocol.management import SchedulePageAnswer
    from perdure.protocol.runs import RunAnswer, RunPageAnswer

_MOST = 50
_NAMED = 3
_OPEN = tuple(status for status in RunStatus if not status.is_final)


class Lists(Protocol):
    """What of a `Desk` is needed here."""

    async def list_runs(self, filter: RunFilter = ..., *, cursor: str | None = None, take: int = 20) -> RunPageAnswer:
        """List a page of runs, newest first."""
        ...

    async def list_schedules(self, *, cursor: str | None = None, take: int = 20) -> SchedulePageAnswer:
        """List a page of schedules, oldest first."""
        ...


async def list_ticks(lists: Lists) -> dict[str, datetime]:
    """Give when jobs are started next by schedules of their own, by job id; of many schedules the first ones."""
    page = await lists.list_schedules(take=_MOST)
    return {
        schedule.key: schedule.next_tick_at
        for schedule in page.schedules
        if schedule.dynamic_id is None and schedule.is_active and schedule.next_tick_at is not None
    }


async def count_kept(lists: Lists) -> str | None:
    """Say how many runs have not ended; ``None``: all have."""
    page = await lists.list_runs(RunFilter(statuses=_OPEN), take=_MOST)
    waiting = sum(run.status is RunStatus.WAITING_TO_CONTINUE for run in page.runs)
    others = len(page.runs) - waiting
    if page.next_cursor is not None:
        return f"More than {len(page.runs)} runs are under way" if page.runs else None
    parts = [f"{_runs(waiting)} {'waits' if waiting == 1 else 'wait'}"] if waiting else []
    if others:
        parts.append(f"{_runs(others)} {'goes' if others == 1 else 'go'} on")
    return ", ".join(parts) or None


async def describe_changes(lists: Lists, before: Mapping[str, JobState], now: Mapping[str, JobState]) -> list[str]:
    """Say which runs go on with other code than they began with, and which have no code any more.

    Args:
        lists: Lists the runs.
        before: The jobs as they were.
        now: The jobs as they are.
    """
    lines: list[str] = []
    for job_id, was in before.items():
        job = now.get(job_id)
        if job is not None and (job.version, job.code) == (was.version, was.code):
            continue
        page = await lists.list_runs(RunFilter(job_id=job_id, statuses=_OPEN), take=_MOST)
        begun = [run for run in page.runs if run.executions]
        if not begun:
            continue
        shown = _listed(begun, more=page.next_cursor is not None)
        if job is None:
            lines.append(f"{job_id} is gone. Its runs wait for its code to come back: {shown}.")
        elif job.version == was.version:
            lines.append(f"{job_id} has changed, and is still version {job.version}. On the new code go on: {shown}.")
        else:
            lines.append(
                f"{job_id} is version {job.version} now. On its code go on, begun with version {was.version} or an "
                f"older one: {shown}."
            )
    return lines


def _listed(runs: list[RunAnswer], *, more: bool) -> str:
    named = ", ".join(run.id for run in runs[:_NAMED])
    if len(runs) <= _NAMED and not more:
        return named
    others = f"{len(runs) - _NAMED}{' or more' if more else ''}"
    return f"{named} and {others} others"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
