"""Running a run once more, and letting one go on that has ended without success (v2 protocol, section 6.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.job_checks import check_there
from perdure.errors import CannotContinueError, NotFoundError
from perdure.protocol.ids import RUN_PREFIX, IdGenerator
from perdure.storage import jobs, repeats, runs
from perdure.storage.instants import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.storage.interface import Session, Storage

_UNKNOWN = "There is no run {!r} in this environment."


class Repeats:
    """Repeats runs and lets them go on."""

    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator, hints: Hints) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._hints = hints

    async def rerun(self, environment_no: int, run_id: str) -> str:
        """Start a run of the same job and version with the same event; its id.

        Raises:
            NotFoundError: The environment has no such run.
            JobDisabledError: The app of its job, which is elsewhere, declares it no more.
        """
        new_id = self._ids.new(RUN_PREFIX)
        await self._storage.write(repeat_run, environment_no, run_id, new_id, now=self._clock.now())
        self._hints.run_is_in_line()
        self._hints.run_has_changed(new_id)
        return new_id

    async def continue_run(self, environment_no: int, run_id: str) -> None:
        """Let a run go on that has ended without success.

        Raises:
            NotFoundError: The environment has no such run.
            CannotContinueError: It has not ended, or has succeeded.
        """
        due = await self._storage.write(continue_run, environment_no, run_id, now=self._clock.now())
        self._hints.run_is_in_line()
        self._hints.run_has_changed(run_id)
        if due is not None:
            self._hints.timer_is_set(due)


async def repeat_run(tx: Session, environment_no: int, run_id: str, new_id: str, *, now: datetime) -> None:
    """Store the event of a run once more under an id of its own, and a run of the same job and version for it.

    The event is stored as delivered: it starts no other run and ends no wait.
    """
    source = await repeats.find_repeatable(tx, environment_no, run_id=run_id)
    if source is None:
        raise NotFoundError(_UNKNOWN.format(run_id))
    job = await jobs.find_job(tx, environment_no, job_id=source.job_id)
    if job is not None:
        check_there(job, source.job_id)
    # The id names the millisecond; of several in the same one each takes the next.
    named = to_ms(now)
    while True:
        event_id = f"{source.event_id}:retry:{named}"
        event_no = await repeats.copy_event(tx, source.event_no, event_id=event_id, now=now)
        if event_no is not None:
            break
        named += 1
    await repeats.insert_run(tx, environment_no, run_id=new_id, source=source, event_no=event_no, now=now)


async def continue_run(tx: Session, environment_no: int, run_id: str, *, now: datetime) -> datetime | None:
    """Put a run that has ended without success back in line, with its tasks; when the first of these is due."""
    run_no = await runs.find_number(tx, environment_no, run_id=run_id)
    if run_no is None:
        raise NotFoundError(_UNKNOWN.format(run_id))
    if not await repeats.continue_if_unsuccessful(tx, run_no, now=now):
        state = await runs.find_state(tx, run_no)
        status = "gone" if state is None else state[0]
        raise CannotContinueError(f"Run {run_id} is {status}; only a run that has ended without success can go on.")
    return await repeats.reopen_tasks(tx, run_no, now=now)
