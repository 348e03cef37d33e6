"""What the result of an execution does to its run: one transition, guarded by the execution's epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.engine.endings import Ending
from perdure.engine.places import fill_place
from perdure.engine.remote_results import settle_tasks
from perdure.engine.requeues import Unconnected, await_connections, give_back, go_on, yield_run
from perdure.engine.run_ends import REFUSED, Applied, HeldRun, end_run, record_execution
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
from perdure.protocol.statuses import ExecutionStatus, RunStatus
from perdure.storage import remote_tasks, run_outcomes, tasks

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


MOST_ISSUES = 100
"""How many places are kept where a payload does not fit."""


async def apply_result(tx: Session, held: HeldRun, result: ExecutionResult | Unconnected, *, now: datetime) -> Applied:
    """Let a run go on as the result of its execution says; if the execution no longer holds it, nothing changes."""
    if isinstance(result, Unconnected):
        applied = await await_connections(tx, held, result, now)
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
        return await end_run(tx, held, RunStatus.SUCCESS, ExecutionStatus.SUCCESS, now, output=result.output)
    if isinstance(result, Suspended):
        return await _suspend(tx, held, result, now)
    if isinstance(result, Failed):
        status = RunStatus.ABORTED if result.is_aborted else RunStatus.FAILURE
        return await end_run(tx, held, status, ExecutionStatus.ERROR, now, error=result.error, task_id=result.task_id)
    if isinstance(result, InvalidPayload):
        return await _refuse_payload(tx, held, result, now)
    if isinstance(result, Yielded):
        return await yield_run(tx, held, result, now)
    if isinstance(result, AutoYielded):
        return await go_on(tx, held, result, now)
    if isinstance(result, UnresolvedAuth):
        return await _miss_connections(tx, held, result, now)
    return await give_back(tx, held, result, now)


async def _refuse_payload(tx: Session, held: HeldRun, result: InvalidPayload, now: datetime) -> Applied:
    kept = result.issues[:MOST_ISSUES]
    issues = [{"path": path, "message": message} for path, message in kept]
    shown = "; ".join(f"{'.'.join(map(str, path)) or 'payload'}: {message}" for path, message in kept)
    if len(result.issues) > MOST_ISSUES:
        shown = f"{shown}; and {len(result.issues) - MOST_ISSUES:,} more"
    error = ErrorInfo(
        "PayloadValidationError",
        f"The payload does not fit the job's schema: {shown}",
        data=JsonText(msgspec.json.encode({"issues": issues}).decode()),
    )
    return await end_run(tx, held, RunStatus.INVALID_PAYLOAD, ExecutionStatus.INVALID_PAYLOAD, now, error=error)


async def _suspend(tx: Session, held: HeldRun, result: Suspended, now: datetime) -> Applied:
    status = await run_outcomes.suspend_if_executing(
        tx, held.run_no, epoch=held.epoch, task_ids=result.task_ids, block=result.block,
        was_fruitful=held.was_fruitful, now=now,
    )  # fmt: skip
    if status is None:
        return REFUSED
    several = len(result.task_ids) > 1
    outcome = ExecutionStatus.RESUME_WITH_PARALLEL_TASK if several else ExecutionStatus.RESUME_WITH_TASK
    await record_execution(tx, held, outcome, now)
    return Applied(status)


async def _miss_connections(tx: Session, held: HeldRun, result: UnresolvedAuth, now: datetime) -> Applied:
    error = ErrorInfo("UnresolvedAuthError", "Integrations of the job have no credential.", data=result.issues)
    status = ExecutionStatus.UNRESOLVED_AUTH_ERROR
    return await end_run(tx, held, RunStatus.UNRESOLVED_AUTH, status, now, error=error)
