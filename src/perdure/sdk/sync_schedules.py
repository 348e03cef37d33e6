"""`schedule.sync`: the calls of a dynamic schedule for plain functions, made from the async ones."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from perdure.sdk.schedules import DynamicSchedule, io_at_hand
from perdure.sdk.scope import current_scope
from perdure.sdk.sync_io import SyncIO
from perdure.sdk.thread_io import ThreadBridge, ThreadIO

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from perdure.sdk.io import IO

P = ParamSpec("P")
R = TypeVar("R")


class ThreadSchedule(DynamicSchedule, frozen=True, kw_only=True):
    """A dynamic schedule whose calls are made in the threads of runs."""

    def _io(self, call: str) -> IO:
        io_at_hand(SyncIO, call, f"In an async function, await schedule.{call}; schedule.sync is for plain ones.")
        return ThreadIO(current_scope.get().execution)


def blocking(
    call: Callable[Concatenate[DynamicSchedule, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[SyncDynamicSchedule, P], R]:
    """Make the blocking form of a call: same arguments, result and errors."""

    @functools.wraps(call)
    def run(self: SyncDynamicSchedule, /, *args: P.args, **kwargs: P.kwargs) -> R:
        made = call(ThreadSchedule(id=self.id), *args, **kwargs)
        return ThreadBridge(current_scope.get().execution)(made)

    return run


class SyncDynamicSchedule:
    """A dynamic schedule whose calls block.

    Attributes:
        id: Names it in the environment.
    """

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:
        self.id = id

    register = blocking(DynamicSchedule.register)
    unregister = blocking(DynamicSchedule.unregister)
