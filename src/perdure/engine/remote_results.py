"""What the answer of an endpoint elsewhere says of single tasks, stored with the result of the execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.protocol.statuses import RunStatus
from perdure.storage import remote_tasks, runs, tasks, timers

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.run_ends import HeldRun
    from perdure.protocol.execution import Outcome
    from perdure.storage.interface import Session


async def settle_tasks(tx: Session, held: HeldRun, result: Outcome, *, now: datetime) -> HeldRun | None:
    """Complete tasks, and let others wait for their next attempt (v2 protocol, section 6.7).

    Returns:
        Whose result it is, now fruitful if a task was completed; ``None`` if the execution no longer holds the run,
        and nothing has changed.
    """
    if await runs.find_state(tx, held.run_no) != (RunStatus.EXECUTING, held.epoch):
        return None
    for done in result.completed:
        if await remote_tasks.complete_if_open(
            tx, done.task_id, run_no=held.run_no, output=done.output, properties=done.properties, now=now
        ):
            held = replace(held, was_fruitful=True)
    for retry in result.retries:
        failed = await remote_tasks.retry_if_open(tx, retry.task_id, run_no=held.run_no, at=retry.at)
        if failed is not None:
            await tasks.insert_attempt(tx, retry.task_id, number=failed, ended_at=now, error=retry.error)
            await timers.set_task_timer(tx, retry.task_id, due_at=retry.at)
    return held
