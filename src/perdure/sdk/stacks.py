"""Tracebacks as text, without the frames that are not the user's."""

from __future__ import annotations

import os
from pathlib import Path
from traceback import TracebackException
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS: Final = f"{Path(__file__).parent.parent}{os.sep}"
_LIMIT: Final = 32_768
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"


def stack_text(error: BaseException, *, before: str | None = None) -> str:
    """Write an exception as Python prints it, causes and members of groups included.

    Frames of perdure itself are left out where any of the user's remain. Of more than 32 KiB the middle is
    left out.

    Args:
        error: The exception; nothing of it is kept alive.
        before: The text of what caused it, if that is all there is left of its cause.
    """
    trace = TracebackException.from_exception(error, compact=True)
    for one in _chain(trace):
        kept = [frame for frame in one.stack if not frame.filename.startswith(_OURS)]
        if kept:
            one.stack[:] = kept
    text = "".join(trace.format())
    if before is not None:
        text = f"{before.rstrip()}\n{_CAUSE}{text}"
    return _shorten(text.rstrip())


def _chain(trace: TracebackException) -> Iterator[TracebackException]:
    waiting: list[TracebackException | None] = [trace]
    while waiting:
        one = waiting.pop()
        if one is not None:
            yield one
            waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]


def _shorten(text: str) -> str:
    if len(text) <= _LIMIT:
        return text
    half = _LIMIT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
