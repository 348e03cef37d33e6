"""`current()`: the current run, for helper functions that were not handed ``io`` and ``ctx``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from perdure.errors import InvalidArgumentError, NotInRunError, UseIoError
from perdure.sdk.lane import current_lane
from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from perdure.sdk.context import Context
    from perdure.sdk.io import IO

L = TypeVar("L")


class CurrentRun(Generic[L]):
    """The run that the calling code belongs to.

    Attributes:
        io: Its task library: an `IO` for async code, a `SyncIO` for plain code in a thread.
        ctx: Its context.
    """

    __slots__ = ("ctx", "io")

    def __init__(self, io: L, ctx: Context) -> None:
        self.io = io
        self.ctx = ctx


@overload
def current() -> CurrentRun[IO]: ...


@overload
def current(kind: type[L]) -> CurrentRun[L]: ...


def current(kind: type[Any] | None = None) -> CurrentRun[Any]:
    """Give the current run.

    Args:
        kind: `IO` or `SyncIO`: what ``io`` is to be, for type checkers; plain code says ``current(SyncIO)``. Without
            it, ``io`` is what fits the calling code all the same.

    Raises:
        NotInRunError: The calling code does not belong to a run.
        InvalidArgumentError: It cannot use that kind: async code awaits, plain code in a thread does not.
    """
    scope = current_scope.get(None)
    if scope is None or scope.execution.io is None or scope.execution.ctx is None:
        raise NotInRunError
    execution = scope.execution
    lane = current_lane()
    io: Any = execution.io if lane is None or lane.execution is not execution else execution.sync_io()
    if kind is not None and not isinstance(io, kind):
        raise InvalidArgumentError(
            f"This code belongs to a run, and its io is {type(io).__name__}, not {kind.__name__}: async code has IO, "
            "plain code in a thread SyncIO."
        )
    return CurrentRun(io, scope.execution.ctx)


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
