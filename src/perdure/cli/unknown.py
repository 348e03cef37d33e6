"""Names and ids that are not known: which one may have been meant."""

from __future__ import annotations

from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

from perdure.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from perdure.protocol.management import Desk

_LOOKED_AT = 50


async def check_job(desk: Desk, job_id: str) -> None:
    """Refuse a job that was never registered.

    Raises:
        NotFoundError: It was not; the message names the nearest.
    """
    ids = [job.id for job in await desk.list_jobs()]
    if job_id not in ids:
        raise NotFoundError(f"There is no job {job_id!r:.80}.{nearest(job_id, ids)}")


@asynccontextmanager
async def with_nearest_run(desk: Desk, run_id: str) -> AsyncGenerator[None]:
    """Add to the error for a run that does not exist which of the newest may be meant."""
    try:
        yield
    except NotFoundError as error:
        newest = [run.id for run in (await desk.list_runs(take=_LOOKED_AT)).runs]
        raise NotFoundError(f"{error.message}{_beginning_so(run_id, newest) or nearest(run_id, newest)}") from error


@asynccontextmanager
async def with_nearest_event(desk: Desk, event_id: str) -> AsyncGenerator[None]:
    """Add to the error for an event that does not exist which of the newest may be meant."""
    try:
        yield
    except NotFoundError as error:
        newest = [event.id for event in (await desk.list_events(take=_LOOKED_AT)).events]
        hint = _beginning_so(event_id, newest) or nearest(event_id, newest)
        raise NotFoundError(f"{error.message}{hint}") from error


def nearest(given: str, known: Sequence[str]) -> str:
    """Give the sentence that names what may be meant, with a space before it; empty if nothing is near."""
    near = get_close_matches(given, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _beginning_so(given: str, known: Sequence[str]) -> str:
    found = [one for one in known if given and one.startswith(given)]
    return f" Did you mean {found[0]!r}?" if len(found) == 1 else ""
