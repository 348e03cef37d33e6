"""HTTP endpoints: requests from outside start runs, verified, once for each delivery."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from typing import Any

import pytest

from perdure import (
    IO,
    Context,
    HttpRequest,
    HttpResponse,
    RespondWith,
    VerifyResult,
    webhooks,
)
from perdure.errors import InvalidArgumentError, InvalidFilterError, NotFoundError
from perdure.sdk.records import Run
from tests.scenarios.app import App
from tests.scenarios.requests import request_now

SECRET = "hush"
JSON = {"Content-Type": "application/json"}


def signed(body: bytes) -> dict[str, str]:
    return {**JSON, "X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"}


async def send(
    app: App, endpoint_id: str, body: bytes = b"{}", *, method: str = "POST", query: str = "", **more: Any
) -> Any:
    url = await app.client.get_http_endpoint_url(endpoint_id)
    return await asyncio.to_thread(request_now, url + query, body, method, more.get("headers", JSON))


async def ended(app: App, job_id: str) -> list[Run]:
    """Every run of a job when all have ended, oldest first."""
    runs = (await app.client.get_runs(job_id, take=50)).runs
    return [await app.finish(run.id) for run in reversed(runs)]


async def test_a_request_starts_a_run_that_gets_it_and_survives_a_wait(app: App) -> None:
    hook = app.client.define_http_endpoint("My Hook", source="vendor.example", verify=webhooks.github(SECRET))

    @app.job(id="take", trigger=hook.on_request())
    async def take(payload: HttpRequest, io: IO, ctx: Context) -> Any:
        await io.wait("nap", 0.02)
        return [
            payload.method,
            payload.headers["x-a"],
            payload.json(),
            payload.text(),
            payload.body.hex(),
            ctx.event.name,
        ]

    body = '{"é": 1}'.encode()
    async with app.start():
        status, answer, _ = await send(app, "my-hook", body, headers={**signed(body), "X-A": "b"}, query="?q=1")
        assert (status, answer) == (200, b"")
        (run,) = await ended(app, "take")
    assert run.status == "SUCCESS"
    assert run.output == ["POST", "b", {"é": 1}, '{"é": 1}', body.hex(), "httpendpoint.my-hook"]


async def test_bytes_arrive_as_they_were_sent(app: App) -> None:
    hook = app.client.define_http_endpoint("hook", source="vendor.example", verify=webhooks.github(SECRET))

    @app.job(id="take", trigger=hook.on_request())
    async def take(payload: HttpRequest) -> str:
        return payload.body.hex()

    body = bytes(range(256))
    async with app.start():
        await send(app, "hook", body, headers=signed(body))
        (run,) = await ended(app, "take")
    assert run.output == body.hex()


async def test_a_request_that_is_not_what_it_says_it_is_fails_its_run(app: App) -> None:
    hook = app.client.define_http_endpoint("hook", source="vendor.example", verify=webhooks.github(SECRET))

    @app.job(id="take", trigger=hook.on_request())
    async def take(payload: HttpRequest) -> str:
        return "taken"

    async with app.start():
        assert (await send(app, "hook", headers={**signed(b"other")}))[0] == 200
        (run,) = await ended(app, "take")
    assert run.status == "FAILURE"
    assert run.error is not None
    assert (run.error.name, run.error.message) == (
        "PayloadVerificationError",
        "Payload verification failed. Failed sha256 verification",
    )


@pytest.mark.parametrize(
    ("said", "status", "message"),
    [
        (True, "SUCCESS", None),
        (VerifyResult(True), "SUCCESS", None),
        (False, "FAILURE", "Payload verification failed."),
        (VerifyResult(False, "not you"), "FAILURE", "Payload verification failed. not you"),
        (None, "FAILURE", "verify= returned"),
        (ValueError("broken"), "FAILURE", "broken"),
    ],
)
async def test_a_function_says_whether_a_request_is_what_it_says_it_is(
    app: App, said: Any, status: str, message: str | None
) -> None:
    def plainly(request: HttpRequest) -> Any:
        assert request.received_at is not None
        if isinstance(said, Exception):
            raise said
        return said

    async def slowly(request: HttpRequest) -> Any:
        await asyncio.sleep(0)
        return plainly(request)

    for name, verify in (("plain", plainly), ("slow", slowly)):
        hook = app.client.define_http_endpoint(name, source="vendor.example", verify=verify)

        @app.job(id=f"take-{name}", trigger=hook.on_request())
        async def take(payload: HttpRequest) -> str:
            return "taken"

    async with app.start():
        for name in ("plain", "slow"):
            await send(app, name)
            (run,) = await ended(app, f"take-{name}")
            assert run.status == status
            if message is not None:
                assert run.error is not None
                assert message in run.error.message


async def test_a_filter_sees_the_whole_request(app: App) -> None:
    hook = app.client.define_http_endpoint("hook", source="vendor.example")

    @app.job(id="pushes", trigger=hook.on_request(filter={"method": ["POST"], "body": {"action": ["push"]}}))
    async def pushes(payload: HttpRequest) -> Any:
        return payload.json()

    @app.job(id="all", trigger=hook.on_request())
    async def every(payload: HttpRequest) -> str:
        return payload.method

    async with app.start():
        await send(app, "hook", b'{"action":"push"}')
        await send(app, "hook", b'{"action":"push"}', method="PUT")
        await send(app, "hook", b'{"action":"pull"}')
        await send(app, "hook", b"", method="GET", headers={})
        assert [run.output for run in await ended(app, "pushes")] == [{"action": "push"}]
        assert [run.output for run in await ended(app, "all")] == ["POST", "PUT", "POST", "GET"]


async def test_a_filter_names_headers_in_any_case(app: App) -> None:
    hook = app.client.define_http_endpoint("hook", source="vendor.example")

    @app.job(id="pushes", trigger=hook.on_request(filter={"headers": {"X-GitHub-Event": ["push"]}}))
    async def pushes(payload: HttpRequest) -> str:
        return payload.headers["x-github-event"]

    async with app.start():
        for event in ("push", "pull"):
            await send(app, "hook", headers={**JSON, "X-GitHub-Event": event})
        assert [run.output for run in await ended(app, "pushes")] == ["push"]


async def test_a_delivery_starts_runs_once_however_often_it_comes(app: App) -> None:
    github = app.client.define_http_endpoint("github", source="github.com")
    stripe = app.client.define_http_endpoint("stripe", source="stripe.com", verify=webhooks.stripe(SECRET))

    @app.job(id="from-github", trigger=github.on_request())
    async def from_github(payload: HttpRequest) -> str:
        return payload.text()

    @app.job(id="from-stripe", trigger=stripe.on_request())
    async def from_stripe(payload: HttpRequest) -> str:
        return payload.text()

    async with app.start():
        for text in (b"1", b"2"):
            for _ in range(3):
                sent = await send(app, "github", text, headers={"X-GitHub-Delivery": text.decode()})
                assert sent[0] == 200
        for event in (b'{"id":"evt_1"}', b'{"id":"evt_1"}', b'{"id":"evt_2"}'):
            await send(app, "stripe", event)
        assert [run.output for run in await ended(app, "from-github")] == ["1", "2"]
        assert len(await ended(app, "from-stripe")) == 2


async def test_an_app_answers_requests_itself(app: App) -> None:
    def echo(request: HttpRequest) -> HttpResponse:
        return HttpResponse(201, {"challenge": request.json()["challenge"]}, {"X-Mine": "yes"})

    async def check(request: HttpRequest, verify: Any) -> HttpResponse:
        return HttpResponse(200 if (await verify()).success else 401)

    respond = RespondWith(echo, filter={"headers": {"X-Setup": ["yes"]}}, skip_triggering_runs=True)
    setup = app.client.define_http_endpoint("setup", source="vendor.example", respond_with=respond)
    strict = app.client.define_http_endpoint(
        "strict", source="vendor.example", verify=webhooks.github(SECRET), respond_with=RespondWith(check)
    )

    @app.job(id="of-setup", trigger=setup.on_request())
    async def of_setup(payload: HttpRequest) -> str:
        return "taken"

    @app.job(id="of-strict", trigger=strict.on_request())
    async def of_strict(payload: HttpRequest) -> str:
        return "taken"

    async with app.start():
        status, body, headers = await send(app, "setup", b'{"challenge":"c"}', headers={**JSON, "X-Setup": "yes"})
        assert (status, body, headers["x-mine"], headers["content-type"]) == (
            201, b'{"challenge":"c"}', "yes", "application/json",
        )  # fmt: skip
        assert (await send(app, "setup"))[:2] == (200, b"")
        assert (await send(app, "strict", headers={}))[0] == 401
        assert (await send(app, "strict", headers=signed(b"{}")))[0] == 200
        assert len(await ended(app, "of-setup")) == 1
        assert len(await ended(app, "of-strict")) == 1


@pytest.mark.parametrize(
    "given",
    [
        ValueError("broken"),
        HttpResponse(99),
        HttpResponse(headers={"a b": "c"}),
        HttpResponse(headers={"a": "b\n"}),
        object(),
    ],
)
async def test_a_handler_that_gives_no_response_lets_the_sender_send_again(
    app: App, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: HttpRequest) -> Any:
        if isinstance(given, Exception):
            raise given
        return given

    hook = app.client.define_http_endpoint("hook", source="vendor.example", respond_with=RespondWith(handler))

    @app.job(id="take", trigger=hook.on_request())
    async def take(payload: HttpRequest) -> str:
        return "taken"

    async with app.start():
        with caplog.at_level(logging.WARNING):
            status, body, _ = await send(app, "hook")
        assert status == 500
        assert b"broken" not in body
        assert await ended(app, "take") == []
    assert any("did not say what to answer" in record.getMessage() for record in caplog.records)


async def test_a_request_is_replayed_though_its_signed_time_is_long_ago(app: App) -> None:
    hook = app.client.define_http_endpoint("hook", source="vendor.example", verify=webhooks.standard("secret"))

    @app.job(id="take", trigger=hook.on_request())
    async def take(payload: HttpRequest) -> str:
        return payload.text()

    async with app.start():
        sent = await send(app, "hook", b"x", headers={"Webhook-Id": "m1"})
        (first,) = await ended(app, "take")
        assert (sent[0], first.status) == (200, "FAILURE")
        (event,) = (await app.client.connected().call(lambda platform: platform.list_events())).events
        again = await app.client.replay_request(event.id)
        assert again.id != event.id
        assert again.payload == (await app.client.get_event(event.id)).payload
        assert (await app.client.replay_request(again.id)).id.count("replay") == 1
        assert len(await ended(app, "take")) == 3


async def test_only_requests_are_replayed(app: App) -> None:
    async with app.start():
        sent = await app.client.send_event(name="httpendpoint.hook", payload={"not": "one"})
        with pytest.raises(InvalidArgumentError, match="is no request"):
            await app.client.replay_request(sent.id)
        with pytest.raises(NotFoundError):
            await app.client.replay_request("unknown")
        with pytest.raises(NotFoundError, match="no HTTP endpoint 'hook'"):
            await app.client.get_http_endpoint_url("hook")


async def test_a_url_stays_the_same_and_what_is_no_longer_declared_takes_nothing(durable_app: App) -> None:
    app = durable_app
    app.client.define_http_endpoint("hook", source="vendor.example")
    async with app.start():
        url = await app.client.get_http_endpoint_url("hook")
    async with app.start():
        assert await app.client.get_http_endpoint_url("hook") == url
    successor = app.successor()
    successor.client.define_http_endpoint("hook", source="vendor.example", enabled=False)
    async with successor.start():
        assert (await asyncio.to_thread(request_now, url, b"", "POST", {}))[0] == 404


def test_what_no_endpoint_may_be_is_refused_where_it_is_defined(app: App) -> None:
    define = app.client.define_http_endpoint
    define("hook", source="vendor.example")
    for options, match in (
        ({"id": "Hook"}, "has an HTTP endpoint 'hook' already"),
        ({"id": "///"}, "has letters"),
        ({"id": ".."}, "has letters"),
        ({"id": "x" * 201}, "1 to 200 characters"),
        ({"source": ""}, "source"),
        ({"verify": "secret"}, "verify="),
        ({"respond_with": print}, "respond_with="),
        ({"enabled": 1}, "enabled="),
    ):
        with pytest.raises(InvalidArgumentError, match=match):
            define(**{"id": "other", "source": "vendor.example", **options})  # type: ignore[arg-type]
    for filter in ({"methods": ["GET"]}, {"method": ["get"]}, {"body": [1]}):
        with pytest.raises(InvalidFilterError, match=r"respond_with\.filter"):
            define("other", source="vendor.example", respond_with=RespondWith(print, filter=filter))
    with pytest.raises(InvalidFilterError):
        define("other", source="vendor.example").on_request(filter={"body": {"a": [{"$regex": "x"}]}})


async def test_an_endpoint_is_defined_before_its_client_is_started(app: App) -> None:
    async with app.start():
        with pytest.raises(InvalidArgumentError, match="is started"):
            app.client.define_http_endpoint("hook", source="vendor.example")
