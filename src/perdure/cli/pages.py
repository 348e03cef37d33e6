"""Reads as many entries of a list as were asked for, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

_PAGE: Final = 50
MOST: Final = 10_000
"""How many entries one command lists at most."""


async def collect(
    read: Callable[[str | None, int], Awaitable[tuple[Sequence[T], str | None]]], *, take: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """Read entries of a list.

    Args:
        read: Reads a page: given its cursor and how many entries it may have, its entries and the next cursor.
        take: How many entries in all, 1 to 10,000.
        cursor: Where to begin; ``None``: at the beginning.

    Returns:
        The entries, and where the list goes on, if it does.

    Raises:
        InvalidArgumentError: ``take`` is out of range.
    """
    if not 1 <= take <= MOST:
        raise InvalidArgumentError(f"--take is a number from 1 to {MOST:,}, not {take}.")
    found: list[T] = []
    while True:
        entries, cursor = await read(cursor, min(_PAGE, take - len(found)))
        found += entries
        if cursor is None or len(found) >= take:
            return found, cursor
