"""What the result of an execution does to its run: one transition, guarded by the execution's epoch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from perdure.engine.endings import NOTHING, Ending, tell_end
from perdure.engine.places import fill_place
from perdure.engine.remote_results import settle_tasks
from perdure.errors import RunTimedOutError
from perdure.protocol.execution import (
    Abandoned,
    AutoYielded,
    ErrorInfo,
    ExecutionResult,
    Failed,
    InvalidPayload,
    JsonText,
    Outcome,
    Succeeded,
    Suspended,
    UnresolvedAuth,
    Yielded,
)
from perdure.protocol.failures import failure_of
from perdure.protocol.statuses import ExecutionStatus, RunStatus, TaskStatus
from perdure.storage import connections, executions, remote_tasks, run_outcomes, tasks

if TYPE_CHECKING:
    from perdure.storage.interface import Session

MAX_YIELDS = 100
"""How many keys a run may yield (v2 protocol, section 6.7)."""

CUTS_IN_VAIN = 3
"""How many executions in a row a platform may end in which no task was created or completed."""

_IN_VAIN = (
    "Function timeout detected {cuts} times in a row without any task creation: the run would never finish. "
    "Last, {reason}."
)

_FIRST_BACK_OFF = 0.5
_LONGEST_BACK_OFF = timedelta(seconds=60)


class HeldRun(Struct, frozen=True, gc=False):
    """Whose result it is.

    ``was_fruitful``: the execution completed a task; ``has_open_tasks``: the run may have tasks without outcome;
    ``limit_no``: the concurrency limit that it takes a place of.
    """

    run_no: int
    epoch: int
    node_no: int
    since: datetime
    was_fruitful: bool
    has_open_tasks: bool
    limit_no: int | None = None


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


class Applied(Struct, frozen=True, gc=False):
    """What came of a result: the run's status now, ``None`` if nothing has changed, and what else has."""

    status: RunStatus | None
    ending: Ending = NOTHING


REFUSED = Applied(None)
"""The execution no longer holds the run."""


def back_off(failures: int) -> timedelta:
    """How long to leave a run alone that was given back so often in a row: 1.5ⁿ × 0.5 s, at most 60 s."""
    # 1.5 ** 12 × 0.5 s is more than a minute; larger exponents would only overflow.
    return min(timedelta(seconds=_FIRST_BACK_OFF * 1.5 ** min(failures, 12)), _LONGEST_BACK_OFF)


async def apply_result(tx: Session, held: HeldRun, result: ExecutionResult | Unconnected, *, now: datetime) -> Applied:
    """Let a run go on as the result of its execution says; if the execution no longer holds it, nothing changes."""
    if isinstance(result, Unconnected):
        applied = await _await_connections(tx, held, result, now)
    else:
        applied = await _apply(tx, held, result, now)
    if applied is REFUSED:
        return applied
    if not isinstance(result, (Abandoned, Unconnected)):
        await _keep_notes(tx, held, result)
    if held.limit_no is not None and await fill_place(tx, held.limit_no):
        ending = applied.ending
        return Applied(applied.status, Ending(ending.woken, ending.is_to_be_told, True))
    return applied


async def _keep_notes(tx: Session, held: HeldRun, result: Outcome) -> None:
    if result.warnings:
        await run_outcomes.add_warnings(tx, held.run_no, result.warnings)
    for task_id, warning in result.task_warnings:
        await tasks.add_warning(tx, task_id, run_no=held.run_no, warning=warning)
    for task_id, properties in result.properties:
        await remote_tasks.keep_properties(tx, task_id, run_no=held.run_no, properties=properties)


async def _apply(tx: Session, held: HeldRun, result: ExecutionResult, now: datetime) -> Applied:
    if not isinstance(result, Abandoned) and (result.retries or result.completed):
        settled = await settle_tasks(tx, held, result, now=now)
        if settled is None:
            return REFUSED
        held = settled
    if isinstance(result, Succeeded):
        return await _end(tx, held, RunStatus.SUCCESS, ExecutionStatus.SUCCESS, now, output=result.output)
    if isinstance(result, Suspended):
        return await _suspend(tx, held, result, now)
    if isinstance(result, Failed):
        status = RunStatus.ABORTED if result.is_aborted else RunStatus.FAILURE
        return await _fail(tx, held, result.error, result.task_id, now, status=status)
    if isinstance(result, InvalidPayload):
        return await _refuse_payload(tx, held, result, now)
    if isinstance(result, Yielded):
        return await _yield(tx, held, result, now)
    if isinstance(result, AutoYielded):
        return await _go_on(tx, held, result, now)
    if isinstance(result, UnresolvedAuth):
        return await _miss_connections(tx, held, result, now)
    return await _give_back(tx, held, result, now)


async def _end(
    tx: Session,
    held: HeldRun,
    status: RunStatus,
    execution_status: ExecutionStatus,
    now: datetime,
    *,
    output: JsonText | None = None,
    error: ErrorInfo | None = None,
    task_id: str | None = None,
) -> Applied:
    """End the run; the task that it failed with, if one is named, gets the run's error."""
    ended = await run_outcomes.end_if_executing(
        tx, held.run_no, epoch=held.epoch, status=status, output=output, error=error, now=now
    )
    if ended is None:
        return REFUSED
    await _record(tx, held, execution_status, now)
    if task_id is not None and error is not None:
        await tasks.fail_if_open(tx, task_id, run_no=held.run_no, error=error, now=now)
    if status is RunStatus.TIMED_OUT:
        await close_tasks(tx, held.run_no, TaskStatus.CANCELED, now)
    elif status is not RunStatus.SUCCESS:
        await close_tasks(tx, held.run_no, TaskStatus.ERRORED, now)
    elif held.has_open_tasks:
        await close_tasks(tx, held.run_no, TaskStatus.CANCELED, now)
    return Applied(status, await tell_end(tx, held.run_no, now=now)) if ended.is_heard else Applied(status)


async def _fail(
    tx: Session,
    held: HeldRun,
    error: ErrorInfo,
    task_id: str | None,
    now: datetime,
    *,
    status: RunStatus = RunStatus.FAILURE,
) -> Applied:
    return await _end(tx, held, status, ExecutionStatus.ERROR, now, error=error, task_id=task_id)


async def _refuse_payload(tx: Session, held: HeldRun, result: InvalidPayload, now: datetime) -> Applied:
    issues = [{"path": path, "message": message} for path, message in result.issues]
    shown = "; ".join(f"{'.'.join(map(str, path)) or 'payload'}: {message}" for path, message in result.issues)
    error = ErrorInfo(
        "PayloadValidationError",
        f"The payload does not fit the job's schema: {shown}",
        data=JsonText(msgspec.json.encode({"issues": issues}).decode()),
    )
    return await _end(tx, held, RunStatus.INVALID_PAYLOAD, ExecutionStatus.INVALID_PAYLOAD, now, error=error)


async def _suspend(tx: Session, held: HeldRun, result: Suspended, now: datetime) -> Applied:
    status = await run_outcomes.suspend_if_executing(
        tx, held.run_no, epoch=held.epoch, task_ids=result.task_ids, block=result.block,
        was_fruitful=held.was_fruitful, now=now,
    )  # fmt: skip
    if status is None:
        return REFUSED
    several = len(result.task_ids) > 1
    outcome = ExecutionStatus.RESUME_WITH_PARALLEL_TASK if several else ExecutionStatus.RESUME_WITH_TASK
    await _record(tx, held, outcome, now)
    return Applied(status)


async def _yield(tx: Session, held: HeldRun, result: Yielded, now: datetime) -> Applied:
    _, _, yielded = await run_outcomes.find_counters(tx, held.run_no)
    keys = tuple(dict.fromkeys((*yielded, result.key)))
    if len(keys) > MAX_YIELDS:
        error = ErrorInfo("YieldLimitError", f"Run has yielded too many times, the maximum is {MAX_YIELDS}")
        return await _fail(tx, held, error, None, now)
    requeued = await run_outcomes.requeue_if_executing(
        tx, held.run_no, epoch=held.epoch, available_at=now, was_fruitful=held.was_fruitful, is_fruitless=True, now=now
    )
    if not requeued:
        return REFUSED
    await run_outcomes.keep_yielded(tx, held.run_no, keys)
    await _record(tx, held, ExecutionStatus.YIELD_EXECUTION, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)


async def _go_on(tx: Session, held: HeldRun, result: AutoYielded, now: datetime) -> Applied:
    """Put a run back in line whose endpoint ran out of its time (v2 protocol, section 6.7)."""
    cuts = 0
    if result.is_cut and not held.was_fruitful and not await tasks.has_any_since(tx, held.run_no, since=held.since):
        cuts = await _count_in_a_row(tx, held.run_no) + 1
        if cuts >= CUTS_IN_VAIN:
            # In so little time it never comes to its first task, or to the next one.
            error = failure_of(RunTimedOutError(_IN_VAIN.format(cuts=cuts, reason=result.reason)))
            return await _end(tx, held, RunStatus.TIMED_OUT, ExecutionStatus.AUTO_YIELD_EXECUTION, now, error=error)
    requeued = await run_outcomes.requeue_if_executing(
        tx,
        held.run_no,
        epoch=held.epoch,
        available_at=now if result.at is None else max(now, result.at),
        why=None if result.at is None else result.reason,
        failures=cuts,
        was_fruitful=held.was_fruitful,
        is_fruitless=True,
        now=now,
    )
    if not requeued:
        return REFUSED
    rate_limited = ExecutionStatus.AUTO_YIELD_RATE_LIMIT
    await _record(tx, held, ExecutionStatus.AUTO_YIELD_EXECUTION if result.at is None else rate_limited, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)


async def _miss_connections(tx: Session, held: HeldRun, result: UnresolvedAuth, now: datetime) -> Applied:
    error = ErrorInfo("UnresolvedAuthError", "Integrations of the job have no credential.", data=result.issues)
    status = ExecutionStatus.UNRESOLVED_AUTH_ERROR
    return await _end(tx, held, RunStatus.UNRESOLVED_AUTH, status, now, error=error)


async def _await_connections(tx: Session, held: HeldRun, result: Unconnected, now: datetime) -> Applied:
    """Let a run wait for connections, unless they have come since its execution looked for them."""
    found = await connections.list_of_account(
        tx, result.environment_no, account_id=result.account_id, integrations=result.integrations
    )
    if len(found) == len(result.integrations):
        return await _give_back(tx, held, Abandoned("its connections have come", no_code=True, immediate=True), now)
    if not await connections.await_if_executing(tx, held.run_no, epoch=held.epoch, why=result.why, now=now):
        return REFUSED
    await _record(tx, held, ExecutionStatus.UNREACHABLE, now)
    return Applied(RunStatus.WAITING_ON_CONNECTIONS)


async def _give_back(tx: Session, held: HeldRun, result: Abandoned, now: datetime) -> Applied:
    failures, losses, _ = await run_outcomes.find_counters(tx, held.run_no)
    if result.limit is not None:
        failures = await _count_in_a_row(tx, held.run_no)
    if not (result.immediate or result.no_room or result.lost):
        failures += 1
    if result.limit is not None and failures >= result.limit:
        return await _fail(tx, held, ErrorInfo("EndpointError", result.reason), None, now)
    requeued = await run_outcomes.requeue_if_executing(
        tx,
        held.run_no,
        epoch=held.epoch,
        available_at=now if result.immediate else now + back_off(losses if result.lost else failures),
        why=result.reason,
        failures=failures,
        was_fruitful=held.was_fruitful,
        is_fruitless=not (result.no_code or result.immediate or result.no_room),
        is_lost=result.lost,
        now=now,
    )
    if not requeued:
        return REFUSED
    await _record(tx, held, ExecutionStatus.UNREACHABLE if result.no_code else ExecutionStatus.LOST, now)
    return Applied(RunStatus.WAITING_TO_EXECUTE)


async def _count_in_a_row(tx: Session, run_no: int) -> int:
    """Count how often an app that was there has failed a run in a row: as often as it was given back since then."""
    if await executions.find_last(tx, run_no) == ExecutionStatus.UNREACHABLE:
        return 0
    return (await run_outcomes.find_counters(tx, run_no))[0]


async def close_tasks(tx: Session, run_no: int, status: TaskStatus, now: datetime) -> None:
    """Give the tasks of a run that ends, and have no outcome, this one; nothing of them is due any more."""
    # Most runs have none, and to see that costs a fifth of what it costs to look for all that may hang on them.
    if not await tasks.has_open(tx, run_no):
        return
    await tasks.forget_waits(tx, run_no=run_no)
    await tasks.close_open(tx, run_no=run_no, status=status, now=now)


async def _record(tx: Session, held: HeldRun, status: ExecutionStatus, now: datetime) -> None:
    await executions.insert_execution(
        tx,
        run_no=held.run_no,
        epoch=held.epoch,
        node_no=held.node_no,
        started_at=held.since,
        ended_at=now,
        status=status,
    )
