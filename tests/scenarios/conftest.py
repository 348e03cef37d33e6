"""Apps on fresh databases in every way of running; what they leave behind is checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.app import App
from tests.scenarios.oracles import check_database

LOGGER = "shop.orders"
"""The logger that the code of jobs logs with."""


@pytest.fixture(params=["sticky", "replay"])
def force_replay(request: pytest.FixtureRequest) -> bool:
    """Whether suspended runs are kept in memory or replayed."""
    return request.param == "replay"


@pytest.fixture(params=["memory", "file"])
def app(
    request: pytest.FixtureRequest, force_replay: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Iterator[App]:
    """An app on a database of each kind, in each way of running."""
    path = tmp_path / "perdure.db" if request.param == "file" else None
    yield App("sqlite://" if path is None else f"sqlite:///{path}", force_replay=force_replay)
    _check(path, caplog)


@pytest.fixture
def durable_app(force_replay: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[App]:
    """An app on a database that outlives its node."""
    path = tmp_path / "perdure.db"
    yield App(f"sqlite:///{path}", force_replay=force_replay)
    _check(path, caplog)


def _check(path: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    """Fail if something was reported that no caller sees, or if what is stored could not have come about."""
    records = [one for one in caplog.get_records("call") if one.levelno >= logging.ERROR and one.name != LOGGER]
    assert [record.getMessage() for record in records] == []
    if path is not None and path.exists():
        check_database(path)
