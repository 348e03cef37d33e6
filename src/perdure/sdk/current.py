"""`current()`: the current run, for helper functions that were not handed ``io`` and ``ctx``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import NotInRunError, UseIoError
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from perdure.sdk.context import Context
    from perdure.sdk.io import IO


class CurrentRun:
    """The run that the calling code belongs to.

    Attributes:
        io: Its task library.
        ctx: Its context.
    """

    __slots__ = ("ctx", "io")

    def __init__(self, io: IO, ctx: Context) -> None:
        self.io = io
        self.ctx = ctx


def current() -> CurrentRun:
    """Give the current run.

    Raises:
        NotInRunError: The calling code does not belong to a run.
    """
    scope = current_scope.get(None)
    if scope is None or scope.execution.io is None or scope.execution.ctx is None:
        raise NotInRunError
    return CurrentRun(scope.execution.io, scope.execution.ctx)


def refuse_in_job(call: str, io_form: str) -> None:
    """Refuse a plain call where a replay would repeat it: in a job, outside every task body.

    Raises:
        UseIoError: The calling code is a job's own.
    """
    scope = current_scope.get(None)
    if scope is not None and scope.task is None:
        raise UseIoError(
            f"{call} inside a job would be repeated whenever the run is executed again; use {io_form}, whose result is "
            "stored. Inside a task's body the plain call is right."
        )
