"""How much is read for one answer: its rows together, or one that is larger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

MOST_BYTES = 16 * 1024 * 1024
"""How many bytes the entries of one page may hold together, if they are more than one."""


def take_fitting(rows: Iterable[tuple[Any, ...]], *, most: int = MOST_BYTES) -> tuple[list[Any], Any]:
    """Take rows that are read together, by what they hold.

    Args:
        rows: Of each its number or id, and the sizes in bytes of what it holds; null is nothing.
        most: How many bytes they may hold together.

    Returns:
        The numbers, one at least if there is any; and the first that was not taken, or ``None``.
    """
    taken: list[Any] = []
    size = 0
    for number, *sizes in rows:
        size += sum(one for one in sizes if one is not None)
        if taken and size > most:
            return taken, number
        taken.append(number)
    return taken, None
