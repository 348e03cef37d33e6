"""Runs that take their process with them: found out by counting, and then executed no more.

A claim is durable before its execution begins. So whoever finds, when a process has died, which runs it held, counts a
loss for each of them that had completed no task meanwhile: that is every run that was at work, whosever doing it was.
So that the harmless ones get away, a run that was lost repeatedly is *suspect*, and fewer suspects are at work at a
time the more often one of them was lost: a hundred, ten, and one of those that one more loss would put into quarantine.
What dies with that one is its own doing, unless a run that is not yet suspect did it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.endings import Ending, conclude
from perdure.engine.run_ends import close_tasks
from perdure.errors import RunQuarantinedError
from perdure.protocol.failures import failure_of
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import run_queue

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.holds import Holds
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun, DueRun

SUSPECT_DELAY = timedelta(seconds=1)
"""After which time a suspect run is looked at again that found no room."""


class Suspects(Struct):
    """The suspect runs at work here, as one look at the line finds them and goes on.

    Attributes:
        quarantine_after: How many losses in a row put a run into quarantine.
        is_open: Whether further ones may be claimed: by one look at a time.
        count: How many there are.
        losses: How often that one of them was lost which was lost most often.
    """

    quarantine_after: int
    is_open: bool = True
    count: int = 0
    losses: int = 0

    @property
    def first(self) -> int:
        """From how many losses on a run is suspect."""
        return max(1, self.quarantine_after - 3)

    def take(self, losses: int) -> bool:
        """Let a suspect run join those at work; whether there is room."""
        most = max(losses, self.losses)
        if not self.is_open or self.count >= 10 ** max(0, self.quarantine_after - 1 - most):
            return False
        self.count, self.losses = self.count + 1, most
        return True


class Probation:
    """Keeps account of the suspect runs at work here: until their execution is over, or has completed a task."""

    def __init__(self, holds: Holds, *, quarantine_after: int) -> None:
        self._holds = holds
        self._quarantine_after = quarantine_after
        self._at_work: list[ClaimedRun] = []
        self._is_asked = False

    def ask(self) -> Suspects:
        """Give the suspects to a look at the line, which is to return them (`tell`)."""
        if self._at_work:
            self._at_work = [run for run in self._at_work if self._is_at_work(run)]
        losses = max((run.losses for run in self._at_work), default=0)
        suspects = Suspects(self._quarantine_after, not self._is_asked, len(self._at_work), losses)
        self._is_asked = True
        return suspects

    def tell(self, suspects: Suspects, begun: list[ClaimedRun]) -> None:
        """Take the suspects back, with the runs whose executions have begun."""
        self._at_work += [run for run in begun if run.losses >= suspects.first]
        if suspects.is_open:
            self._is_asked = False

    def _is_at_work(self, run: ClaimedRun) -> bool:
        hold = self._holds.find(run.id)
        return hold is not None and hold.epoch == run.epoch and not hold.is_fruitful


async def put_off(tx: Session, run: DueRun, *, now: datetime) -> None:
    """Leave a suspect run in line, because there are enough at work."""
    why = f"lost {run.losses} executions in a row: waits until others like it have ended"
    await run_queue.put_off_if_in_line(tx, run.run_no, until=now + SUSPECT_DELAY, why=why, now=now)


async def quarantine(tx: Session, run: DueRun, *, now: datetime) -> list[tuple[str, Ending]]:
    """End a run with the error that says so; its id, if it was in line, with what else came of that."""
    error = RunQuarantinedError(
        f"{run.losses} executions in a row ended with the death of their process, and none had completed a task. "
        "The run is not executed again, so that it does no harm to others; client.continue_run lets it go on."
    )
    run_id = await run_queue.end_if_in_line(tx, run.run_no, status=RunStatus.FAILURE, error=failure_of(error), now=now)
    if run_id is None:
        return []
    await close_tasks(tx, run.run_no, TaskStatus.ERRORED, now)
    return [(run_id, await conclude(tx, run.run_no, now=now))]
