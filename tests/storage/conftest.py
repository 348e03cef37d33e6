"""Every driver, for the tests that all must pass."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.storage.values import open_values, open_values_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from perdure.storage.interface import Storage


@pytest.fixture(params=["memory", "file"])
def values(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A storage that also knows the queries of these tests."""
    storage = open_values_in_memory() if request.param == "memory" else open_values(tmp_path / "values.db")
    yield storage
    asyncio.run(storage.close())
