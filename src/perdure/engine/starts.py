"""Starting runs: created by an event or an invocation, and where there is room, executed at once.

A run that this node can execute right away is created as one it already holds: it needs neither a place in line nor a
second commit. Any other stands in line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from perdure.engine.lease import renew_in
from perdure.protocol.execution import AccountInfo, EventInfo, SourceInfo
from perdure.storage import runs
from perdure.storage.run_queue import ClaimedRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from perdure.engine.executions import Executions, Reservation
    from perdure.engine.hints import Hints
    from perdure.storage.events import EventRow, NewEvent
    from perdure.storage.interface import Session, Storage
    from perdure.storage.runs import NewRun

P = ParamSpec("P")
R = TypeVar("R")


class Starts:
    """Runs transitions that create runs, and begins those that this node holds from then on."""

    def __init__(self, storage: Storage, executions: Executions, hints: Hints) -> None:
        self._storage = storage
        self._executions = executions
        self._hints = hints

    async def write(
        self,
        planned: Sequence[NewRun],
        transition: Callable[Concatenate[Session, Reservation | None, P], Awaitable[tuple[R, list[ClaimedRun]]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a transition that may create the planned runs; its result, when it is durable.

        Args:
            planned: The runs it creates, unless it finds that they exist.
            transition: Creates them with `create_runs`, and returns its result with the runs now held here.
            args: What follows the session and the reservation.
            kwargs: Likewise.
        """
        reservation = self._executions.reserve([run.job_no for run in planned])
        try:
            result, held = await self._storage.write(transition, reservation, *args, **kwargs)
        except BaseException:
            if reservation is not None:
                self._executions.give_up(reservation)
            elif planned:
                # They may be in line, and nobody else tells of them.
                self._executions.doubt()
            raise
        if reservation is not None:
            self._executions.take_up(reservation, held)
        elif planned:
            self._hints.run_is_in_line()
            for run in planned:
                self._hints.run_has_changed(run.id)
        return result


async def create_runs(
    tx: Session,
    environment_no: int,
    event: NewEvent | EventRow,
    *,
    event_no: int,
    account: AccountInfo | None,
    planned: Sequence[NewRun],
    reservation: Reservation | None,
    now: datetime,
    source: SourceInfo | None = None,
) -> list[ClaimedRun]:
    """Create the runs an event starts, each once; those that the reservation lets this node hold."""
    held: list[ClaimedRun] = []
    if reservation is None:
        for run in planned:
            await runs.insert_queued(tx, environment_no, run=run, event_no=event_no, now=now)
        return held
    await renew_in(tx, reservation.node_no, reservation.lease_until)
    for run in planned:
        run_no = await runs.insert_claimed(
            tx, environment_no, run=run, event_no=event_no, node_no=reservation.node_no, now=now
        )
        if run_no is not None:
            info = EventInfo(event.id, event.name, event.payload, event.context, event.timestamp)
            held.append(
                ClaimedRun(
                    run_no,
                    run.id,
                    1,
                    environment_no,
                    run.job_no,
                    run.job_id,
                    run.version,
                    now,
                    now,
                    (),
                    info,
                    False,
                    account,
                    source,
                )
            )
    return held
