"""`io.wait_for_request`: the first request to a URL gives the result, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from perdure import IO, Retry, RetryAt
from perdure.errors import InvalidArgumentError, PayloadValidationError, WaitTimeoutError
from perdure.protocol.keys import idempotency_key
from tests.scenarios.app import PATIENCE, App, task_of
from tests.scenarios.requests import Service, announce, post, post_now, post_raw


class Shot(BaseModel):
    image: str
    width: int = 1


class ServiceDownError(Exception):
    pass


def waiter(app: App, service: Service, **options: Any) -> Any:
    """A job that asks the service and gives what it answered."""

    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        return await io.wait_for_request("📸", service.ask, **options)

    return shoot


async def test_the_first_request_gives_the_result(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        assert (await post(url, {"image": "1.png"})).body == {"success": True}
        assert (await post(url, {"image": "2.png"})).status == 200
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", {"image": "1.png"})
    assert len(service.urls) == 1


async def test_a_run_says_that_it_waits_for_a_request(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        assert (await app.says(handle, "waits for wait_for_request '📸'")).status == "WAITING_TO_CONTINUE"
        await post(await service.url(), 1)
        await app.finish(handle)


async def test_of_a_hundred_requests_at_once_one_gives_the_result(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        answers = await asyncio.gather(*(post(url, number) for number in range(100)))
        run = await app.finish(handle)
        stored = task_of(run, "📸").output
    assert {answer.status for answer in answers} == {200}
    assert run.output == stored
    assert stored in range(100)


async def test_a_request_that_comes_while_the_callback_is_still_at_work_counts(app: App) -> None:
    @app.job
    async def shoot(payload: Any, io: IO) -> Any:
        return await io.wait_for_request("📸", lambda url: post_now(url, b'{"early": true}'))

    run = await app.run(shoot)
    assert run.output == {"early": True}


async def test_an_empty_body_is_none(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        await post_raw(await service.url(), b"")
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_encoding"),
        (b"[" * 65 + b"]" * 65, "json_too_deep"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b"[1e400]", "number_out_of_range"),
        (b"NaN", "invalid_json"),
    ],
)
async def test_a_body_that_is_not_json_is_refused_and_the_wait_goes_on(app: App, body: bytes, code: str) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        refused = await post_raw(url, body)
        assert (refused.status, refused.body["code"]) == (400, code)
        await post(url, "at last")
        run = await app.finish(handle)
    assert run.output == "at last"


async def test_what_is_no_callback_is_refused(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        wrong_token = await post(url[:-1] + ("0" if url[-1] != "0" else "1"), 1)
        other_task = await post(url.replace("/tasks/task_", "/tasks/task_0"), 1)
        too_short = await post(url[:-40], 1)
        by_get = await post_raw(url, b"", method="GET")
        too_large = await announce(url, 3 * 1024 * 1024 + 1)
        packed = await post_raw(url, b"{}", headers={"Content-Encoding": "gzip"})
        await post(url, "right")
        run = await app.finish(handle)
    unknown = {key: value for key, value in wrong_token.body.items() if key != "request_id"}
    assert (wrong_token.status, unknown["code"]) == (404, "not_found")
    assert {key: value for key, value in other_task.body.items() if key != "request_id"} == unknown
    assert too_short.status == 404
    assert (by_get.status, by_get.headers["allow"]) == (405, "POST")
    assert (too_large.status, too_large.body["code"]) == (413, "payload_too_large")
    assert (packed.status, packed.body["code"]) == (415, "unsupported_encoding")
    assert run.output == "right"


async def test_a_request_for_another_host_is_refused(app: App) -> None:
    service = Service()
    shoot = waiter(app, service)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        assert (await post_raw(url, b"1", headers={"Host": "evil.example"})).status == 421
        await post_raw(url, b"2", headers={"Host": f"localhost:{urlsplit(url).port}"})
        run = await app.finish(handle)
    assert run.output == 2


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


async def test_a_request_after_the_time_out_changes_nothing(app: App) -> None:
    service = Service()
    shoot = waiter(app, service, timeout=0.02)
    async with app.start():
        handle = await app.client.invoke(shoot)
        run = await app.finish(handle)
        assert (await post(await service.url(), 1)).status == 200
        after = await app.look_up(handle.id)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "WaitTimeoutError"
    assert after.tasks == run.tasks


async def test_a_request_to_a_cancelled_run_changes_nothing(app: App) -> None:
    service = Service()
    shoot = waiter(app, service, timeout=None)
    async with app.start():
        handle = await app.client.invoke(shoot)
        url = await service.url()
        await app.says(handle, "waits for")
        cancelled = await app.client.cancel_run(handle.id)
        assert (await post(url, 1)).status == 200
        assert (await app.client.get_run(handle.id)).tasks == cancelled.tasks
    assert cancelled.tasks[0].status == "CANCELED"


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


async def test_a_url_outlives_a_restart(durable_app: App) -> None:
    service = Service()
    shoot = waiter(durable_app, service)
    async with durable_app.start():
        handle = await durable_app.client.invoke(shoot)
        url = await service.url()
        await durable_app.says(handle, "waits for")
    async with durable_app.start():
        assert (await post(url, "after the restart")).status == 200
        run = await durable_app.finish(handle)
    assert run.output == "after the restart"
    assert len(service.urls) == 1


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


async def test_the_token_is_stored_nowhere(durable_app: App, tmp_path: Path) -> None:
    service = Service()
    shoot = waiter(durable_app, service)
    async with durable_app.start():
        handle = await durable_app.client.invoke(shoot)
        url = await service.url()
        await post(url, 1)
        await durable_app.finish(handle)
    token = url.rpartition("/")[2]
    assert len(bytes.fromhex(token)) == 32
    _check_files(tmp_path, token)


def _check_files(folder: Path, token: str) -> None:
    for path in folder.iterdir():
        assert token.encode() not in path.read_bytes()
        assert bytes.fromhex(token) not in path.read_bytes()
    assert (folder / "perdure.db.key").stat().st_mode & 0o777 == 0o600


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
