"""What the blocking forms of calls are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from perdure.sdk.io import IO

T = TypeVar("T")
Inner = TypeVar("Inner")


class Run(Protocol):
    """Runs a call to its end, and blocks the thread meanwhile."""

    def __call__(self, call: Coroutine[Any, Any, T], /) -> T:
        """Give the call's result, or raise its error."""
        ...


class SyncPart:
    """The base of each part of `SyncIO`.

    Args:
        io: The library whose calls are made.
        run: Runs them.
    """

    def __init__(self, io: IO, run: Run) -> None:
        self._io = io
        self._run = run


class SyncTwin(Generic[Inner]):
    """The base of the blocking form of what a call gives, or of a group of calls; it equals what it stands for.

    Args:
        inner: The object whose calls are made.
        run: Runs them.
    """

    __slots__ = ("_inner", "_run")

    def __init__(self, inner: Inner, run: Run) -> None:
        self._inner = inner
        self._run = run

    def __repr__(self) -> str:
        return f"Sync{self._inner!r}"

    def __eq__(self, other: object) -> bool:
        seen: object = cast("SyncTwin[object]", other)._inner if isinstance(other, SyncTwin) else other
        return bool(self._inner == seen)

    def __hash__(self) -> int:
        return hash(self._inner)
