"""Ids of spans that follow from what they are spans of, where the process lets us make them."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_WANTED: ContextVar[tuple[int, int] | None] = ContextVar("wanted span", default=None)


class TakeId:
    """Lets the span that is begun in a block have these ids: that of its trace, and its own."""

    @contextmanager
    def __call__(self, ids: tuple[int, int]) -> Generator[None]:
        """Enter the block."""
        token = _WANTED.set(ids)
        try:
            yield
        finally:
            _WANTED.reset(token)

    def is_heeded(self, trace: Any) -> bool:
        """Whether the process makes ids in our way."""
        return bool(getattr(getattr(trace.get_tracer_provider(), "id_generator", None), "takes_run_ids", False))


take_id: Final = TakeId()


def wanted_ids() -> tuple[int, int] | None:
    """Give the ids that the span which is begun now is to have, if there are any."""
    return _WANTED.get()
