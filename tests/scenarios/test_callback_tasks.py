"""Tasks of one's own that wait at a callback URL, and what is no such task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure import IO, RetryAt
from perdure.errors import InvalidArgumentError
from perdure.protocol.keys import idempotency_key
from tests.scenarios.app import App, task_of
from tests.scenarios.requests import Service, post
from tests.scenarios.shapes import Shot


async def test_a_task_of_ones_own_waits_at_its_callback_url(app: App) -> None:
    service = Service()
    seen: list[tuple[str, str, str]] = []

    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        async def ask(task: Any) -> str:
            if task.attempt == 1:
                raise ConnectionError("busy")
            seen.append((task.id, task.idempotency_key, task.callback_url))
            await service.ask(task.callback_url)
            return "what it returns is not the result"

        async def busy(error: Exception, task: Any, io: IO) -> RetryAt:
            seen.append((task.id, task.idempotency_key, task.callback_url))
            return RetryAt(datetime.now(UTC))

        shot = await io.run_task("own", ask, callback=60, as_type=Shot, icon="camera", on_error=busy)
        return shot.image

    async with app.start():
        handle = await app.client.invoke(shoot)
        await post(await service.url(), {"image": "1.png"})
        run = await app.finish(handle)
    assert run.output == "1.png"
    assert len(service.urls) == 1
    own = task_of(run, "own")
    assert own.icon == "camera"
    assert {(own.id, idempotency_key(run.id, None, "own"), service.urls[0])} == set(seen)


async def test_a_task_without_callback_has_no_url(app: App) -> None:
    @app.job
    async def plain(payload: Any, io: IO) -> Any:
        return await io.run_task("plain", lambda task: task.callback_url)

    assert (await app.run(plain)).output is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"callback": None}, "needs a function for its URL"),
        ({"callback": print, "timeout": -1}, "timeout is a duration"),
        ({"callback": print, "timeout": "soon"}, "timeout is a duration"),
        ({"callback": print, "retry": 3}, "retry"),
    ],
)
async def test_a_wrong_argument_is_refused_before_anything_is_stored(
    app: App, arguments: dict[str, Any], complaint: str
) -> None:
    @app.job
    async def wrong(payload: Any, io: IO) -> str:
        try:
            await io.wait_for_request("📸", **arguments)
        except InvalidArgumentError as error:
            return error.message
        return "accepted"

    run = await app.run(wrong)
    assert complaint in run.output
    assert run.tasks == ()


@pytest.mark.parametrize("options", [{"noop": True}, {"fn": None}])
async def test_a_callback_task_needs_a_function(app: App, options: dict[str, Any]) -> None:
    @app.job
    async def wrong(payload: Any, io: IO) -> str:
        try:
            await io.run_task("own", **({"fn": lambda: None} | options), callback=5)
        except InvalidArgumentError as error:
            return error.message
        return "accepted"

    assert "callback= needs a function" in (await app.run(wrong)).output
