"""Fakes: what answers a key in place of a task's body, or of whoever outside would."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, Field

from perdure import IO, Client, FetchResponse, ReceivedEvent, Retry, invoke_trigger
from perdure.errors import (
    FetchFailedError,
    InvalidArgumentError,
    InvokedRunFailedError,
    TaskFailedError,
    UnmetExpectationError,
    WaitTimeoutError,
)
from perdure.testing import Env, EnvRun


class Order(BaseModel):
    number: int = Field(alias="orderNumber")


class DeclinedError(Exception):
    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def never(*_: Any) -> Any:
    raise AssertionError("a body ran that is faked")


async def run(env: Env, job: Any) -> EnvRun:
    """Run a function as a job."""
    client = Client(id="faked")
    client.job(id="faked", version="1.0.0", trigger=invoke_trigger())(job)
    env.use(client)
    return await env.invoke("faked")


async def test_a_value_answers_a_key_without_the_body(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> Any:
        return await io.run_task("💬", never, params={"model": "gpt"})

    fake = perdure_env.fake("💬", {"content": "hello"})
    ended = await run(perdure_env, job)

    assert ended.output == {"content": "hello"}
    assert ended.task("💬").output == {"content": "hello"}
    assert ended.task("💬").params == {"model": "gpt"}
    assert perdure_env.fakes["💬"].calls == [{"model": "gpt"}]
    assert perdure_env.fakes["💬"] is fake


async def test_an_answer_comes_back_as_annotated(perdure_env: Env) -> None:
    def load() -> Order:
        return never()

    async def job(payload: Any, io: IO) -> list[Any]:
        one, two = await io.run_task("one", load), await io.run_task("two", load)
        await io.wait("wait", 1)
        return [type(one).__name__, one.number, two.number, (await io.run_task("three", never, as_type=Order)).number]

    perdure_env.fake("one", {"orderNumber": 1})
    perdure_env.fake("two", Order(orderNumber=2))
    perdure_env.fake("three", lambda params: {"orderNumber": 3})
    ended = await run(perdure_env, job)
    await perdure_env.advance(seconds=1)

    assert ended.output == ["Order", 1, 2, 3]


async def test_an_answer_that_does_not_fit_fails_the_task_as_a_body_would(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> None:
        await io.run_task("order", never, as_type=Order)

    perdure_env.fake("order", {"orderNumber": "many"})
    ended = await run(perdure_env, job)
    assert ended.error is not None
    assert ended.error.name == "UnserializableOutputError"


async def test_a_function_is_given_the_params(perdure_env: Env) -> None:
    async def double(params: Any) -> int:
        return params["number"] * 2

    async def job(payload: Any, io: IO) -> list[Any]:
        return [
            await io.run_task("double", never, params={"number": 4}),
            await io.run_task("nothing", never),
            await io.run_task(["item", 7], never, params=[1, 2]),
        ]

    perdure_env.fake("double", double)
    perdure_env.fake("nothing", lambda params: params)
    perdure_env.fake(["item", 7], sum)
    assert (await run(perdure_env, job)).output == [8, None, 3]
    assert perdure_env.fakes[["item", 7]].calls == [[1, 2]]
    assert "item-7" in perdure_env.fakes


@pytest.mark.force_replay
async def test_an_exception_is_raised_alike_on_every_replay(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> str:
        try:
            await io.run_task("pay", never)
        except DeclinedError as error:
            await io.wait("wait", 1)
            return f"{error}, {error.reason}"
        return "paid"

    perdure_env.fake("pay", DeclinedError("declined", reason="no money"))
    ended = await run(perdure_env, job)
    await perdure_env.advance(seconds=1)
    assert ended.output == "declined, no money"
    assert len(perdure_env.fakes["pay"].calls) == 1


async def test_an_exception_that_cannot_be_rebuilt_is_a_failed_task(perdure_env: Env) -> None:
    class LocalError(Exception): ...

    async def job(payload: Any, io: IO) -> str:
        try:
            await io.run_task("pay", never)
        except TaskFailedError as error:
            return error.name
        return "paid"

    perdure_env.fake("pay", LocalError)
    assert (await run(perdure_env, job)).output == "LocalError"


async def test_a_faked_body_is_tried_again_like_any(perdure_env: Env) -> None:
    answers = iter([ConnectionError("one"), ConnectionError("two"), "three"])

    def answer(params: Any) -> Any:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    async def job(payload: Any, io: IO) -> Any:
        return await io.run_task("flaky", never, retry=Retry.standard())

    perdure_env.fake("flaky", answer)
    ended = await run(perdure_env, job)
    await perdure_env.advance(minutes=5)
    assert ended.output == "three"
    assert ended.task("flaky").attempts == 3
    assert len(perdure_env.fakes["flaky"].calls) == 3


async def test_tasks_inside_others_are_faked_by_the_keys_around_them(perdure_env: Env) -> None:
    async def outer(task: Any, io: IO) -> str:
        return await io.run_task("inner", lambda: "real")

    async def job(payload: Any, io: IO) -> list[Any]:
        async def item(name: str, index: int) -> str:
            return await io.run_task(f"item {name}", lambda: name)

        return [
            await io.run_task("outer", outer, display_key="shown otherwise"),
            await io.run_task("other", outer),
            await io.run_task("inner", lambda: "top"),
            await io.parallel("all", ["a", "b"], item),
        ]

    perdure_env.fake("outer/inner", "faked")
    perdure_env.fake("all/item b", "B")
    assert (await run(perdure_env, job)).output == ["faked", "real", "top", ["a", "B"]]


async def test_waits_are_over_at_once(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> str:
        await io.wait("⏰", 86_400)
        await io.wait_until("until", datetime(2100, 1, 1, tzinfo=UTC))
        await io.run_task("delayed", lambda: "real", delay_until=datetime(2100, 1, 1, tzinfo=UTC))
        return "done"

    for key in ("⏰", "until", "delayed"):
        perdure_env.fake(key, None)
    ended = await run(perdure_env, job)
    assert ended.output == "done"
    assert [task.status for task in ended.tasks] == ["COMPLETED"] * 3
    assert perdure_env.fakes["⏰"].calls == [{"seconds": 86_400}]


async def test_a_request_that_is_waited_for_is_faked_with_its_callback(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> list[Any]:
        return [
            await io.wait_for_request("request", never, as_type=Order),
            await io.run_task("callback", never, callback=60),
        ]

    perdure_env.fake("request", {"orderNumber": 5})
    perdure_env.fake("callback", {"ok": True})
    ended = await run(perdure_env, job)
    assert ended.output == [{"orderNumber": 5}, {"ok": True}]
    assert ended.task("request").children == ()


async def test_only_the_callback_of_a_request_may_be_faked(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> None:
        await io.wait_for_request("request", never, timeout=60)

    perdure_env.fake("request/callback", None)
    ended = await run(perdure_env, job)
    assert ended.status == "WAITING_TO_CONTINUE"
    assert len(perdure_env.fakes["request/callback"].calls) == 1


async def test_an_event_that_is_waited_for_is_faked_by_its_payload_or_whole(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> list[Any]:
        one = await io.wait_for_event("one", name="order.paid", schema=Order, account_id="acme")
        two = await io.wait_for_event("two", name="order.paid", schema=Order)
        return [one.payload.number, one.name, one.source, one.account_id, two.id, two.payload.number, two.context]

    perdure_env.fake("one", {"orderNumber": 1})
    whole = ReceivedEvent(
        id="e2",
        name="order.paid",
        source="shop",
        payload={"orderNumber": 2},
        context={"x": 1},
        timestamp=perdure_env.now,
    )
    perdure_env.fake("two", whole)
    assert (await run(perdure_env, job)).output == [1, "order.paid", "trigger.dev", "acme", "e2", 2, {"x": 1}]


async def test_a_wait_that_runs_out_is_faked_by_its_error(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> str:
        try:
            await io.wait_for_request("request", never, retry=Retry.standard())
        except WaitTimeoutError:
            return "too late"
        return "in time"

    perdure_env.fake("request", WaitTimeoutError)
    assert (await run(perdure_env, job)).output == "too late"


async def test_stored_values_events_and_draws_are_faked(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> list[Any]:
        return [
            await io.store.env.get("get", "counter", as_type=int),
            await io.random("random"),
            (await io.now("now")).isoformat(),
            await io.parallel("parallel", [1, 2], never_async),
        ]

    async def never_async(item: int, index: int) -> int:
        return never()

    perdure_env.fake("get", 5)
    perdure_env.fake("random", 0.5)
    perdure_env.fake("now", datetime(2030, 1, 1, tzinfo=UTC))
    perdure_env.fake("parallel", [7, 8])
    assert (await run(perdure_env, job)).output == [5, 0.5, "2030-01-01T00:00:00+00:00", [7, 8]]


async def test_invoked_jobs_are_faked_by_their_outputs(perdure_env: Env) -> None:
    client = Client(id="invoked")

    @client.job(id="load", version="1.0.0", trigger=invoke_trigger())
    async def load(payload: Any, io: IO) -> Order:
        return never()

    async def job(payload: Any, io: IO) -> list[Any]:
        one = await io.invoke_and_wait("one", load)
        by_id = await io.invoke_and_wait("by id", "load")
        many = await io.batch_invoke_and_wait("many", load, [1, 2])
        try:
            await io.invoke_and_wait("failed", load)
        except InvokedRunFailedError as error:
            failed = error.status
        handle = await io.invoke("handle", load)
        return [one.number, by_id, [order.number for order in many], failed, handle.id]

    perdure_env.use(client)
    perdure_env.fake("one", Order(orderNumber=1))
    perdure_env.fake("by id", {"orderNumber": 2})
    perdure_env.fake("many", [{"orderNumber": 3}, Order(orderNumber=4)])
    perdure_env.fake("failed", InvokedRunFailedError("no", run_id="run_1", status="FAILURE"))
    perdure_env.fake("handle", "run_2")
    ended = await run(perdure_env, job)
    assert ended.output == [1, {"orderNumber": 2}, [3, 4], "FAILURE", "run_2"]
    assert len(await perdure_env.runs()) == 1


async def test_a_status_can_only_be_refused(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> str:
        try:
            await io.create_status("refused", label="begun")
        except ValueError as error:
            refused = str(error)
        await io.create_status("answered", label="begun")
        return refused

    perdure_env.fake("refused", ValueError("no"))
    perdure_env.fake("answered", {"label": "x"})
    ended = await run(perdure_env, job)
    assert ended.error is not None
    assert "create_status is answered by the database" in ended.error.message
    assert len(perdure_env.fakes["refused"].calls) == 1


async def test_a_later_fake_takes_the_place_of_an_earlier(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> Any:
        return await io.run_task("key", never)

    perdure_env.fake("key", 1)
    perdure_env.fake("key", 2)
    assert (await run(perdure_env, job)).output == 2


async def test_a_replay_does_not_call_again(perdure_env: Env) -> None:
    async def job(payload: Any, io: IO) -> Any:
        first = await io.run_task("key", never)
        await io.wait("wait", 1)
        return [first, await io.run_task("key", never)]

    perdure_env.fake("key", 1)
    ended = await run(perdure_env, job)
    await perdure_env.advance(seconds=1)
    assert ended.output == [1, 1]
    assert perdure_env.fakes["key"].calls == [None]


def test_a_key_that_is_not_faked_is_told_with_those_that_are() -> None:
    env = Env()
    with pytest.raises(UnmetExpectationError, match=r"no fake for 'mail'; there are none\."):
        env.fakes["mail"]
    env.fake("mai1", None)
    assert "mail" not in env.fakes
    with pytest.raises(UnmetExpectationError, match=r"no fake for 'mail'; there are 'mai1'\."):
        env.fakes["mail"]
    with pytest.raises(InvalidArgumentError, match="needs the key"):
        env.fake("", None)


async def test_requests_are_faked_by_their_answers(perdure_env: Env) -> None:
    url = "https://api.example.com/orders"

    async def job(payload: Any, io: IO) -> list[Any]:
        fetched = await io.background_fetch("fetch", url, method="POST", json={"a": 1}, as_type=Order)
        polled = await io.background_poll("poll", url, response_filter={"status": [200]}, as_type=Order)
        whole = await io.background_fetch_response("whole", url, as_type=Order)
        data = await io.background_fetch_response("data", url)
        try:
            await io.background_fetch("failed", url, retry={"all": {"strategy": "backoff"}})
        except FetchFailedError as error:
            failed = error.status
        return [fetched.number, polled.number, whole.status, whole.headers, whole.data.number, data.data, failed]

    perdure_env.fake("fetch", {"orderNumber": 1})
    perdure_env.fake("poll", Order(orderNumber=2))
    perdure_env.fake("whole", FetchResponse(status=201, headers={"x": "y"}, data=Order(orderNumber=3)))
    perdure_env.fake("data", {"status": "sent"})
    perdure_env.fake("failed", FetchFailedError("no", status=503, body=None))
    ended = await run(perdure_env, job)
    assert ended.output == [1, 2, 201, {"x": "y"}, 3, {"status": "sent"}, 503]
    (params,) = perdure_env.fakes["fetch"].calls
    assert params["url"] == url
    assert params["requestInit"]["method"] == "POST"
