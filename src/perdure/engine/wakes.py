"""Wakes: runs whose waits are over go on, in the transition that ends the waits; at once, where nothing keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from perdure.engine.claims import Claims, claim_due
from perdure.engine.lease import renew_in
from perdure.engine.waits import Resolved, Waking, Woken, is_fruitful, states_by_run, wake_runs
from perdure.protocol.statuses import RunStatus
from perdure.storage import run_queue
from perdure.storage.runs import WokenRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from perdure.engine.claims import Claimant
    from perdure.protocol.execution import TaskState
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun


R = TypeVar("R")

_MS = timedelta(milliseconds=1)
_NONE = Claims(0, False, [], [], False)


class Wakes(Struct, Generic[R], frozen=True):
    """What came of a transition that ends waits, and of the runs that it woke.

    Attributes:
        result: The transition's result.
        woken: The runs.
        in_line: How many runs are in line now that were not before.
        next_timer: When a timer that was set is due.
        claims: The runs that this node holds now.
        others: The tasks that wait no longer though their runs were not woken: those were in line, or wait on.
    """

    result: R
    woken: Sequence[Woken]
    in_line: int
    next_timer: datetime | None
    claims: Claims = _NONE
    others: Sequence[Resolved] = ()


async def wake_only(tx: Session, transition: Callable[[Session], Awaitable[Waking[R]]], *, now: datetime) -> Wakes[R]:
    """Run a transition and put the runs in line that it wakes."""
    waking = await transition(tx)
    states_of = states_by_run(waking.resolved)
    put_in_line = await wake_runs(tx, states_of, now=now)
    woken = [*waking.woken, *put_in_line]
    in_line = waking.in_line + _count_in_line(woken)
    return Wakes(waking.result, woken, in_line, waking.next_timer, others=_others(states_of, put_in_line))


async def wake_and_claim(
    tx: Session,
    claimant: Claimant,
    transition: Callable[[Session], Awaitable[Waking[R]]],
    *,
    limit: int,
    now: datetime,
) -> Wakes[R]:
    """Run a transition and let a node hold the runs that it wakes, and what else is due, at most so many.

    A run whose job has its code here and is under no limit does not stand in line first. It may overtake one that
    became due a moment ago; while the node knows of others in line, none is claimed like this.
    """
    waking = await transition(tx)
    states_of = states_by_run(waking.resolved)
    claimed: list[ClaimedRun] = []
    woken: list[Woken] = []
    if claimant.environment_limit is None:
        for run_no, states in list(states_of.items())[:limit]:
            run = await _claim(tx, claimant, run_no, states, now)
            if run is not None:
                claimed.append(run)
                woken.append(Woken(WokenRun(run_no, run.id, RunStatus.EXECUTING, run.epoch, claimant.node_no), states))
                del states_of[run_no]
    put_in_line = await wake_runs(tx, states_of, now=now)
    not_claimed = [*waking.woken, *put_in_line]
    in_line = waking.in_line + _count_in_line(not_claimed)
    claims = Claims(0, False, claimed, [], bool(claimed))
    if in_line and len(claimed) < limit:
        due = await claim_due(tx, claimant, limit=limit - len(claimed), now=now)
        in_line -= len(due.claimed)
        claims = replace(due, claimed=claimed + due.claimed)
    elif claimed:
        await renew_in(tx, claimant.node_no, claimant.lease_until)
    others = _others(states_of, put_in_line)
    return Wakes(waking.result, woken + not_claimed, in_line, waking.next_timer, claims, others)


async def _claim(
    tx: Session, claimant: Claimant, run_no: int, states: Sequence[TaskState], now: datetime
) -> ClaimedRun | None:
    """Hold a run that waits; ``None``: it does not, or it has to stand in line.

    None that waits is suspect: its last execution came to its end.
    """
    waiting = await run_queue.find_waiting(tx, run_no, now=now)
    if waiting is None:
        return None
    run, bears_fruit = waiting.next, is_fruitful(states)
    most = claimant.max_run_duration
    if (
        waiting.limit_no is not None
        or run.job_no not in claimant.hosted
        or (waiting.fruitless >= claimant.fruitless_limit and not bears_fruit)
        or (most is not None and waiting.spent_ms * _MS >= most)
    ):
        return None
    await run_queue.claim_if_waiting(tx, run_no, node_no=claimant.node_no, is_fruitful=bears_fruit, now=now)
    return run


def _others(states_of: Mapping[int, Sequence[TaskState]], woken: Sequence[Woken]) -> Sequence[Resolved]:
    if len(woken) == len(states_of):
        return ()
    known = {one.run.run_no for one in woken}
    return [(run_no, state) for run_no, states in states_of.items() if run_no not in known for state in states]


def _count_in_line(woken: Sequence[Woken]) -> int:
    return sum(1 for one in woken if one.run.status is not RunStatus.EXECUTING)
