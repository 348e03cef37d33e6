from __future__ import annotations

import pytest

from perdure.cli.pages import collect
from perdure.errors import InvalidArgumentError


async def _page(cursor: str | None, size: int) -> tuple[list[int], str | None]:
    """A list of 130 numbers; a page never has more than 40, and that at 80 has none."""
    first = int(cursor or 0)
    if cursor == "80":
        return [], "81"
    end = min(first + min(size, 40), 80 if first < 80 else 130)
    return list(range(first, end)), str(end) if end < 130 else None


async def test_pages_are_read_until_there_are_as_many_entries_as_wanted() -> None:
    assert await collect(_page, take=60, cursor=None) == (list(range(60)), "60")


async def test_a_page_without_entries_is_not_the_end() -> None:
    found, following = await collect(_page, take=1000, cursor=None)
    assert found == [*range(80), *range(81, 130)]
    assert following is None


@pytest.mark.parametrize("take", [0, -1, 10_001])
async def test_an_amount_out_of_range_is_refused(take: int) -> None:
    with pytest.raises(InvalidArgumentError, match="--take"):
        await collect(_page, take=take, cursor=None)
