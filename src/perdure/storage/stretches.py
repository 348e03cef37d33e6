"""Looking for rows that no index knows: one stretch after another, newest first, and no further than is bearable."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from perdure.storage.interface import Session, Value

LOOK = 50_000
"""How many rows are looked at for one page at most."""

NEWEST = 2**63 - 1
"""More than the number of any row."""

_LONGEST = 5000


async def walk(tx: Session, query: str, *args: Value, first: int, limit: int) -> tuple[list[int], int | None]:
    """Find rows that fit, from a number downwards.

    Args:
        tx: An open transaction.
        query: Gives the numbers of a stretch of rows, newest first, each with null if it does not fit.
        args: Its first arguments; a number to begin with, and how many rows, follow.
        first: The number to begin with.
        limit: How many rows fit on a page; one more ends the search.

    Returns:
        The numbers, and with which number to go on; ``None`` if there are no more rows.
    """
    found: list[int] = []
    looked_at = 0
    while True:
        # The newest rows mostly fill a page, so the first stretch is a short one.
        stretch = min(_LONGEST, 4 * (limit + looked_at), LOOK - looked_at)
        rows = await tx.all(query, *args, first, stretch)
        found += [cast("int", number) for number, fits in rows if fits is not None]
        looked_at += len(rows)
        first = cast("int", rows[-1][0]) - 1 if rows else 0
        if len(rows) < stretch or first < 1:
            return found, None
        if len(found) > limit or looked_at >= LOOK:
            return found, first
