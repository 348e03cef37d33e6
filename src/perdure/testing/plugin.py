"""The plugin for pytest: the fixture `perdure_env`, and the markers ``crash_everywhere`` and ``force_replay``.

It is loaded with every session of pytest where perdure is installed, so it imports nothing before a test asks for it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from datetime import datetime

    from perdure.sdk.client import Client
    from perdure.testing.env import Env

_FIXTURE = "perdure_env"

_CRASH_EVERYWHERE = (
    "crash_everywhere(limit=1000): call the test once more for each point at which its runs may crash, with a fresh "
    "perdure_env; the outcome must be the same"
)
_FORCE_REPLAY = "force_replay: every run of the test's perdure_env replays whenever it was suspended"


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in (_CRASH_EVERYWHERE, _FORCE_REPLAY):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def perdure_client(request: pytest.FixtureRequest) -> Client | None:
    """The client that `perdure_env` hosts: ``client`` of the test's module, unless a fixture of this name says."""
    from perdure.sdk.client import Client

    found = getattr(cast("Any", request).module, "client", None)
    return found if isinstance(found, Client) else None


@pytest.fixture
def perdure_start() -> datetime | None:
    """The time that the clock of `perdure_env` begins with: now, unless a fixture of this name says."""
    return None


@pytest.fixture
def perdure_env(request: pytest.FixtureRequest, perdure_client: Client | None, perdure_start: datetime | None) -> Env:
    """An embedded node in memory with a clock that stands still, for this test alone."""
    from perdure.sdk.start import is_replay_forced
    from perdure.testing.env import Env

    clients = () if perdure_client is None else (perdure_client,)
    is_marked = request.node.get_closest_marker("force_replay") is not None
    return Env(*clients, force_replay=is_marked or is_replay_forced(), start=perdure_start)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Put the environment's life around a test that asks for it, whoever runs the test then."""
    test = getattr(item, "obj", None)
    env: Env | None = getattr(item, "funcargs", {}).get(_FIXTURE)
    marker = item.get_closest_marker("crash_everywhere")
    if marker is not None and (env is None or not inspect.iscoroutinefunction(test)):
        pytest.fail("crash_everywhere is for async tests that ask for perdure_env.", pytrace=False)
    if env is None or test is None or not inspect.iscoroutinefunction(test):
        return (yield)
    limits: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    item.obj = _within(env, test) if marker is None else _crashing(env, test, **limits)  # type: ignore[attr-defined]
    try:
        return (yield)
    finally:
        item.obj = test  # type: ignore[attr-defined]


@pytest.hookimpl
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test that asks for the environment, unless another plugin has done so."""
    if _FIXTURE not in pyfuncitem.funcargs or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    signature = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in signature}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _within(env: Env, test: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with env:
            await test(*args, **kwargs)

    return run


def _crashing(env: Env, test: Callable[..., Awaitable[object]], **limits: Any) -> Callable[..., Awaitable[object]]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        from perdure.errors import CrashSafetyError
        from perdure.testing.crashes import crash_everywhere

        try:
            await crash_everywhere(env, lambda: test(*args, **kwargs), **limits)
        except CrashSafetyError as error:
            # Where it was found out is of no interest.
            pytest.fail(error.message, pytrace=False)

    return run
