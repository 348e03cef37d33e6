"""What an attempt does to its task: one transition, guarded by the number of the attempt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from perdure.engine.polls import KEPT_ATTEMPTS, attempt_key
from perdure.engine.task_outputs import TEXT_BODY
from perdure.engine.waits import Settlement, Waking, settle_waits
from perdure.protocol.execution import ErrorInfo
from perdure.protocol.failures import failure_of
from perdure.storage import operations

if TYPE_CHECKING:
    from perdure.engine.verdicts import Verdict
    from perdure.storage.interface import Session
    from perdure.storage.operations import OperationRow


async def settle_operation(
    tx: Session, row: OperationRow, verdict: Verdict, *, spent: timedelta, now: datetime
) -> Waking[None]:
    """Give a task the outcome of its last attempt, and forget its secrets.

    Args:
        tx: An open write transaction.
        row: The task, as it was when the attempt began.
        verdict: With the output or the error.
        spent: How long the attempt took; it counts as time of the run (v2 protocol, section 7.1).
        now: The engine clock's time.
    """
    await _keep_attempt(tx, row, verdict, now)
    error = (
        None
        if verdict.error is None
        else failure_of(verdict.error, notes={TEXT_BODY: True} if verdict.has_text_body else None)
    )
    resolved = await settle_waits(tx, [Settlement(row.task_no, verdict.output, error)], now=now)
    await operations.delete_operation(tx, row.task_no)
    if resolved:
        await operations.add_execution_time(tx, row.run_no, spent=spent)
    return Waking(None, resolved)


async def put_off(tx: Session, row: OperationRow, verdict: Verdict, *, now: datetime) -> None:
    """Let the next attempt of a task begin later."""
    assert verdict.again_at is not None
    await _keep_attempt(tx, row, verdict, now)
    # The body of an answer is kept only with the failure that the job gets.
    error = None if verdict.error is None else ErrorInfo(type(verdict.error).__name__, verdict.error.message)
    await operations.put_off_if_waiting(
        tx, row, until=verdict.again_at, failures=verdict.failures, error=error, now=now
    )


async def release_held(tx: Session, *, node_no: int, now: datetime) -> None:
    """Let what this node, which stops, is at be due for others."""
    held = await operations.list_held(tx, node_no)
    if held:
        await operations.release(tx, held, now=now)


async def _keep_attempt(tx: Session, row: OperationRow, verdict: Verdict, now: datetime) -> None:
    if verdict.attempt is None:
        return
    await operations.keep_poll_attempt_if_waiting(tx, row, verdict.attempt, now=now)
    oldest = row.attempts - KEPT_ATTEMPTS
    if oldest > 0:
        await operations.delete_poll_attempt(tx, row, key=attempt_key(row, oldest))
