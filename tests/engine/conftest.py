"""A database of each kind, with the oracles of these tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from perdure.storage.interface import Storage
from perdure.storage.queries import load_queries
from perdure.storage.sqlite.opening import named_queries, open_file, open_memory
from tests.engine.app import ScriptedApp
from tests.engine.clock import ManualClock

ORACLES = Path(__file__).parent / "queries"


def open_storage(path: Path | None) -> Storage:
    queries, oracles = named_queries(), load_queries(ORACLES)
    assert not queries.keys() & oracles.keys()
    queries = queries | oracles
    if path is None:
        return open_memory(queries=queries)
    return open_file(path, lock_timeout=timedelta(seconds=10), queries=queries)


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    storage = open_storage(None if request.param == "memory" else tmp_path / "perdure.db")
    yield storage
    asyncio.run(storage.close())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def app(clock: ManualClock) -> ScriptedApp:
    return ScriptedApp(clock)
