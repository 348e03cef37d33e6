"""`io.wait_for_request`: what is made of a body, what the callback does, and how waits go on beside others."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure import IO, Retry
from perdure.errors import PayloadValidationError, WaitTimeoutError
from tests.scenarios.app import PATIENCE, App, task_of
from tests.scenarios.requests import Service, post, post_now
from tests.scenarios.shapes import Shot


class ServiceDownError(Exception):
    pass


async def test_a_request_that_comes_while_the_callback_is_still_at_work_counts(app: App) -> None:
    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        return await io.wait_for_request("📸", lambda url: post_now(url, b'{"early": true}'))

    run = await app.run(shoot)
    assert run.output == {"early": True}


async def test_no_request_in_time_is_an_error(app: App) -> None:
    @app.job
    async def shoot(payload: Any, io: IO) -> list[str]:
        caught = []
        for key in ("first", "second"):
            try:
                await io.wait_for_request(key, lambda url: None, timeout=0.02)
            except WaitTimeoutError as error:
                caught.append(error.message)
        return caught

    run = await app.run(shoot)
    assert run.status == "SUCCESS"
    assert [message.split(" has ")[0] for message in run.output] == [
        "wait_for_request 'first'",
        "wait_for_request 'second'",
    ]
    assert task_of(run, "first").error.name == "WaitTimeoutError"  # type: ignore[union-attr]


async def test_the_body_is_decoded_to_the_type_that_is_asked_for(app: App) -> None:
    service = Service()

    @app.job
    async def shoot(payload: Any, io: IO) -> str:
        shot = await io.wait_for_request("📸", service.ask, as_type=Shot)
        await io.wait("⏰", 0.01)
        assert isinstance(shot, Shot)
        return shot.image

    async with app.start():
        handle = await app.client.invoke(shoot)
        await post(await service.url(), {"image": "1.png"})
        run = await app.finish(handle)
    assert run.output == "1.png"


async def test_a_body_that_does_not_fit_is_the_jobs_to_deal_with(app: App) -> None:
    service = Service()

    @app.job
    async def shoot(payload: Any, io: IO) -> str:
        try:
            await io.wait_for_request("📸", service.ask, as_type=Shot)
        except PayloadValidationError as error:
            await io.wait("⏰", 0.01)
            return str(error.issues[0].path[0])
        return "fits"

    async with app.start():
        handle = await app.client.invoke(shoot)
        await post(await service.url(), {"image": 1})
        run = await app.finish(handle)
    assert run.output == "image"


async def test_a_callback_that_raises_fails_the_wait_with_its_own_error(app: App) -> None:
    @app.job
    async def shoot(payload: Any, io: IO) -> str:
        def ask(url: str) -> None:
            raise ServiceDownError("till Monday")

        try:
            await io.wait_for_request("📸", ask)
        except ServiceDownError as error:
            await io.wait("⏰", 0.01)
            return str(error)
        return "asked"

    run = await app.run(shoot)
    assert run.output == "till Monday"
    assert task_of(run, "📸").status == "ERRORED"


async def test_a_callback_is_tried_again_as_retry_says(app: App) -> None:
    service = Service()
    calls: list[str] = []

    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        async def ask(url: str) -> None:
            calls.append(url)
            if len(calls) < 3:
                raise ServiceDownError
            await service.ask(url)

        return await io.wait_for_request("📸", ask, retry=Retry(limit=5, min_timeout=0.01))

    async with app.start():
        handle = await app.client.invoke(shoot)
        await post(await service.url(), "ok")
        run = await app.finish(handle)
    assert run.output == "ok"
    assert len(calls) == 3
    assert len(set(calls)) == 1


async def test_waits_in_several_branches_end_in_any_order(app: App) -> None:
    services = [Service() for _ in range(3)]

    @app.job
    async def shoot(payload: Any, io: IO) -> list[Any]:
        return await asyncio.gather(
            *(io.wait_for_request(["📸", at], service.ask) for at, service in enumerate(services))
        )

    async with app.start():
        handle = await app.client.invoke(shoot)
        urls = [await service.url() for service in services]
        for at in (2, 0, 1):
            await post(urls[at], at)
        run = await app.finish(handle)
    assert run.output == [0, 1, 2]
    assert [len(service.urls) for service in services] == [1, 1, 1]


async def test_a_wait_inside_a_task_and_without_a_key(app: App) -> None:
    service = Service()

    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        async def outer(task: Any, io: IO) -> Any:
            return await io.wait_for_request(callback=service.ask)

        return await io.run_task("outer", outer)

    async with app.start():
        handle = await app.client.invoke(shoot)
        await post(await service.url(), "inner")
        run = await app.finish(handle)
    assert run.output == "inner"


async def test_a_callback_that_had_not_returned_when_the_node_went_is_called_again(durable_app: App) -> None:
    service = Service()
    stuck = asyncio.Event()

    @durable_app.job
    async def shoot(payload: Any, io: IO) -> Any:
        async def ask(url: str) -> None:
            await service.ask(url)
            if len(service.urls) == 1:
                stuck.set()
                await asyncio.Event().wait()

        return await io.wait_for_request("📸", ask)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(shoot)
        await asyncio.wait_for(stuck.wait(), PATIENCE)
    async with durable_app.start():
        await durable_app.says(handle, "waits for")
        await post(await service.url(), "ok")
        run = await durable_app.finish(handle)
    assert run.output == "ok"
    assert len(service.urls) == 2
    assert len(set(service.urls)) == 1
