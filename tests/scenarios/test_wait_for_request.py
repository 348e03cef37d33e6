"""`io.wait_for_request`: the first request to a URL gives the result, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from perdure import IO
from tests.scenarios.app import App, task_of
from tests.scenarios.requests import Service, announce, post, post_raw


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
