"""Runs that go on later: given back, yielded or without connections, in the transition that applies the result."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from perdure.engine.run_ends import REFUSED, Applied, HeldRun, end_run, record_execution
from perdure.errors import RunTimedOutError
from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    ErrorInfo,
    Yielded,
)
from perdure.protocol.failures import failure_of
from perdure.protocol.retry_strategies import LONGEST_RESET
from perdure.protocol.statuses import ExecutionStatus, RunStatus
from perdure.storage import connections, missing_connections, run_outcomes, tasks

if TYPE_CHECKING:
    from perdure.storage.interface import Session


MAX_YIELDS = 100
"""How many keys a run may yield (v2 protocol, section 6.7)."""

LONGEST_YIELD_KEY = 8192
"""How many characters one of them may have: they are kept, and each execution is told all of them."""

CUTS_IN_VAIN = 3
"""How many executions in a row a platform may end in which no task was created or completed."""

_IN_VAIN = (
    "Function timeout detected {cuts} times in a row without any task creation: the run would never finish. "
    "Last, {reason}."
)

_FIRST_BACK_OFF = 0.5
_LONGEST_BACK_OFF = timedelta(seconds=60)


class Unconnected(Struct, frozen=True):
    """An execution has not begun: there are no connections to these integrations, of an account or of none."""

    environment_no: int
    account_id: str | None
    integrations: tuple[str, ...]

    @property
    def why(self) -> str:
        """Say it."""
        names = " and ".join(map(repr, self.integrations))
        whose = "" if self.account_id is None else f" of account {self.account_id!r}"
        return f"waits for a connection{whose} to {names}"


def back_off(failures: int) -> timedelta:
    """How long to leave a run alone that was given back so often in a row: 1.5ⁿ × 0.5 s, at most 60 s."""
    # 1.5 ** 12 × 0.5 s is more than a minute; larger exponents would only overflow.
    return min(timedelta(seconds=_FIRST_BACK_OFF * 1.5 ** min(failures, 12)), _LONGEST_BACK_OFF)


async def yield_run(tx: Session, held: HeldRun, result: Yielded, now: datetime) -> Applied:
    """Put a run back in line that has yielded; one that does so too often, or at length, fails."""
    counted = await run_outcomes.find_counters(tx, held.run_no)
    keys = tuple(dict.fromkeys((*counted.yielded, result.key)))
    refused = None
    if len(result.key) > LONGEST_YIELD_KEY:
        refused = f"Run has yielded a key of {len(result.key):,} characters, the maximum is {LONGEST_YIELD_KEY:,}"
    elif len(keys) > MAX_YIELDS:
        refused = f"Run has yielded too many times, the maximum is {MAX_YIELDS}"
    if refused is not None:
        error = ErrorInfo("YieldLimitError", refused)
        return await end_run(tx, held, RunStatus.FAILURE, ExecutionStatus.ERROR, now, error=error)
    requeued = await run_outcomes.requeue_if_executing(
        tx, held.run_no, epoch=held.epoch, available_at=now, was_fruitful=held.was_fruitful, is_fruitless=True, now=now
    )
    if not requeued:
        return REFUSED
    await run_outcomes.keep_yielded(tx, held.run_no, keys)
    await record_execution(tx, held, ExecutionStatus.YIELD_EXECUTION, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)


async def go_on(tx: Session, held: HeldRun, result: AutoYielded, now: datetime) -> Applied:
    """Put a run back in line whose endpoint ran out of its time (v2 protocol, section 6.7)."""
    cuts = 0
    if result.is_cut and not held.was_fruitful and not await tasks.has_any_since(tx, held.run_no, since=held.since):
        cuts = (await run_outcomes.find_counters(tx, held.run_no)).failures + 1
        if cuts >= CUTS_IN_VAIN:
            # In so little time it never comes to its first task, or to the next one.
            error = failure_of(RunTimedOutError(_IN_VAIN.format(cuts=cuts, reason=result.reason)))
            return await end_run(tx, held, RunStatus.TIMED_OUT, ExecutionStatus.AUTO_YIELD_EXECUTION, now, error=error)
    requeued = await run_outcomes.requeue_if_executing(
        tx,
        held.run_no,
        epoch=held.epoch,
        # What lies further away is taken for a mistake, and the app may say so again.
        available_at=now if result.at is None else max(now, min(result.at, now + LONGEST_RESET)),
        why=None if result.at is None else result.reason,
        failures=cuts,
        was_fruitful=held.was_fruitful,
        is_fruitless=True,
        now=now,
    )
    if not requeued:
        return REFUSED
    rate_limited = ExecutionStatus.AUTO_YIELD_RATE_LIMIT
    await record_execution(tx, held, ExecutionStatus.AUTO_YIELD_EXECUTION if result.at is None else rate_limited, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)


async def await_connections(tx: Session, held: HeldRun, result: Unconnected, now: datetime) -> Applied:
    """Let a run wait for connections, unless they have come since its execution looked for them."""
    found = await connections.list_of_account(
        tx, result.environment_no, account_id=result.account_id, integrations=result.integrations
    )
    there = {one.integration for one in found}
    lacking = structs.replace(result, integrations=tuple(one for one in result.integrations if one not in there))
    noted = await missing_connections.list_noted(
        tx, result.environment_no, account_id=result.account_id, integrations=lacking.integrations
    )
    if not lacking.integrations or len(noted) < len(lacking.integrations):
        # Of one that is not noted nobody has been told, or no more: the next execution tells of it.
        return await give_back(tx, held, Abandoned("its connections have come", no_code=True, immediate=True), now)
    if not await connections.await_if_executing(
        tx, held.run_no, epoch=held.epoch, environment_no=lacking.environment_no, account_id=lacking.account_id,
        lacking=lacking.integrations, why=lacking.why, now=now,
    ):  # fmt: skip
        return REFUSED
    await record_execution(tx, held, ExecutionStatus.UNREACHABLE, now)
    return Applied(RunStatus.WAITING_ON_CONNECTIONS)


async def give_back(tx: Session, held: HeldRun, result: Abandoned, now: datetime) -> Applied:
    """Put a run back in line whose execution came to nothing; where that is limited, it fails in the end."""
    counted = await run_outcomes.find_counters(tx, held.run_no)
    failures, misses = counted.failures, 0
    if not (result.immediate or result.no_room or result.lost):
        # An app that was not there in between has not failed the run in a row.
        failures, misses = (0, counted.misses + 1) if result.no_code else (failures + 1, 0)
    if result.limit is not None and failures >= result.limit:
        error = ErrorInfo("EndpointError", result.reason)
        return await end_run(tx, held, RunStatus.FAILURE, ExecutionStatus.ERROR, now, error=error)
    requeued = await run_outcomes.requeue_if_executing(
        tx,
        held.run_no,
        epoch=held.epoch,
        available_at=now
        if result.immediate
        else now + back_off(counted.losses if result.lost else max(failures, misses)),
        why=result.reason,
        failures=failures,
        misses=misses,
        was_fruitful=held.was_fruitful,
        is_fruitless=not (result.no_code or result.immediate or result.no_room),
        is_lost=result.lost,
        now=now,
    )
    if not requeued:
        return REFUSED
    await record_execution(tx, held, ExecutionStatus.UNREACHABLE if result.no_code else ExecutionStatus.LOST, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)
