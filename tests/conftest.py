"""What every test has: coroutine tests run in a loop of their own, and `storage` is a database of each kind."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from perdure.storage.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from perdure.storage.interface import Storage

# No example fails because the machine is busy.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Spare the collector the thousands of tests themselves, which stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    storage = open_storage("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/perdure.db")
    yield storage
    asyncio.run(storage.close())
