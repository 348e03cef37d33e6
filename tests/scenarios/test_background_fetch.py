"""`io.background_fetch` and `io.background_fetch_response`: the node makes the request, the job gets the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from perdure import IO, FetchResponse, redact_string
from perdure.errors import (
    BlockedAddressError,
    FetchFailedError,
    FetchTimeoutError,
    InvalidArgumentError,
    InvalidFilterError,
    InvalidHeaderError,
    InvalidUrlError,
    PayloadValidationError,
    ResponseTooLargeError,
    RunError,
    ValueTooLargeError,
)
from perdure.protocol.outbound import REQUEST_BODY_LIMIT
from tests.scenarios.app import App, task_of
from tests.scenarios.target import Reply, target

SOON = {"strategy": "backoff", "min_timeout": 0, "limit": 5}


@dataclass
class Thing:
    n: int


async def test_a_fetch_gives_the_body_typed_and_is_made_once(app: App) -> None:
    @app.job
    async def fetching(payload: Any, io: IO) -> list[Any]:
        thing = await io.background_fetch("💬", service.url("/thing"), as_type=Thing)
        plain = await io.background_fetch(["💬", 2], service.url("/thing"))
        await io.wait("w", 0.01)
        again = await io.background_fetch("💬", service.url("/thing"), as_type=Thing)
        return [type(thing).__name__, thing.n, plain, again == thing]

    async with target(thing=Reply({"n": 7})) as service:
        run = await app.run(fetching)
    assert (run.status, run.output) == ("SUCCESS", ["Thing", 7, {"n": 7}, True])
    assert len(service.requests) == 2
    task = task_of(run, "💬")
    assert (task.status, task.attempts, task.icon, task.output) == ("COMPLETED", 1, "background", {"n": 7})
    assert task.name == "fetch 127.0.0.1/thing"


async def test_a_response_has_status_and_headers_and_typed_data(app: App) -> None:
    @app.job
    async def fetching(payload: Any, io: IO) -> dict[str, Any]:
        response = await io.background_fetch_response("💬", service.url("/thing"), as_type=Thing)
        assert isinstance(response, FetchResponse)
        await io.wait("w", 0.01)
        again = await io.background_fetch_response("💬", service.url("/thing"), as_type=Thing)
        assert (again, type(again.data)) == (response, Thing)
        return {"status": response.status, "headers": response.headers, "n": response.data.n}

    headers = {"X-Trace": "abc", "Set-Cookie": "session=hush"}
    async with target(thing=Reply({"n": 7}, 201, headers)) as service:
        run = await app.run(fetching)
    assert run.output == {
        "status": 201,
        "headers": {"content-length": "7", "x-trace": "abc", "set-cookie": "***"},
        "n": 7,
    }


@pytest.mark.parametrize(
    ("options", "method", "body", "content_type"),
    [
        ({}, "GET", b"", None),
        ({"method": "post", "body": "text"}, "POST", b"text", None),
        ({"method": "PUT", "body": b"\x00\xff"}, "PUT", b"\x00\xff", None),
        ({"method": "POST", "json": {"a": [1, Thing(2)]}}, "POST", b'{"a":[1,{"n":2}]}', "application/json"),
        ({"method": "POST", "json": 1, "headers": {"content-type": "x/y"}}, "POST", b"1", "x/y"),
        ({"method": "POST", "json": {"t": redact_string("a{}", "b")}}, "POST", b'{"t":"ab"}', "application/json"),
        ({"method": "POST", "body": redact_string("a{}", "b")}, "POST", b"ab", None),
    ],
    ids=["nothing", "text", "bytes", "json", "json with a type", "json with a secret", "a secret text"],
)
async def test_what_is_sent_is_what_was_given(
    app: App, options: dict[str, Any], method: str, body: bytes, content_type: str | None
) -> None:
    @app.job
    async def fetching(payload: Any, io: IO) -> None:
        await io.background_fetch("💬", service.url("/thing?n=1"), **options)

    async with target(thing=Reply()) as service:
        assert (await app.run(fetching)).status == "SUCCESS"
    (request,) = service.requests
    assert (request.method, request.target, request.body) == (method, "/thing?n=1", body)
    assert request.headers.get("content-type") == content_type


async def test_a_failure_is_tried_again_by_the_first_strategy_that_is_for_it(app: App) -> None:
    @app.job
    async def fetching(payload: Any, io: IO) -> Any:
        return await io.background_fetch(
            "💬",
            service.url("/busy"),
            retry={
                429: {
                    "strategy": "headers",
                    "reset_header": "X-Reset",
                    "reset_format": "iso_8601_duration_openai_variant",
                    "body_filter": {"code": ["rate"]},
                },
                "500-599": SOON,
            },
        )

    async with target(
        busy=[Reply({"code": "rate"}, 429, {"X-Reset": "5ms"}), Reply(b"", 503), Reply("at last")]
    ) as service:
        run = await app.run(fetching)
    assert (run.status, run.output) == ("SUCCESS", "at last")
    assert task_of(run, "💬").attempts == 3
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 1


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (Reply({"why": "no"}, 404), 404, {"why": "no"}),
        (Reply(b"<html>", 500), 500, "<html>"),
        (Reply(b"", 500), 500, None),
    ],
    ids=["json", "text", "nothing"],
)
async def test_a_failure_raises_the_same_error_on_every_replay(app: App, reply: Reply, status: int, body: Any) -> None:
    seen: list[FetchFailedError] = []

    @app.job
    async def failing(payload: Any, io: IO) -> list[Any]:
        try:
            await io.background_fetch("💬", service.url("/thing"))
        except FetchFailedError as error:
            seen.append(error)
        await io.wait("w", 0.01)
        try:
            await io.background_fetch("💬", service.url("/thing"))
        except FetchFailedError as error:
            seen.append(error)
        return [seen[-1].status, seen[-1].body, seen[-1].message]

    async with target(thing=reply) as service:
        run = await app.run(failing)
    assert run.output[:2] == [status, body]
    assert len({(error.message, error.status, str(error.body)) for error in seen}) == 1
    assert "background_fetch '💬' failed" in run.output[2]
    assert len(service.requests) == 1


async def test_an_error_that_nobody_catches_fails_the_run(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await io.background_fetch("💬", service.url("/thing"))

    async with target(thing=Reply(None, 404)) as service:
        run = await app.run(failing)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "FetchFailedError"
    assert task_of(run, "💬").error is not None


async def test_a_target_that_does_not_answer_in_time_is_a_timeout(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.background_fetch("💬", service.url("/thing"), timeout=timedelta(seconds=1))
        except FetchTimeoutError as error:
            return error.message
        return "answered"

    async with target(thing=Reply()) as service:
        service.hangs = True
        run = await app.run(failing)
    assert "did not answer in full within 1 seconds" in run.output


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://10.0.0.1/",
    ],
    ids=["metadata", "mapped", "translated", "private"],
)
async def test_a_blocked_address_fails_the_task_with_that_error(app: App, url: str) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.background_fetch("💬", url)
        except BlockedAddressError as error:
            return error.message
        return "sent"

    run = await app.run(failing)
    assert "are blocked" in run.output
    assert task_of(run, "💬").status == "ERRORED"


async def test_an_answer_that_is_too_large_is_an_error_and_not_tried_again(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.background_fetch("💬", service.url("/thing"))
        except ResponseTooLargeError as error:
            return error.message
        return "read"

    async with target(thing=Reply(b"x" * (3 * 1024 * 1024 + 1))) as service:
        run = await app.run(failing)
    assert "larger than 3 MiB" in run.output
    assert len(service.requests) == 1


async def test_a_body_that_does_not_fit_its_type_is_an_error_on_every_replay(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> list[str]:
        names: list[str] = []
        for key, call in (("a", io.background_fetch), ("b", io.background_fetch_response)):
            try:
                await call(key, service.url("/thing"), as_type=Thing)
            except PayloadValidationError as error:
                names.append(error.message)
            await io.wait(["w", key], 0.01)
        return names

    async with target(thing=Reply({"n": "seven"})) as service:
        run = await app.run(failing)
    assert [told.partition(" The value does not fit ")[0] for told in run.output] == [
        "background_fetch 'a':",
        "background_fetch_response 'b':",
    ]
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"url": None}, InvalidUrlError, "text or a redact_string"),
        ({"url": "ftp://h/"}, InvalidUrlError, "only http and https"),
        ({"url": "/relative"}, InvalidUrlError, "not an absolute URL"),
        ({"url": "http://u:p@h/"}, InvalidUrlError, "user name or password"),
        ({"url": "http://2130706433/"}, BlockedAddressError, "unusual spelling"),
        ({"method": "NO WAY"}, InvalidArgumentError, "method"),
        ({"method": 7}, InvalidArgumentError, "method="),
        ({"headers": {"X": "a\r\nHost: evil"}}, InvalidHeaderError, "line break"),
        ({"headers": {"Host": "evil"}}, InvalidHeaderError, "set by perdure"),
        ({"headers": {"X": 7}}, InvalidHeaderError, "given int"),
        ({"headers": [("X", "7")]}, InvalidHeaderError, "is a dict"),
        ({"body": "a", "json": 1}, InvalidArgumentError, "not both"),
        ({"body": {"a": 1}}, InvalidArgumentError, "json= takes any value"),
        ({"body": b"x" * (REQUEST_BODY_LIMIT + 1)}, ValueTooLargeError, "3,145,728"),
        ({"timeout": 0.5}, InvalidArgumentError, "timeout is a duration from 1 to 300"),
        ({"timeout": 301}, InvalidArgumentError, "timeout is a duration from 1 to 300"),
        ({"timeout_retry": 3}, InvalidArgumentError, "retry="),
        ({"retry": {"4": {"strategy": "backoff"}}}, InvalidArgumentError, "no status pattern"),
        (
            {"retry": {429: {"strategy": "backoff", "body_filter": {"a": [{"$regex": "("}]}}}},
            InvalidFilterError,
            "body_filter",
        ),
    ],
)
async def test_a_wrong_argument_is_refused_where_it_is_given(
    app: App, arguments: dict[str, Any], error: type[RunError], message: str
) -> None:
    @app.job
    async def wrong(payload: Any, io: IO) -> int:
        refused = 0
        for call in (io.background_fetch, io.background_fetch_response):
            with pytest.raises(error, match=message):
                call("💬", **({"url": "https://api.example/"} | arguments))
            refused += 1
        return refused

    run = await app.run(wrong)
    assert (run.status, run.output, run.tasks) == ("SUCCESS", 2, ())


async def test_many_fetches_at_once_need_few_executions(app: App) -> None:
    @app.job
    async def gathering(payload: Any, io: IO) -> list[int]:
        fetches = (io.background_fetch(["💬", n], service.url("/thing")) for n in range(20))
        waits = (io.wait(["w", n], 0.01) for n in range(3))
        results = await asyncio.gather(*fetches, *waits)
        return [one for one in results if one is not None]

    async with target(thing=Reply(7)) as service, app.start():
        run = await app.finish(await app.client.invoke(gathering))
        executions = await app.executions(run)
    assert run.output == [7] * 20
    assert len(service.requests) == 20
    assert executions <= 24


async def test_fetches_in_a_parallel_block_and_inside_a_task_are_found_again(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> list[Any]:
        async def outer(task: Any, io: IO) -> Any:
            return await io.background_fetch("inner", service.url("/thing"))

        async def item(n: int, index: int) -> Any:
            return await io.background_fetch(url=service.url(f"/thing?n={n}"))

        return [await io.run_task("outer", outer), *await io.parallel("parts", [1, 2, 3], item)]

    async with target(thing=Reply(7)) as service:
        run = await app.run(nesting)
    assert run.output == [7, 7, 7, 7]
    assert len(service.requests) == 4
    assert task_of(run, "outer/inner").status == "COMPLETED"


async def test_an_automatic_key_counts_calls_of_one_path_and_meets_only_the_same_parameters(app: App) -> None:
    asked: list[str] = []

    @app.job
    async def asking(payload: Any, io: IO) -> list[Any]:
        headers = {"X-Attempt": str(len(asked))}
        asked.append("again")
        first = await io.background_fetch(url=service.url("/a"), headers=headers)
        second = await io.background_fetch(url=service.url("/a"), headers=headers)
        await io.wait("w", 0.01)
        return [first, second]

    async with target(a=[Reply(1), Reply(2)]) as service:
        run = await app.run(asking)
    assert (run.status, run.output, run.warnings) == ("SUCCESS", [1, 2], ())


async def test_other_parameters_under_an_automatic_key_are_a_mismatch(durable_app: App) -> None:
    paths = ["/a?n=1"]

    @durable_app.job
    async def changing(payload: Any, io: IO) -> str:
        await io.background_fetch(url=service.url(paths[-1]))
        await io.wait("w", 0.2)
        return "done"

    async with target(a=Reply(1)) as service:
        async with durable_app.start():
            handle = await durable_app.client.invoke(changing)
            await durable_app.says(handle, "wait 'w'")
        paths.append("/a?n=2")
        async with durable_app.start():
            run = await durable_app.finish(handle.id)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert run.error.name == "CacheKeyMismatchError"
    assert "url was" in run.error.message


async def test_cancelling_a_run_cuts_its_fetch(app: App) -> None:
    @app.job
    async def hanging(payload: Any, io: IO) -> None:
        await io.background_fetch("💬", service.url("/thing"))

    async with target(thing=Reply()) as service, app.start():
        service.hangs = True
        handle = await app.client.invoke(hanging)
        await service.arrived()
        await app.client.cancel_run(handle.id)
        run = await app.look_up(handle.id)
        assert (run.status, task_of(run, "💬").status) == ("CANCELED", "CANCELED")


async def test_a_fetch_in_flight_is_made_again_after_a_restart(durable_app: App) -> None:
    log: list[str] = []

    @durable_app.job
    async def fetching(payload: Any, io: IO) -> Any:
        await io.run_task("before", lambda: log.append("before"))
        return await io.background_fetch("💬", service.url("/thing"), headers={"Authorization": "Bearer hush"})

    async with target(thing=Reply({"n": 7})) as service:
        service.hangs = True
        async with durable_app.start():
            handle = await durable_app.client.invoke(fetching)
            await service.arrived()
        service.hangs = False
        async with durable_app.start():
            run = await durable_app.finish(handle.id)
        first, second = service.requests
    assert (run.status, run.output, log) == ("SUCCESS", {"n": 7}, ["before"])
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert second.headers["authorization"] == "Bearer hush"


async def test_a_retry_that_is_due_while_no_node_runs_is_made_by_the_next(durable_app: App) -> None:
    @durable_app.job
    async def fetching(payload: Any, io: IO) -> Any:
        retry = {503: {"strategy": "backoff", "min_timeout": 0.3, "randomize": False}}
        return await io.background_fetch("💬", service.url("/busy"), retry=retry)

    async with target(busy=[Reply(None, 503), Reply(7)]) as service:
        async with durable_app.start():
            handle = await durable_app.client.invoke(fetching)
            await service.arrived()
            await durable_app.says(handle, "background_fetch '💬'")
        async with durable_app.start():
            run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", 7)
    assert len(service.requests) == 2


async def test_a_fetch_that_failed_is_made_anew_as_the_code_says_now_when_its_run_is_continued(app: App) -> None:
    paths = ["/missing"]

    @app.job
    async def fetching(payload: Any, io: IO) -> Any:
        retry = {503: {"strategy": "backoff", "min_timeout": 0}}
        return await io.background_fetch(
            "💬", service.url("/thing"), method="POST", body=paths[-1], headers={"Cookie": paths[-1]}, retry=retry
        )

    async with target(thing=[Reply(None, 404), Reply(None, 503), Reply(7)]) as service, app.start():
        handle = await app.client.invoke(fetching)
        assert (await app.finish(handle)).status == "FAILURE"
        paths.append("/there")
        await app.client.continue_run(handle.id)
        run = await app.finish(handle)
    assert (run.status, run.output) == ("SUCCESS", 7)
    assert [request.body for request in service.requests] == [b"/missing", b"/there", b"/there"]
    assert [request.headers["cookie"] for request in service.requests] == ["/missing", "/there", "/there"]
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 1
    assert task_of(run, "💬").params["requestInit"]["body"] == "/there"
