"""Workers of an older and a newer version of an app at the same time, as in every deploy."""

from __future__ import annotations

import asyncio

import pytest

from perdure import Client
from perdure.engine import workers as rooms
from tests.adapters.dialling import Dialled, app, jobs_of, serving, until


async def test_an_older_worker_that_dials_in_again_takes_no_job_of_a_newer_one_away() -> None:
    async with serving() as node:
        older = Dialled(app("both", "old"))
        name = await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()
        assert jobs_of(node) == ["both", "new"]

        node.engine.own.remote.workers._sessions["shop"][name].close()
        assert await older.dialled_in() == name

        assert jobs_of(node) == ["both", "new"]
        await asyncio.gather(older.leave(), newer.leave())


async def test_when_a_worker_has_gone_for_good_what_those_have_that_are_left_is_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with serving() as node:
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()
        # Started once more, from what was deployed before.
        older = Dialled(app("both", "old"))
        await older.dialled_in()
        assert jobs_of(node) == ["both", "old"]

        await older.leave()

        await until(lambda: jobs_of(node) == ["both", "new"])
        await newer.leave()


async def test_a_newer_worker_that_starts_again_finds_its_jobs_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RETURN_SECONDS", 0.01)
    async with serving() as node:
        older = Dialled(app("both"))
        await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()

        await newer.leave()
        workers = node.engine.own.remote.workers
        await until(lambda: not workers._lost and not workers._errands)

        # Its events start runs meanwhile, which wait for it.
        assert jobs_of(node) == ["both", "new"]
        await older.leave()


async def test_a_job_that_only_the_newer_worker_has_is_executed_while_an_older_one_has_nothing_to_do() -> None:
    async with serving() as node:
        older = Dialled(app("both", "old"))
        await older.dialled_in()
        newer = Dialled(app("both", "new"))
        await newer.dialled_in()

        handle = await Client(id="asker").invoke("new", {})

        assert await handle.result(timeout=60) is None
        assert (await node.platform.get_run(handle.id)).executions == 1
        await asyncio.gather(older.leave(), newer.leave())
