"""`io.logger`: lines of a run's log, each written once however often the run is executed."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from perdure.errors import PerdureError
from perdure.protocol.execution import JsonText, TaskRecord
from perdure.protocol.guarded_json import MAX_NUMBER_LENGTH
from perdure.protocol.json_text import dump
from perdure.protocol.keys import idempotency_key
from perdure.protocol.statuses import TaskStatus
from perdure.sdk.calls import begin, finish, never
from perdure.sdk.codec import PLAIN
from perdure.sdk.failures import describe
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution

LEVELS = {"DEBUG": 10, "INFO": 20, "LOG": 20, "WARN": 30, "ERROR": 40}
"""The levels and their order; ``LOG`` ranks with ``INFO``."""

_MAX_MESSAGE = 16_384
_MAX_DATA = 262_144
_LONG_NUMBER = re.compile(rf"\d{{{MAX_NUMBER_LENGTH + 1}}}")


class Logger:
    """Writes lines to the run's log.

    A line's key is its message, its level and how often that pair was logged before in the same place, so lines
    are never ambiguous and never a mismatch. A line is stored no later than the next task's result.
    """

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def log(
        self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None
    ) -> Coroutine[Any, Any, None]:
        """Write a line of level LOG."""
        return self._call("LOG", message, data, exc_info)

    def debug(
        self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None
    ) -> Coroutine[Any, Any, None]:
        """Write a line of level DEBUG."""
        return self._call("DEBUG", message, data, exc_info)

    def info(
        self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None
    ) -> Coroutine[Any, Any, None]:
        """Write a line of level INFO."""
        return self._call("INFO", message, data, exc_info)

    def warn(
        self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None
    ) -> Coroutine[Any, Any, None]:
        """Write a line of level WARN."""
        return self._call("WARN", message, data, exc_info)

    warning = warn

    def error(
        self, message: object, data: Any = None, *, exc_info: BaseException | bool | None = None
    ) -> Coroutine[Any, Any, None]:
        """Write a line of level ERROR."""
        return self._call("ERROR", message, data, exc_info)

    def _call(
        self, level: str, message: object, data: Any, exc_info: BaseException | bool | None
    ) -> Coroutine[Any, Any, None]:
        text = text_of(message)
        error = sys.exception() if exc_info is True else exc_info or None
        told = data if error is None else with_error(data, error)
        return self._open(text, partial(_write, self._execution, level, text, told))

    def _open(self, text: str, make: Callable[[Caller], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None]:
        execution = self._execution
        coroutine = make(execution.calls.next)
        execution.calls.open("logger", text, coroutine)
        return coroutine


async def _write(execution: Execution, level: str, message: str, data: Any, call: Caller) -> None:
    branch = begin(execution, call)
    if branch is None:
        await never(execution)
        return
    try:
        if add_line(execution, level, message, data):
            await execution.on_loop(call, execution.lines.flush)
    finally:
        finish(execution, call, branch)


def add_line(execution: Execution, level: str, message: str, data: Any, *, can_wait: bool = True) -> bool:
    """Add a line to a run's log unless it is there already; from any thread.

    Args:
        execution: The run's.
        level: One of `LEVELS`.
        message: The line.
        data: What is shown with it.
        can_wait: Whether the caller flushes the lines if so many wait; otherwise the line may be lost.

    Returns:
        Whether so many lines wait to be stored that they should be flushed.
    """
    if LEVELS[level] < execution.log_threshold:
        return False
    scope = current_scope.get(execution.root)
    if scope.execution is not execution:
        scope = execution.root
    parent_id = scope.task.id if scope.task is not None else None
    with execution.lock:
        if scope.log_lines is None:
            scope.log_lines = {}
        ordinal = scope.log_lines.get((message, level), 0)
        scope.log_lines[message, level] = ordinal + 1
        key: list[object] = (
            [message, level] if ordinal == 0 and not scope.item else [message, level, f"{scope.item}{ordinal}"]
        )
        task_key = idempotency_key(execution.run_id, parent_id, key)
        if task_key in execution.memo.known:
            return False
        register = execution.register
        if register is not None and register.has_line(execution.run_id, execution.epoch, task_key):
            return False
    line = _line(execution, task_key, parent_id, level, message, data)
    with execution.lock:
        return (execution.lines.add if can_wait else execution.lines.offer)(line, scope.task)


def say_dropped(execution: Execution) -> None:
    """Say in a run's log how many lines were lost in this execution, if any were."""
    count, execution.lines.dropped = execution.lines.dropped, 0
    if count:
        add_line(execution, "WARN", f"{count} lines are missing: too many came at once to be stored.", None)


def _line(execution: Execution, key: str, parent_id: str | None, level: str, message: str, data: Any) -> TaskRecord:
    host = execution.host
    now = host.now()
    details = {
        "icon": "log",
        "description": message,
        "properties": [{"label": "Level", "text": level}],
        "style": {"style": "minimal", "variant": level.lower()},
    }
    return TaskRecord(
        host.new_task_id(),
        key,
        parent_id,
        "log",
        "log",
        TaskStatus.COMPLETED,
        now,
        noop=True,
        completed_at=now,
        params=_storable(data),
        details=JsonText(dump(details)),
    )


def _storable(data: Any) -> JsonText | None:
    """Encode a line's data; what cannot be stored is stored as its ``repr``, for a log line never fails a job."""
    if data is None:
        return None
    if isinstance(data, BaseException):
        data = _describe(data)
    try:
        text: str = PLAIN.encode(data, "data")
    except PerdureError:
        text = dump(_safe_repr(data))
    if _LONG_NUMBER.search(text):
        # No platform takes it.
        text = dump(_safe_repr(data))
    if len(text) > _MAX_DATA:
        text = dump(text[: _MAX_DATA // 2] + "…")
    return JsonText(text)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__qualname__} whose repr failed: {type(error).__name__}>"


def _describe(error: BaseException) -> dict[str, str | None]:
    info = describe(error)
    return {"name": info.name, "message": info.message, "stack": info.stack}


def with_error(data: Any, error: BaseException) -> Any:
    """Put an exception into a line's data."""
    return _describe(error) if data is None else {"data": data, "error": _describe(error)}


def text_of(message: object) -> str:
    """Turn a message into the text of a line."""
    try:
        return str(message)[:_MAX_MESSAGE]
    except Exception as error:
        return f"<{type(message).__qualname__} whose str failed: {type(error).__name__}>"
