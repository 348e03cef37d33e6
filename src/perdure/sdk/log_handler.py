"""`logging_handler()`: what an app logs while a run's code is at work goes to the run's log, too."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from perdure.sdk.io.logger import add_line, text_of, with_error
from perdure.sdk.lane import current_lane
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from perdure.sdk.execution import Execution

_OURS = "perdure"


def logging_handler(level: int | str = logging.NOTSET) -> logging.Handler:
    """Make a handler for `logging` that writes records of the current run to its log.

    Each is a line of the run's log, as one of ``io.logger`` is: stored once, however often the run is executed. Records
    from outside of runs are ignored, as are perdure's own. It works in async and in plain code, and never raises.

    Args:
        level: Records below it are ignored; those below the job's ``log_level=`` are, too.
    """
    return RunLogHandler(level)


class _Emitting(threading.local):
    """Whether the thread at hand is forwarding a record: what that itself causes to be logged is ignored."""

    now = False


class RunLogHandler(logging.Handler):
    """Writes records of the current run to its log."""

    _emitting = _Emitting()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the log of the run that it comes from, if it comes from one."""
        execution = _current_execution()
        if execution is None or self._emitting.now or record.name.partition(".")[0] == _OURS:
            return
        self._emitting.now = True
        try:
            self._forward(execution, record)
        except Exception:
            self.handleError(record)
        finally:
            self._emitting.now = False

    def _forward(self, execution: Execution, record: logging.LogRecord) -> None:
        message = record.getMessage() if self.formatter is None else self.formatter.format(record)
        error = record.exc_info[1] if record.exc_info else None
        data = None if error is None else with_error(None, error)
        if add_line(execution, _level_of(record.levelno), text_of(message), data, can_wait=False):
            execution.host.flush_soon(execution)


def _current_execution() -> Execution | None:
    """The execution that the calling code belongs to, if what it does counts."""
    scope = current_scope.get(None)
    if scope is None:
        return None
    execution, lane = scope.execution, current_lane()
    if execution.io is None or execution.interrupted or execution.parking.is_suspended:
        return None
    return None if lane is not None and lane.execution is execution and lane.is_over else execution


def _level_of(number: int) -> str:
    if number >= logging.ERROR:
        return "ERROR"
    if number >= logging.WARNING:
        return "WARN"
    return "INFO" if number >= logging.INFO else "DEBUG"
