"""Claims: which of the runs that are due a node holds from now on, in one transition."""

from __future__ import annotations

from collections.abc import Container, Mapping
from copy import copy
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.absences import PAUSE
from perdure.engine.endings import Ending
from perdure.engine.lease import renew_in
from perdure.engine.places import Places
from perdure.engine.quarantine import Suspects, put_off, quarantine
from perdure.engine.requeues import back_off
from perdure.engine.time_outs import end_in_line, why_timed_out
from perdure.protocol.endpoint import Endpoint
from perdure.storage import run_queue
from perdure.storage.run_queue import ClaimedRun, DueRun

if TYPE_CHECKING:
    from perdure.storage.interface import Session


LOOK = 1000
"""How many runs that find no place one claim sets aside at most."""

PACE = timedelta(milliseconds=5)
"""Of runs whose code is not there no two are looked at again within so short a time, however many there are."""


class Claims(Struct, frozen=True):
    """What one look at the line came to.

    Attributes:
        seen: How many runs were due.
        may_be_more: Whether further runs may be due: there was no room to look at them.
        claimed: The runs that this node holds now.
        ended: What came of the runs that were given up.
        is_renewed: Whether the lease was renewed, if it was to be.
        tried: The apps that are away of which a run was claimed.
        next_turn: When a run whose code is not there is looked at again at the earliest; ``None``: as before.
    """

    seen: int
    may_be_more: bool
    claimed: list[ClaimedRun]
    ended: list[tuple[str, Ending]]
    is_renewed: bool = True
    tried: tuple[Endpoint, ...] = ()
    next_turn: datetime | None = None


class Away(Struct, frozen=True):
    """An app that is away: what its runs are told, and whether one may find out if it is back."""

    app: Endpoint
    why: str
    may_try: bool


class Claimant(Struct, frozen=True):
    """Who claims.

    Attributes:
        node_no: The node.
        hosted: The jobs whose code is there.
        away: The jobs whose app is away.
        environment_limit: How many executions of one environment may be at work; ``None``: any number.
        fruitless_limit: How many executions in a row may complete no task.
        max_run_duration: For how long a run may be executed in all; ``None``: without limit.
        suspects: Those at work that have lost their process repeatedly.
        lease_until: Until when the lease is renewed with the claim; ``None``: it is not.
        next_turn: When a run whose code is not there is looked at again at the earliest.
    """

    node_no: int
    hosted: Container[int]
    away: Mapping[int, Away]
    environment_limit: int | None
    fruitless_limit: int
    max_run_duration: timedelta | None
    suspects: Suspects
    lease_until: datetime | None
    next_turn: datetime


class Look(Struct):
    """One look at the line, while it lasts."""

    claimant: Claimant
    now: datetime
    suspects: Suspects
    places: Places
    ended: list[tuple[str, Ending]]
    tried: list[Endpoint]
    next_turn: datetime


async def claim_due(tx: Session, claimant: Claimant, *, limit: int, now: datetime) -> Claims:
    """Let a node hold runs that are due, as far as they find places; put off those whose code it has not.

    Those that have come to nothing too often, or have taken too many processes with them, are ended.
    """
    await renew_in(tx, claimant.node_no, claimant.lease_until)
    share = claimant.environment_limit
    # A transition may be run again: what it changes is its own.
    look = Look(claimant, now, copy(claimant.suspects), Places(share), [], [], claimant.next_turn)
    hosted, suspects_from = claimant.hosted, claimant.suspects.first
    fruitless_limit, max_run_duration = claimant.fruitless_limit, claimant.max_run_duration
    most_ms = inf if max_run_duration is None else max_run_duration // timedelta(milliseconds=1)
    claimed: list[ClaimedRun] = []
    seen = 0
    while True:
        room = limit - len(claimed)
        due = await run_queue.list_due(tx, now=now, limit=room)
        seen += len(due)
        take: list[int] = []
        for run in due:
            is_plain = run.limit_no is None and run.job_no in hosted and run.fruitless < fruitless_limit
            is_in_time = run.spent_ms < most_ms
            if (share is None and is_plain and is_in_time and run.losses < suspects_from) or await _is_to_be_claimed(
                tx, run, look
            ):
                take.append(run.run_no)
        if take:
            claimed += await run_queue.claim_if_in_line(tx, take, node_no=claimant.node_no, now=now)
        has_aside = await look.places.store(tx)
        # Those who stand aside have left room for others.
        if not has_aside or len(due) < room or seen >= LOOK:
            tried, next_turn = tuple(look.tried), look.next_turn
            return Claims(seen, len(due) == room, claimed, look.ended, tried=tried, next_turn=next_turn)


async def _is_to_be_claimed(tx: Session, run: DueRun, look: Look) -> bool:
    claimant, now = look.claimant, look.now
    if run.losses >= look.suspects.quarantine_after:
        look.ended += await quarantine(tx, run, now=now)
        return False
    why = why_timed_out(run, fruitless_limit=claimant.fruitless_limit, most=claimant.max_run_duration)
    if why is not None:
        look.ended += await end_in_line(tx, run, why, now=now)
        return False
    if run.job_no not in claimant.hosted and not await _finds_out(tx, run, look):
        return False
    if run.losses >= look.suspects.first and not look.suspects.take(run.losses):
        await put_off(tx, run, now=now)
        return False
    if not await look.places.has_share(tx, run.environment_no, run.run_no):
        return False
    if run.limit_no is not None and not await look.places.take(tx, run.limit_no, run.run_no):
        return False
    look.places.take_share(run.environment_no)
    return True


async def _finds_out(tx: Session, run: DueRun, look: Look) -> bool:
    """Put off a run whose code is not there; or let it find out whether its app is back, which is what this answers.

    When it is, or the code is there, all of them are due: until then it is enough to look at them now and then.
    """
    away, now = look.claimant.away.get(run.job_no), look.now
    if away is not None and away.may_try and away.app not in look.tried:
        look.tried.append(away.app)
        return True
    look.next_turn = max(now, look.next_turn) + PACE
    # Those of a second are looked at in one commit.
    turn = look.next_turn.replace(microsecond=0)
    if away is not None:
        until, misses, why = now + PAUSE, max(1, run.misses), away.why
    else:
        misses = run.misses + 1
        until, why = now + back_off(misses), f"no code for job {run.job_id}"
    await run_queue.postpone_if_in_line(tx, run.run_no, until=max(until, turn), misses=misses, why=why, now=now)
    return False
