"""Apps on fresh databases in every way of running; what they leave behind is checked.

Each scenario is run with the jobs that it declares, and with their plain twins (`tests.plain_twins`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import pytest

from perdure import Client
from tests.plain_twins import NotPlainError, make_twin
from tests.plain_twins.async_only import DIFFERENT
from tests.scenarios.app import App
from tests.scenarios.embedded_only import reason_of
from tests.scenarios.oracles import check_database
from tests.scenarios.remote import WAY, make_app

LOGGER = "shop.orders"
"""The logger that the code of jobs logs with."""


OWN_APPS = ("test_random_programs",)
"""Files whose tests make their apps themselves, many of them."""

PROVE = bool(os.environ.get("PERDURE_PROVE"))


@pytest.fixture(autouse=True)
def job_kind(request: pytest.FixtureRequest) -> str:
    """Whether the jobs of a test are ``async``, as they are written, or ``plain``."""
    return str(getattr(request, "param", "async"))


@pytest.fixture
def perdure_client(request: pytest.FixtureRequest) -> Client | None:
    """The client of the test's module, or that of its plain twin."""
    found = request.node.obj.__globals__.get("client")
    return found if isinstance(found, Client) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each test here run with jobs of both kinds, if it can."""
    path = metafunc.definition.path
    if path.parent != Path(__file__).parent or (path.stem, metafunc.function.__name__) in DIFFERENT:
        return
    with suppress(NotPlainError):
        make_twin(metafunc.function)
        metafunc.parametrize("job_kind", ["async", "plain"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the plain twin of a test in its place where its jobs are to be plain."""
    if WAY:
        _choose_remote(items)
    else:
        items[:] = [item for item in items if _is_wanted(item)]
    for item in items:
        if isinstance(item, pytest.Function) and _parameters(item).get("job_kind") == "plain":
            item.obj = make_twin(item.obj)


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


def _is_wanted(item: pytest.Item) -> bool:
    """Whether a test is run in this way: in all of them by ``make prove``.

    Otherwise, to save time, a test has its runs kept on one kind of database and replayed on the other one. Plain runs
    are never kept. Where runs crash everywhere, each suspension of an async one has it replayed anyway; so it is kept
    from there on, and its plain twin is replayed.
    """
    given = _parameters(item)
    turn = ("memory", "file")[crc32(item.name.partition("[")[0].encode()) % 2]
    database, way = given.get("app", turn), given.get("force_replay", given.get("env"))
    if given.get("job_kind") == "plain":
        return way != "sticky" and (PROVE or database == turn)
    if item.get_closest_marker("crash_everywhere") and "job_kind" in given:
        return PROVE or way == "sticky"
    return PROVE or "app" not in given or way is None or (database == turn) == (way == "sticky")


def _choose_remote(items: list[pytest.Item]) -> None:
    """Choose each test that has an app, once for each kind of jobs; only workers keep suspended runs."""
    chosen: list[pytest.Item] = []
    for item in items:
        given, names = _parameters(item), item.fixturenames if isinstance(item, pytest.Function) else []
        has_app = "app" in names or "durable_app" in names or item.path.stem in OWN_APPS
        is_kept = WAY == "worker" and given.get("job_kind", given.get("kind")) != "plain"
        way = "sticky" if is_kept else "replay"
        if not has_app or given.get("app", "file") != "file" or given.get("force_replay") != way:
            continue
        file = item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
        reason = reason_of(file, item.name.partition("[")[0], is_worker=WAY == "worker")
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))
        chosen.append(item)
    items[:] = chosen


@pytest.fixture
def outside_development(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server call an app on this machine also for environments in which it would not."""
    monkeypatch.setenv("PERDURE_EGRESS_ALLOW", "127.0.0.0/8")


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
    yield make_app("sqlite://" if path is None else f"sqlite:///{path}", force_replay=force_replay)
    _check(path, caplog)


@pytest.fixture
def durable_app(force_replay: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[App]:
    """An app on a database that outlives its node."""
    path = tmp_path / "perdure.db"
    yield make_app(f"sqlite:///{path}", force_replay=force_replay)
    _check(path, caplog)


def _check(path: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    """Fail if something was reported that no caller sees, or if what is stored could not have come about."""
    quiet = (LOGGER, "perdure.adapters.handler") if WAY else (LOGGER,)
    records = [one for one in caplog.get_records("call") if one.levelno >= logging.ERROR and one.name not in quiet]
    assert [record.getMessage() for record in records] == []
    if path is not None and path.exists():
        check_database(path)
