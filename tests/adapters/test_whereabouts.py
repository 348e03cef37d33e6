"""An app says from time to time where its executions are at work, for as long as any are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from perdure.adapters import whereabouts
from perdure.adapters.whereabouts import Whereabouts
from perdure.errors import NotConnectedError


class Platform:
    """Is told."""

    def __init__(self, *, has_lines: bool = True) -> None:
        self.has_lines = has_lines
        self.asked = asyncio.Queue[bool]()
        self.told = asyncio.Queue[list[Any]]()
        self.is_away = False

    def may_be_told(self) -> bool:
        self.asked.put_nowait(self.has_lines)
        return self.has_lines

    async def say_at_work(self, executions: Iterable[Any]) -> None:
        self.told.put_nowait(list(executions))
        if self.is_away:
            raise NotConnectedError("away")


class AtWork:
    """What is known of an execution."""

    def __init__(self, execution: str) -> None:
        self.execution = execution


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "SAY_SECONDS", 0.001)


async def test_what_is_at_work_is_said_again_and_again_also_to_a_server_that_was_away() -> None:
    platform, works = Platform(), dict[str, Any](a=AtWork("a"))
    said = Whereabouts(platform, works)
    said.begin()
    platform.is_away = True
    assert [await platform.told.get() for _ in range(2)] == [["a"]] * 2
    works["b"] = AtWork("b")
    said.begin()
    async with asyncio.timeout(10):
        while await platform.told.get() != ["a", "b"]:
            pass
    said.end()


async def test_when_nothing_is_at_work_any_more_nothing_is_said_until_something_is() -> None:
    platform, works = Platform(), dict[str, Any]()
    said = Whereabouts(platform, works)
    before = asyncio.all_tasks()
    said.begin()
    (saying,) = asyncio.all_tasks() - before
    await asyncio.wait([saying])
    assert platform.told.empty()
    works["a"] = AtWork("a")
    said.begin()
    assert await platform.told.get() == ["a"]
    said.end()


async def test_where_nobody_can_tell_anything_nothing_is_said() -> None:
    platform = Platform(has_lines=False)
    said = Whereabouts(platform, dict[str, Any](a=AtWork("a")))
    said.begin()
    assert [await platform.asked.get() for _ in range(2)] == [False, False]
    said.end()
    assert platform.told.empty()


async def test_where_something_is_waited_for_already_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "SAY_SECONDS", 3600)
    platform, works = Platform(), dict[str, Any](a=AtWork("a"))
    said = Whereabouts(platform, works)
    said.begin()
    works["b"] = AtWork("b")
    said.begin(at_once=True)
    async with asyncio.timeout(10):
        assert await platform.told.get() == ["a", "b"]
    said.end()
