"""Tasks that wait for runs of other jobs to end (v2 protocol, section 8.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.invocations import find_invoked, store_invocation
from perdure.engine.notifications import describe_end
from perdure.engine.waits import Settlement, Woken, settle_waits, states_by_run, wake_runs
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.failures import failure_of
from perdure.protocol.json_text import JsonText
from perdure.protocol.limits import BATCH_LIMIT, BATCH_PAYLOAD_LIMIT, RESULTS_LIMIT
from perdure.storage import awaited_runs, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from perdure.engine.executions import Reservation
    from perdure.engine.invocations import Invocation
    from perdure.protocol.task_waits import InvokeRequest, RunsWait
    from perdure.storage.interface import Session
    from perdure.storage.run_queue import ClaimedRun


def keyed_requests(task_key: str, wait: RunsWait) -> list[InvokeRequest]:
    """Give the requests of a wait, each with an idempotency key, by default one that belongs to the task.

    Raises:
        InvalidArgumentError: They are too many.
        ValueTooLargeError: Their payloads are too large together.
    """
    if len(wait.requests) > BATCH_LIMIT:
        raise InvalidArgumentError(f"One call starts at most {BATCH_LIMIT:,} runs, not {len(wait.requests):,}.")
    size = sum(len(request.payload) + len(request.context) for request in wait.requests)
    if size > BATCH_PAYLOAD_LIMIT:
        raise ValueTooLargeError(
            f"The payloads of the batch have {size:,} characters of JSON; at most {BATCH_PAYLOAD_LIMIT:,} are sent at "
            "once. Send several batches."
        )
    return [
        request
        if request.idempotency_key is not None
        else replace(request, idempotency_key=task_key if position == 0 else f"{task_key}:{position}")
        for position, request in enumerate(wait.requests)
    ]


async def start_awaited_runs(
    tx: Session,
    reservation: Reservation | None,
    environment_no: int,
    task_id: str,
    planned: Sequence[Invocation],
    *,
    now: datetime,
) -> tuple[list[Woken], list[ClaimedRun]]:
    """Start the runs that a task waits for, or find those that its keys have started before.

    Returns:
        The task's run if all of them have ended already, and the runs that this node holds now.
    """
    task_no = await tasks.find_number(tx, task_id)
    if task_no is None:
        # The same call was stored before under another id, and is over.
        return [], []
    held: list[ClaimedRun] = []
    for position, invocation in enumerate(planned):
        _, begun = await store_invocation(tx, reservation, environment_no, invocation, now=now)
        held += begun
        first = await find_invoked(tx, environment_no, invocation.event.id)
        notification = (await describe_end(tx, first.run_no))[1] if first.has_ended else None
        await awaited_runs.insert_awaited(
            tx, task_no, position=position, run_no=first.run_no, notification=notification
        )
    is_over = not await awaited_runs.is_missing(tx, task_no)
    return await settle_runs_waits(tx, [task_no], now=now) if is_over else [], held


async def settle_runs_waits(tx: Session, task_nos: Sequence[int], *, now: datetime) -> list[Woken]:
    """Complete tasks that wait for no further run, and wake their runs: their output is what each run came to."""
    settlements = [_settlement(task_no, await awaited_runs.list_notifications(tx, task_no)) for task_no in task_nos]
    return await wake_runs(tx, states_by_run(await settle_waits(tx, settlements, now=now)), now=now)


def _settlement(task_no: int, notifications: Sequence[JsonText]) -> Settlement:
    size = sum(map(len, notifications))
    if size > RESULTS_LIMIT:
        error = ValueTooLargeError(
            f"What the {len(notifications)} runs came to has {size:,} characters of JSON; at most {RESULTS_LIMIT:,} "
            "are stored. Let the job store its results elsewhere and return where they are."
        )
        return Settlement(task_no, error=failure_of(error))
    return Settlement(task_no, JsonText(f"[{','.join(notifications)}]"))
