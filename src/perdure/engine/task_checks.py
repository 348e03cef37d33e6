"""What is refused of a task that somebody else has made: in its own process a node's SDK has checked it."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Final

from perdure.engine.asked_tasks import check_key
from perdure.errors import InvalidArgumentError, ValueTooLargeError
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.json_text import check, check_dumped, load
from perdure.protocol.limits import ID_LIMIT, NAME_LIMIT, OUTPUT_LIMIT
from perdure.protocol.schedules import RegisterSchedule
from perdure.protocol.state import PutStatus, SetValue
from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import EventWait, Operation, RunsWait

if TYPE_CHECKING:
    from perdure.protocol.execution import ErrorInfo, JsonText, TaskRecord
    from perdure.protocol.state import StateCall
    from perdure.protocol.task_waits import TaskWait

_TASK_ID_LIMIT: Final = 64
_TASK_ID: Final = re.compile(rf"\w{{1,{_TASK_ID_LIMIT}}}", re.ASCII)
_MOST_ATTEMPTS: Final = 1_000_000
_LONGEST_WAIT: Final = 100 * 366 * 24 * 3600.0
_STATUSES: Final = (TaskStatus.RUNNING, TaskStatus.WAITING, TaskStatus.COMPLETED, TaskStatus.ERRORED)


def check_record(record: TaskRecord, *, is_inner: bool = False) -> None:
    """Refuse a task that no SDK would have stored.

    Raises:
        JsonError: Something that is to be JSON is not.
        InvalidArgumentError: A member is outside of what it may be.
        ValueTooLargeError: The output has more than 3 MiB.
    """
    check_key(record.key)
    check_task_id(record.id)
    if record.parent_id is not None:
        check_task_id(record.parent_id)
    for text in (record.operation, record.name, record.display_key):
        if text is not None and "\x00" in text:
            raise InvalidArgumentError("The name of a task has no NUL.")
    if record.status not in _STATUSES or not 1 <= record.attempts <= _MOST_ATTEMPTS:
        raise InvalidArgumentError("An execution gives a task no such status, or number of attempts.")
    for moment in (record.started_at, record.completed_at, record.delay_until):
        if moment is not None and moment.tzinfo is None:
            raise InvalidArgumentError("An instant has a time zone.")
    output = record.output
    if output is not None and len(output) * 4 > OUTPUT_LIMIT and len(output.encode()) > OUTPUT_LIMIT:
        raise ValueTooLargeError("The output of a task has 3 MiB at most.")
    for text in (output, record.params, record.details, record.output_properties):
        if text is not None:
            check_dumped(text)
    if record.error is not None:
        _check_error(record.error)
    if record.attempt_error is not None:
        _check_error(record.attempt_error)
    if record.ancestors:
        if is_inner:
            raise InvalidArgumentError("What is stored ahead of a task brings nothing of its own.")
        for one in record.ancestors:
            check_record(one, is_inner=True)
    if record.wait is not None:
        _check_wait(record, record.wait, is_inner)


def check_call(call: StateCall) -> None:
    """Refuse work on state whose values are no JSON.

    Raises:
        JsonError: One is none.
    """
    text: JsonText | None = None
    if isinstance(call, SetValue):
        text = call.value
    elif isinstance(call, PutStatus):
        text = call.data
    elif isinstance(call, RegisterSchedule):
        text = call.metadata
    if text is not None:
        check_dumped(text)


def check_task_id(task_id: str) -> None:
    """Refuse what cannot be the id of a task.

    Raises:
        InvalidArgumentError: It is none.
    """
    if _TASK_ID.fullmatch(task_id) is None:
        raise InvalidArgumentError(f"The id of a task has 1 to {_TASK_ID_LIMIT} letters, digits and underscores.")


def _check_error(error: ErrorInfo) -> None:
    if error.data is not None:
        check_dumped(error.data)


def _check_wait(record: TaskRecord, wait: TaskWait, is_inner: bool) -> None:
    if is_inner or record.status is TaskStatus.RUNNING:
        raise InvalidArgumentError("A task that waits for something is WAITING.")
    if isinstance(wait, Operation):
        if wait.secrets is not None:
            check_dumped(wait.secrets)
        return
    if wait.timeout is not None and not (isfinite(wait.timeout) and 0 <= wait.timeout <= _LONGEST_WAIT):
        raise InvalidArgumentError("A task waits for 0 seconds to 100 years, or for ever.")
    if isinstance(wait, EventWait):
        _check_event_wait(wait)
    elif isinstance(wait, RunsWait):
        for request in wait.requests:
            check_dumped(request.payload)
            check_dumped(request.context)


def _check_event_wait(wait: EventWait) -> None:
    for text, limit in ((wait.name, NAME_LIMIT), (wait.source, NAME_LIMIT), (wait.account_id, ID_LIMIT)):
        if text is not None and (len(text) > limit or "\x00" in text):
            raise InvalidArgumentError(f"The name of an event, of a source or of an account has {limit:,} characters.")
    for path, given in (("filter", wait.filter), ("context_filter", wait.context_filter)):
        if given is not None:
            compile_event_filter(load(check(given)), path=path)
