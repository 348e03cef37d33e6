"""State calls, made by executions, and the same calls made from outside runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from perdure.engine.run_statuses import put_status, status_text
from perdure.engine.schedule_changes import register_schedule, registration_text, unregister_schedule
from perdure.engine.state_limits import check_value
from perdure.engine.task_records import check_may_write, store_task
from perdure.engine.tasks import find_run_no
from perdure.errors import IdempotencyConflictError, RunError
from perdure.protocol.execution import JsonText
from perdure.protocol.failures import failure_of
from perdure.protocol.schedules import RegisterSchedule, UnregisterSchedule
from perdure.protocol.state import GetValue, HasValue, PutStatus, SetValue, StateOutcome
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.store_keys import check_key
from perdure.storage import key_values, tasks

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.holds import Holds
    from perdure.protocol.execution import TaskRecord
    from perdure.protocol.state import StateCall, StatusAnswer
    from perdure.storage.interface import Session, Storage

_TRUE, _FALSE = JsonText("true"), JsonText("false")


class State:
    """What executions ask to be done on state, and stored values and statuses for callers outside."""

    def __init__(self, storage: Storage, clock: Clock, holds: Holds, hints: Hints, *, max_schedules: int) -> None:
        self._storage = storage
        self._clock = clock
        self._holds = holds
        self._hints = hints
        self._max_schedules = max_schedules

    async def perform(
        self, environment_no: int, run_id: str, epoch: int, record: TaskRecord, call: StateCall
    ) -> StateOutcome:
        """Do the work of a task and record what came of it, in one transaction; returns when it is durable.

        Args:
            environment_no: Where the run is.
            run_id: The run.
            epoch: The execution that asks.
            record: The task, as COMPLETED; its output, or error, is that of the call.
            call: The work.

        Returns:
            What is recorded now: if the task had its outcome already, that one, and the work was not done again.

        Raises:
            StaleExecutionError: Another execution holds the run.
            RunNotActiveError: The run has ended.
            IdempotencyConflictError: The key belongs to another task of the run.
            NotFoundError: The environment has no such run.
        """
        hold = self._holds.find(run_id)
        run_no = hold.run_no if hold is not None else await find_run_no(self._storage, environment_no, run_id)
        now = self._clock.now()
        outcome = await self._storage.write(
            perform_call, environment_no, run_no, epoch, record, call, max_schedules=self._max_schedules, now=now
        )
        if isinstance(call, RegisterSchedule):
            self._hints.timer_is_set(now)
        if hold is not None and hold.epoch == epoch and outcome.error is None:
            hold.is_fruitful = True
        self._hints.run_has_changed(run_id)
        return outcome

    async def get_value(self, environment_no: int, key: str) -> JsonText | None:
        """Look a value up."""
        return await self._storage.read(key_values.find, environment_no, key=check_key(key))

    async def has_value(self, environment_no: int, key: str) -> bool:
        """Whether there is a value."""
        return await self._storage.read(key_values.exists, environment_no, key=check_key(key))

    async def set_value(self, environment_no: int, key: str, value: JsonText) -> None:
        """Store a value; returns when it is durable.

        Raises:
            InvalidArgumentError: The key is none.
            ValueTooLargeError: The value has more than 256 KiB of UTF-8.
        """
        check_value(SetValue(key, value))
        await self._storage.write(key_values.put, environment_no, key=key, value=value, now=self._clock.now())

    async def delete_value(self, environment_no: int, key: str) -> bool:
        """Delete a value; whether there was one."""
        return await self._storage.write(key_values.delete, environment_no, key=check_key(key))

    async def put_status(self, environment_no: int, run_id: str, call: PutStatus) -> StatusAnswer:
        """Create a status of a run or change it, whether the run has ended or not.

        Raises:
            NotFoundError: The environment has no such run.
            InvalidArgumentError: It is no status, or the run has as many as it may have.
            ValueTooLargeError: Its data has more than 64 KiB of UTF-8.
        """
        run_no = await find_run_no(self._storage, environment_no, run_id)
        status = await self._storage.write(put_status, run_no, call, now=self._clock.now())
        self._hints.run_has_changed(run_id)
        return status


async def perform_call(
    tx: Session,
    environment_no: int,
    run_no: int,
    epoch: int,
    record: TaskRecord,
    call: StateCall,
    *,
    max_schedules: int,
    now: datetime,
) -> StateOutcome:
    """Do the work of a state call and store its task with what came of it, unless that was done before."""
    await check_may_write(tx, run_no, epoch)
    stored = await tasks.find_by_key(tx, run_no, key=record.key)
    if stored is not None and stored.status.is_final:
        if (stored.operation, stored.name) != (record.operation, record.name):
            raise IdempotencyConflictError(
                f"The idempotency key of {record.operation} {record.name!r} belongs to {stored.operation} "
                f"{stored.name!r}."
            )
        return StateOutcome(*await tasks.find_outcome(tx, stored.id))
    try:
        outcome = StateOutcome(await carry_out(tx, environment_no, run_no, call, max_schedules=max_schedules, now=now))
    except RunError as refusal:
        # Nothing has been written: what may be refused is looked at first.
        outcome = StateOutcome(error=failure_of(refusal))
    status = TaskStatus.COMPLETED if outcome.error is None else TaskStatus.ERRORED
    ended = replace(record, status=status, output=outcome.output, error=outcome.error)
    await store_task(tx, run_no, epoch, ended, now=now)
    return outcome


async def carry_out(
    tx: Session, environment_no: int, run_no: int, call: StateCall, *, max_schedules: int, now: datetime
) -> JsonText | None:
    """Do the work of a state call; its outcome as JSON text.

    Raises:
        RunError: It was refused, and nothing was written.
    """
    if isinstance(call, PutStatus):
        return status_text(await put_status(tx, run_no, call, now=now))
    if isinstance(call, SetValue):
        check_value(call)
        await key_values.put(tx, environment_no, key=call.key, value=call.value, now=now)
        return call.value
    if isinstance(call, RegisterSchedule):
        return registration_text(await register_schedule(tx, environment_no, call, most=max_schedules, now=now))
    if isinstance(call, UnregisterSchedule):
        return registration_text(await unregister_schedule(tx, environment_no, call))
    key = check_key(call.key)
    if isinstance(call, GetValue):
        return await key_values.find(tx, environment_no, key=key)
    if isinstance(call, HasValue):
        found = await key_values.exists(tx, environment_no, key=key)
    else:
        found = await key_values.delete(tx, environment_no, key=key)
    return _TRUE if found else _FALSE
