"""Statuses belong to a run and are listed in the order of their creation."""

from __future__ import annotations

from perdure.protocol.execution import JsonText
from perdure.protocol.state import StatusAnswer
from perdure.storage import run_statuses
from perdure.storage.interface import Storage
from tests.storage.nouns.rows import LATER, NOW, sow


def status(key: str, label: str = "a", history: str = "[]") -> StatusAnswer:
    return StatusAnswer(key, label, "loading", JsonText('{"n":1}'), JsonText(history))


async def test_a_key_has_one_status_in_each_run(storage: Storage) -> None:
    seed = await sow(storage)
    here, there = seed.run_no, seed.run_no + 1
    for key in ("z", "a", "m"):
        await storage.write(run_statuses.put, here, status=status(key), now=NOW)
    await storage.write(run_statuses.put, there, status=status("a", "b"), now=NOW)
    changed = StatusAnswer("a", "c", None, None, JsonText('[{"label":"a"}]'))
    await storage.write(run_statuses.put, here, status=changed, now=LATER)

    assert await storage.read(run_statuses.list_of_run, here) == [status("z"), changed, status("m")]
    assert await storage.read(run_statuses.find, here, key="a") == changed
    assert await storage.read(run_statuses.find, there, key="z") is None
    assert await storage.read(run_statuses.count, here) == 3
    assert await storage.read(run_statuses.list_of_run, there) == [status("a", "b")]
