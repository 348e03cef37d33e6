"""Wrong ids and values from outside of runs: each a typed error at the call, and nothing is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import Client
from perdure.errors import InvalidArgumentError, NotFoundError
from tests.scenarios.app import App

LONE = "run_\ud800"

ID_CALLS: dict[str, Callable[[Client, Any], Awaitable[Any]]] = {
    "get_run": lambda client, id: client.get_run(id),
    "cancel_run": lambda client, id: client.cancel_run(id),
    "rerun": lambda client, id: client.rerun(id),
    "continue_run": lambda client, id: client.continue_run(id),
    "get_run_statuses": lambda client, id: client.get_run_statuses(id),
    "update_status": lambda client, id: client.update_status(id, "s", label="l"),
    "get_runs": lambda client, id: client.get_runs(id),
    "cancel_runs_for_job": lambda client, id: client.cancel_runs_for_job(id),
    "get_event": lambda client, id: client.get_event(id),
    "cancel_event": lambda client, id: client.cancel_event(id),
    "cancel_runs_for_event": lambda client, id: client.cancel_runs_for_event(id),
    "invoke": lambda client, id: client.invoke(id),
}


@pytest.mark.parametrize("wrong", [LONE, 7, None, b"run_1"], ids=["surrogate", "number", "none", "bytes"])
@pytest.mark.parametrize("call", ID_CALLS)
async def test_what_is_no_id_is_refused_where_it_is_given(app: App, call: str, wrong: Any) -> None:
    async with app.start():
        with pytest.raises(InvalidArgumentError):
            await ID_CALLS[call](app.client, wrong)


@pytest.mark.parametrize("call", [call for call in ID_CALLS if call != "get_runs"])
async def test_an_id_that_nothing_has_is_not_found(app: App, call: str) -> None:
    async with app.start():
        with pytest.raises(NotFoundError, match="nobody"):
            await ID_CALLS[call](app.client, "nobody")


@pytest.mark.parametrize("cursor", ["nowhere", LONE, 5])
async def test_what_is_no_cursor_is_refused(app: App, cursor: Any) -> None:
    @app.job
    async def job(payload: Any) -> None: ...

    async with app.start():
        handle = await app.client.invoke(job)
        await app.finish(handle)
        for call in (app.client.get_run(handle.id, cursor=cursor), app.client.get_runs("job", cursor=cursor)):
            with pytest.raises(InvalidArgumentError, match="cursor"):
                await call


@pytest.mark.parametrize("take", [2.0, True, 51, -1], ids=repr)
async def test_what_is_no_size_of_a_page_is_refused(app: App, take: Any) -> None:
    await ask_for_pages(app, take)


async def test_a_size_of_a_page_that_is_text_is_refused(app: App) -> None:
    await ask_for_pages(app, "5")


async def ask_for_pages(app: App, take: Any) -> None:
    @app.job
    async def job(payload: Any) -> None: ...

    async with app.start():
        handle = await app.client.invoke(job)
        await app.finish(handle)
        for call in (app.client.get_run(handle.id, take=take), app.client.get_runs("job", take=take)):
            with pytest.raises(InvalidArgumentError, match="take="):
                await call
