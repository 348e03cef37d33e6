"""An app says from time to time where its executions are at work, and ends those whose runs are theirs no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.adapters import whereabouts
from perdure.adapters.whereabouts import Whereabouts
from perdure.errors import NotConnectedError, StaleExecutionError


class Platform:
    """Is told."""

    def __init__(self) -> None:
        self.told = asyncio.Queue[str]()
        self.has_lines = True
        self.is_away = False
        self.cancelled = ""
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def may_be_told(self) -> bool:
        return self.has_lines

    async def say_at_work(self, execution: Any) -> None:
        self.told.put_nowait(execution)
        await self.may_answer.wait()
        if self.is_away:
            raise NotConnectedError("away")
        if execution == self.cancelled:
            raise StaleExecutionError


class AtWork:
    """What is known of an execution."""

    def __init__(self, execution: str) -> None:
        self.execution = execution


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "SAY_SECONDS", 0.0)


def nobody(work: Any) -> None:
    pytest.fail("it was ended")


async def test_what_is_at_work_is_said_again_and_again_also_to_a_server_that_was_away() -> None:
    platform, works = Platform(), dict[str, Any](a=AtWork("a"))
    said = Whereabouts(platform, works, end=nobody)
    said.begin()
    platform.is_away = True
    assert [await platform.told.get() for _ in range(2)] == ["a", "a"]
    works["b"] = AtWork("b")
    said.begin()
    async with asyncio.timeout(10):
        while await platform.told.get() != "b":
            pass
    said.end()


async def test_while_the_server_does_not_answer_nothing_piles_up() -> None:
    platform, works = Platform(), dict[str, Any](a=AtWork("a"))
    platform.may_answer.clear()
    said = Whereabouts(platform, works, end=nobody)
    said.begin()
    assert await platform.told.get() == "a"
    for _ in range(100):
        await asyncio.sleep(0)
    assert platform.told.empty()
    platform.may_answer.set()
    assert await platform.told.get() == "a"
    said.end()


async def test_when_nothing_is_at_work_any_more_nothing_is_said_until_something_is() -> None:
    platform, works = Platform(), dict[str, Any]()
    said = Whereabouts(platform, works, end=nobody)
    before = asyncio.all_tasks()
    said.begin()
    (saying,) = asyncio.all_tasks() - before
    await asyncio.wait([saying])
    assert platform.told.empty()
    works["a"] = AtWork("a")
    said.begin()
    assert await platform.told.get() == "a"
    said.end()


async def test_an_execution_whose_run_is_not_its_own_any_more_is_ended() -> None:
    platform, works = Platform(), dict[str, Any](a=AtWork("a"), b=AtWork("b"))
    platform.cancelled = "b"
    ended = asyncio.Queue[Any]()
    said = Whereabouts(platform, works, end=ended.put_nowait)
    said.begin()
    assert await ended.get() is works["b"]
    said.end()


async def test_what_waits_for_something_when_it_begins_is_said_at_once_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whereabouts, "SAY_SECONDS", 3600)
    platform, works = Platform(), dict[str, Any](a=AtWork("a"), b=AtWork("b"), c=AtWork("c"))
    said = Whereabouts(platform, works, end=nobody)
    said.begin()
    said.begin(works["b"])
    platform.has_lines = False
    said.begin(works["c"])
    async with asyncio.timeout(10):
        assert await platform.told.get() == "b"
    for _ in range(10):
        await asyncio.sleep(0)
    assert platform.told.empty()
    said.end()
