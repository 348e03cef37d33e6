"""Outputs that an app gives with its answer: as large as those are that it stores by themselves, and no larger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import ValueTooLargeError
from perdure.protocol.failures import failure_of
from perdure.protocol.limits import OUTPUT_LIMIT

if TYPE_CHECKING:
    from perdure.protocol.execution import ErrorInfo


def excess_of(output: str | None, *, of: str) -> ErrorInfo | None:
    """Say what comes of an output that is too large; ``None``: it is not.

    Args:
        output: JSON.
        of: Whose it is: a run or a task.
    """
    # No character has more than four bytes, and to count them takes a copy.
    if output is None or len(output) * 4 <= OUTPUT_LIMIT:
        return None
    size = len(output.encode())
    if size <= OUTPUT_LIMIT:
        return None
    sentence = (
        f"The output of the {of} is {size:,} bytes of JSON; at most {OUTPUT_LIMIT:,} are stored. Keep the bulk "
        "elsewhere, such as in a file or an object store, and return a reference to it."
    )
    return failure_of(ValueTooLargeError(sentence))
