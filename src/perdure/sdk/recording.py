"""What an execution stores: its tasks as they begin and end, with what has to be stored ahead of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from perdure.errors import ExecutionError, StorageError
from perdure.protocol.execution import Abandoned
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.interrupts import Interrupt

if TYPE_CHECKING:
    from perdure.protocol.execution import TaskRecord, TaskState
    from perdure.protocol.state import StateCall, StateOutcome
    from perdure.sdk.execution import Execution
    from perdure.sdk.scope import OpenTask


async def record(execution: Execution, record: TaskRecord) -> None:
    """Store a task's state, on the event loop; returns when it is durable.

    Raises:
        Interrupt: It could not be stored, or the execution ended meanwhile.
    """
    if execution.interrupted:
        raise Interrupt
    # Whoever needs the row of an enclosing task to be durable (`store_begun`) waits for the write that brings it.
    stored = _announce(execution, record) if record.ancestors or record.status is TaskStatus.RUNNING else None
    try:
        await execution.platform.record_task(execution.run_id, execution.epoch, record)
    except (ExecutionError, StorageError) as error:
        raise execution.give_up(Abandoned(f"{error.code}: {error.message}")) from error
    finally:
        if stored is not None:
            _has_come(execution, record, stored)
    if execution.interrupted:
        raise Interrupt


async def register_task(execution: Execution, record: TaskRecord) -> TaskState:
    """Have a task made before its body runs, on the event loop; gives what is stored of it.

    Raises:
        Interrupt: It could not be made, or the execution ended meanwhile.
    """
    if execution.interrupted:
        raise Interrupt
    assert execution.register is not None
    try:
        state = await execution.register.begin_task(execution.run_id, execution.epoch, record)
    except (ExecutionError, StorageError) as error:
        raise execution.give_up(Abandoned(f"{error.code}: {error.message}")) from error
    if execution.interrupted:
        raise Interrupt
    return state


async def end_early(execution: Execution) -> NoReturn:
    """End the execution before its next task, on the event loop.

    Raises:
        Interrupt: Always.
    """
    if execution.interrupted:
        raise Interrupt
    raise execution.give_up(Abandoned("the execution ends between two tasks"))


async def callback_url(execution: Execution, task_id: str) -> str:
    """Give the URL where a request completes a task, on the event loop.

    Raises:
        Interrupt: It cannot be told: the execution is over.
    """
    try:
        return await execution.platform.callback_url(task_id)
    except (ExecutionError, StorageError) as error:
        raise execution.give_up(Abandoned(f"{error.code}: {error.message}")) from error


async def perform(execution: Execution, record: TaskRecord, call: StateCall) -> StateOutcome:
    """Let the platform do a task's work on state and store what came of it; returns when it is durable.

    Raises:
        Interrupt: It could not be stored, or the execution ended meanwhile.
    """
    if execution.interrupted:
        raise Interrupt
    stored = _announce(execution, record)
    try:
        outcome = await execution.platform.perform_task(execution.run_id, execution.epoch, record, call)
    except (ExecutionError, StorageError) as error:
        raise execution.give_up(Abandoned(f"{error.code}: {error.message}")) from error
    finally:
        _has_come(execution, record, stored)
    if execution.interrupted:
        raise Interrupt
    return outcome


def _announce(execution: Execution, record: TaskRecord) -> asyncio.Future[None]:
    """Note that the rows of these tasks are on their way; the future is done when they have come."""
    stored: asyncio.Future[None] = execution.loop.create_future()
    if execution.being_stored is None:
        execution.being_stored = {}
    for one in (*record.ancestors, record):
        execution.being_stored[one.id] = stored
    return stored


def _has_come(execution: Execution, record: TaskRecord, stored: asyncio.Future[None]) -> None:
    stored.set_result(None)
    assert execution.being_stored is not None
    for one in (*record.ancestors, record):
        execution.being_stored.pop(one.id, None)


async def store_begun(execution: Execution, task: OpenTask) -> None:
    """Return when it is durable that a task has begun, and the tasks around it.

    Raises:
        Interrupt: It could not be stored, or the execution ended meanwhile.
    """
    # Made and handed over in one step: the writer takes records in the order in which they say what is stored.
    chain = before(execution, task)
    if chain:
        last = chain[-1]
        last.ancestors = chain[:-1]
        await record(execution, last)
    outer: OpenTask | None = task
    while outer is not None:
        on_its_way = None if execution.being_stored is None else execution.being_stored.get(outer.id)
        if on_its_way is not None:
            await asyncio.shield(on_its_way)
        outer = outer.parent
    if execution.interrupted:
        raise Interrupt


def before(execution: Execution, parent: OpenTask | None) -> tuple[TaskRecord, ...]:
    """What must be stored together with a task's record, ahead of it: log lines and enclosing tasks."""
    if parent is None or parent.is_stored:
        return execution.lines.take() if execution.lines.waiting else ()
    return (*begun(execution, parent), *execution.lines.take())


def begun(execution: Execution, task: OpenTask | None) -> list[TaskRecord]:
    """Make the records of a task that has begun and of those around it, as far as they are not stored."""
    chain: list[TaskRecord] = []
    while task is not None and not task.is_stored:
        chain.append(task.record(TaskStatus.RUNNING))
        task = task.parent
    chain.reverse()
    return chain
