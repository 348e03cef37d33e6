"""The environment of a test: what it hosts, what it gives, how time passes in it."""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Client, Context, HttpRequest, Retry, event_trigger, invoke_trigger, webhooks
from perdure.errors import (
    DuplicateJobError,
    InvalidArgumentError,
    NotConnectedError,
    NotFoundError,
    NotSettledError,
    PerdureError,
    UnmetExpectationError,
)
from perdure.testing import Env
from tests.scenarios.target import Reply, target

client = Client(id="shop")


@client.job(id="welcome", version="1.0.0", trigger=event_trigger("user.created"))
async def welcome(payload: dict[str, str], io: IO, ctx: Context) -> str:
    await io.logger.info("hello", {"user": payload["name"]})
    await io.wait("⏰", 30 * 86_400)

    async def outer(task: Any, io: IO) -> str:
        return await io.run_task("inner", lambda: f"welcome {payload['name']}")

    return await io.run_task("outer", outer)


@client.job(id="order", version="1.0.0", trigger=invoke_trigger())
async def order(payload: dict[str, Any], io: IO) -> list[str]:
    """Waits for as many minutes as it is told, one after the other; gives the times that it saw."""
    seen: list[str] = []
    for number in payload["minutes"]:
        await io.wait(["wait", number], number * 60)
        seen.append((await io.now(["now", number])).isoformat())
    return seen


def a_client(job: Any, **options: Any) -> Client:
    """A client with one job."""
    made = Client(id="other")
    made.job(**({"id": "other", "version": "1.0.0", "trigger": invoke_trigger()} | options))(job)
    return made


async def test_a_wait_of_a_month_is_over_when_the_month_is(perdure_env: Env) -> None:
    await perdure_env.emit("user.created", {"name": "Ada"})
    run = await perdure_env.only_run("welcome")
    assert run.status == "WAITING_TO_CONTINUE"
    assert run.why is not None
    assert "⏰" in run.why

    await perdure_env.advance(days=29, hours=23, minutes=59, seconds=59.999)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.advance(seconds=0.001)

    assert run.status == "SUCCESS"
    assert run.output == "welcome Ada"
    assert run.error is None
    assert [task.key for task in run.tasks] == ["⏰", "outer"]
    assert run.task("outer/inner").output == "welcome Ada"
    assert [(line.level, line.message, line.data) for line in run.logs] == [("INFO", "hello", {"user": "Ada"})]


async def test_whatever_is_due_on_the_way_happens_at_its_own_time(perdure_env: Env) -> None:
    start = perdure_env.now
    one = await perdure_env.invoke(order, {"minutes": [10, 5]})
    two = await perdure_env.invoke("order", {"minutes": [12, 1]})

    await perdure_env.advance(hours=2)

    def after(*minutes: int) -> list[str]:
        return [(start + timedelta(minutes=one)).isoformat() for one in minutes]

    assert one.output == after(10, 15)
    assert two.output == after(12, 13)
    assert perdure_env.now == start + timedelta(hours=2)


async def test_time_stands_still_while_nobody_lets_it_pass(perdure_env: Env) -> None:
    start = perdure_env.now
    await perdure_env.emit("user.created", {"name": "Ada"})
    await asyncio.to_thread(lambda: None)
    assert perdure_env.now == start


async def test_time_passes_to_an_instant(perdure_env: Env) -> None:
    await perdure_env.advance(to=datetime(2040, 1, 1, tzinfo=UTC))
    assert perdure_env.now == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "duration",
    [{"days": -1}, {"to": datetime(2000, 1, 1, tzinfo=UTC)}, {"to": datetime(2040, 1, 1)},  # noqa: DTZ001
     {"seconds": float("nan")},
     {"days": 1, "to": datetime(2040, 1, 1, tzinfo=UTC)}],
)  # fmt: skip
async def test_time_does_not_go_back_or_anywhere_unclear(perdure_env: Env, duration: dict[str, Any]) -> None:
    before = perdure_env.now
    with pytest.raises((InvalidArgumentError, ValueError)):
        await perdure_env.advance(**duration)
    assert perdure_env.now == before


async def test_time_stops_where_too_much_is_due(perdure_env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.testing.env._MOST_STEPS", 3)
    run = await perdure_env.invoke(order, {"minutes": [1, 2, 3, 4]})
    with pytest.raises(NotSettledError, match="More than 3 things were due one after the other"):
        await perdure_env.advance(hours=1)
    await perdure_env.advance(hours=1)
    assert run.status == "SUCCESS"


async def test_events_may_be_delivered_later(perdure_env: Env) -> None:
    await perdure_env.emit("user.created", {"name": "Ada"}, deliver_after=60)
    assert await perdure_env.runs() == []
    await perdure_env.advance(minutes=1)
    assert (await perdure_env.only_run()).status == "WAITING_TO_CONTINUE"


async def test_an_event_has_what_it_is_given(perdure_env: Env) -> None:
    event = await perdure_env.emit("nobody.listens", {"a": 1}, id="e1", context={"b": 2}, account_id="acme")
    assert (event.id, event.payload, event.context, event.account_id) == ("e1", {"a": 1}, {"b": 2}, "acme")
    assert event.timestamp == perdure_env.now


async def test_failing_bodies_are_tried_again_as_time_passes(perdure_env: Env) -> None:
    tried: list[datetime] = []

    async def flaky(payload: Any, io: IO) -> int:
        def body() -> int:
            tried.append(perdure_env.now)
            if len(tried) < 3:
                raise ConnectionError("not yet")
            return len(tried)

        return await io.run_task("body", body, retry=Retry(limit=3, factor=2, min_timeout=3600, randomize=False))

    perdure_env.use(a_client(flaky))
    start = perdure_env.now
    run = await perdure_env.invoke("other")
    assert [at - start for at in tried] == [timedelta(0)]
    await perdure_env.advance(days=1)
    assert run.output == 3
    assert tried == sorted(tried)
    assert len({*tried}) == 3


async def test_plain_bodies_are_waited_for(perdure_env: Env) -> None:
    import threading

    begun, going = threading.Event(), threading.Event()

    async def slow(payload: Any, io: IO) -> str:
        def body() -> str:
            begun.set()
            going.wait(10)
            return "done"

        return await io.run_task("body", body)

    perdure_env.use(a_client(slow))
    invoking = asyncio.create_task(perdure_env.invoke("other"))
    await asyncio.to_thread(begun.wait, 10)
    assert not invoking.done()
    going.set()
    assert (await invoking).output == "done"


async def test_the_client_works_in_a_test_as_it_does_in_an_app(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": []})
    assert await handle.result() == []
    await client.send_event(name="user.created", payload={"name": "Bo"})
    await asyncio.to_thread(client.sync.send_event, name="user.created", payload={"name": "Cy"})
    await perdure_env.settle()
    assert [run.status for run in await perdure_env.runs(welcome)] == ["WAITING_TO_CONTINUE"] * 2
    assert (await perdure_env.run(handle.id)).status == "SUCCESS"


async def test_waiting_for_a_result_that_needs_time_says_so(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": [1]})
    perdure_env.patience = 0.01
    with pytest.raises(NotSettledError, match=r"let that pass: await env.advance"):
        await handle.result()
    with pytest.raises(TimeoutError):
        await handle.result(timeout=0.01)


async def test_a_run_that_ends_while_somebody_waits_for_it_wakes_him(perdure_env: Env) -> None:
    handle = await client.invoke(order, {"minutes": [1]})
    waiting = asyncio.create_task(handle.result())
    await perdure_env.advance(minutes=1)
    assert len(await waiting) == 1


async def test_another_client_may_be_used_before_and_after_the_first_event(perdure_env: Env) -> None:
    async def other(payload: Any, io: IO) -> str:
        return "other"

    await perdure_env.emit("user.created", {"name": "Ada"})
    perdure_env.use(a_client(other, trigger=event_trigger("user.created")))
    perdure_env.use(client)
    await perdure_env.emit("user.created", {"name": "Bo"})
    assert [run.output for run in await perdure_env.runs("other")] == ["other"]
    assert len(await perdure_env.runs("welcome")) == 2


async def test_a_job_id_that_two_clients_have_is_refused(perdure_env: Env) -> None:
    async def run(payload: Any, io: IO) -> None: ...

    perdure_env.use(a_client(run, id="welcome"))
    with pytest.raises(DuplicateJobError):
        await perdure_env.emit("user.created", {"name": "Ada"})


def test_only_clients_that_have_no_node_can_be_used() -> None:
    with pytest.raises(InvalidArgumentError, match="uses clients"):
        Env("shop")  # type: ignore[arg-type]

    async def start() -> None:
        async with Client(id="busy", database_url="sqlite://").start():
            pass

        busy = Client(id="busy", database_url="sqlite://")
        async with busy.start():
            with pytest.raises(InvalidArgumentError, match="has started a node of its own"):
                async with Env(busy):
                    pass

    asyncio.run(start())


async def test_an_environment_without_a_client_says_how_to_give_it_one() -> None:
    async with Env() as env:
        with pytest.raises(NotConnectedError, match="perdure_client"):
            await env.emit("user.created")


async def test_an_environment_is_at_work_only_inside_its_block() -> None:
    env = Env(client)
    with pytest.raises(PerdureError, match="not at work"):
        await env.emit("user.created")
    async with env:
        await env.emit("user.created", {"name": "Ada"})
        assert client.node is not None
    assert client.node is None
    with pytest.raises(PerdureError, match="not at work"):
        env.now  # noqa: B018


async def test_each_block_begins_with_an_empty_database_and_what_was_given_before() -> None:
    env = Env(client, start=datetime(2031, 5, 1, tzinfo=UTC))
    fake = env.fake("⏰", None)
    for _ in range(2):
        async with env:
            assert env.now == datetime(2031, 5, 1, tzinfo=UTC)
            assert len(env.fakes) == 1
            assert fake.calls == []
            env.fake("outer", "faked")
            run = await env.invoke("welcome", {"name": "Ada"})
            assert run.output == "faked"
            assert fake.calls == [{"seconds": 30 * 86_400}]
            await env.advance(days=1)


async def test_the_only_run_is_the_only_one(perdure_env: Env) -> None:
    with pytest.raises(UnmetExpectationError, match=r"There is no run, where one was expected\..*none at all"):
        await perdure_env.only_run()
    first = await perdure_env.invoke(order, {"minutes": []})
    assert (await perdure_env.only_run(order)).id == first.id
    with pytest.raises(UnmetExpectationError, match=f"no run of job 'welcome'.*{first.id} of 'order' .SUCCESS."):
        await perdure_env.only_run("welcome")
    second = await perdure_env.invoke(order, {"minutes": [1]})
    with pytest.raises(UnmetExpectationError, match=f"2 runs of job 'order'.*{first.id}.*{second.id} of 'order'"):
        await perdure_env.only_run("order")
    with pytest.raises(NotFoundError):
        await perdure_env.run("run_x")


async def test_a_task_that_is_not_there_is_told_with_those_that_are(perdure_env: Env) -> None:
    run = await perdure_env.invoke(welcome, {"name": "Ada"})
    await perdure_env.advance(days=30)
    with pytest.raises(UnmetExpectationError, match="has no task 'inner'; it has '⏰', 'outer', 'outer/inner'"):
        run.task("inner")


async def test_a_run_with_many_tasks_is_shown_with_all_of_them(perdure_env: Env) -> None:
    async def many(payload: Any, io: IO) -> None:
        for number in range(120):
            await io.run_task(["task", number], lambda: None)

    perdure_env.use(a_client(many))
    run = await perdure_env.invoke("other")
    assert [task.key for task in run.tasks] == [f"task-{number}" for number in range(120)]
    assert run.task(["task", 119]).status == "COMPLETED"


async def test_a_run_that_fails_shows_its_error(perdure_env: Env) -> None:
    async def fail(payload: Any, io: IO) -> None:
        raise ValueError("no")

    perdure_env.use(a_client(fail))
    run = await perdure_env.invoke("other")
    assert run.status == "FAILURE"
    assert run.error is not None
    assert (run.error.name, run.error.message) == ("ValueError", "no")


async def test_runs_that_do_not_come_to_rest_are_named_with_what_they_do(perdure_env: Env) -> None:
    async def stuck(payload: Any, io: IO) -> None:
        async def body() -> None:
            await asyncio.Event().wait()

        await io.run_task("never", body)

    perdure_env.use(a_client(stuck))
    perdure_env.patience = 0.05
    with pytest.raises(
        NotSettledError, match=r"After 0.05 s .*run_\w+ of job 'other' is at work in the body of 'never'"
    ):
        await perdure_env.invoke("other")


async def test_runs_that_await_something_else_are_named_too(perdure_env: Env) -> None:
    async def stuck(payload: Any, io: IO) -> None:
        await asyncio.Event().wait()

    perdure_env.use(a_client(stuck))
    perdure_env.patience = 0.05
    with pytest.raises(NotSettledError, match="is at work outside every task"):
        await perdure_env.invoke("other")


async def test_more_runs_than_execute_at_once_come_to_rest_together(perdure_env: Env) -> None:
    for count in (1000, 50):
        await client.send_events(
            [{"name": "user.created", "payload": {"name": str(number)}} for number in range(count)]
        )
    await perdure_env.advance(days=30)
    assert {run.status for run in await perdure_env.runs()} == {"SUCCESS"}


@pytest.mark.force_replay
async def test_force_replay_executes_a_run_from_the_top_after_each_wait(perdure_env: Env) -> None:
    begun = 0

    async def count(payload: Any, io: IO) -> None:
        nonlocal begun
        begun += 1
        await io.wait("a", 1)
        await io.wait("b", 1)

    perdure_env.use(a_client(count))
    await perdure_env.invoke("other")
    await perdure_env.advance(seconds=2)
    assert begun == 3


async def test_without_force_replay_a_run_goes_on_where_it_was(perdure_env: Env) -> None:
    begun = 0

    async def count(payload: Any, io: IO) -> None:
        nonlocal begun
        begun += 1
        await io.wait("a", 1)
        await io.wait("b", 1)

    perdure_env.use(a_client(count))
    await perdure_env.invoke("other")
    await perdure_env.advance(seconds=2)
    assert begun == (3 if perdure_env.force_replay else 1)


async def test_what_is_drawn_is_drawn_again_by_the_same_run_of_another_environment() -> None:
    async def draw(payload: Any, io: IO) -> list[Any]:
        return [str(await io.uuid("u")), await io.random("r"), str(await io.uuid("v"))]

    drawn: list[Any] = []
    for _ in range(2):
        async with Env(a_client(draw)) as env:
            drawn += [(await env.invoke("other")).output for _ in range(2)]
    assert drawn[:2] == drawn[2:]
    assert len({*drawn[0], *drawn[1]}) == 6


async def test_hooks_and_notifications_are_waited_for_and_named(perdure_env: Env) -> None:
    begun, going = asyncio.Event(), asyncio.Event()

    async def told(notification: Any) -> None:
        begun.set()
        await going.wait()

    async def run(payload: Any, io: IO) -> None: ...

    perdure_env.use(a_client(run, on_success=told))
    perdure_env.patience = 0.05
    with pytest.raises(NotSettledError, match=r"Deliveries\._tell is at work"):
        await perdure_env.invoke("other")
    going.set()
    perdure_env.patience = 10
    await perdure_env.settle()


async def test_a_run_that_was_shown_is_brought_up_to_date(perdure_env: Env) -> None:
    run = await perdure_env.invoke(order, {"minutes": [1]})
    again = await perdure_env.only_run()
    await client.cancel_run(run.id)
    assert run.status == "WAITING_TO_CONTINUE"
    await perdure_env.settle()
    assert run.status == "CANCELED"
    assert again is run


async def test_requests_are_waited_for_and_those_to_come_are_not(perdure_env: Env) -> None:
    async def fetch(payload: Any, io: IO) -> Any:
        return await io.background_fetch("💬", service.url("/thing"), retry={"5xx": later})

    later = {"strategy": "backoff", "min_timeout": 3600, "max_timeout": 3600, "limit": 2, "randomize": False}
    perdure_env.use(a_client(fetch))
    async with target(thing=[Reply("busy", status=503), Reply({"n": 7})]) as service:
        run = await perdure_env.invoke("other")
        assert (run.status, len(service.requests)) == ("WAITING_TO_CONTINUE", 1)
        await perdure_env.advance(minutes=59)
        assert len(service.requests) == 1
        await perdure_env.advance(minutes=1)
        assert (run.output, len(service.requests)) == ({"n": 7}, 2)


async def test_a_request_without_an_answer_is_named(perdure_env: Env) -> None:
    async def fetch(payload: Any, io: IO) -> Any:
        return await io.background_fetch("💬", service.url("/thing"))

    perdure_env.use(a_client(fetch))
    perdure_env.patience = 0.2
    async with target(thing=Reply()) as service:
        service.hangs = True
        with pytest.raises(NotSettledError, match=r"Operations\._perform is at work"):
            await perdure_env.invoke("other")


async def test_polls_are_made_as_time_passes(perdure_env: Env) -> None:
    async def poll(payload: Any, io: IO) -> Any:
        return await io.background_poll(
            "poll", service.url("/state"), interval=60, timeout=600, response_filter={"body": {"done": [True]}}
        )

    perdure_env.use(a_client(poll))
    async with target(state=[Reply({"done": False}), Reply({"done": False}), Reply({"done": True})]) as service:
        run = await perdure_env.invoke("other")
        await perdure_env.advance(minutes=1)
        assert (run.status, len(service.requests)) == ("WAITING_TO_CONTINUE", 2)
        await perdure_env.advance(minutes=1)
        assert run.output == {"done": True}


async def test_a_signed_time_counts_from_when_the_run_was_asked_for_however_often_it_is_executed() -> None:
    receiver = Client(id="receiver")
    hook = receiver.define_http_endpoint("hook", source="vendor.example", verify=webhooks.stripe("hush"))

    @receiver.job(id="take", version="1.0.0", trigger=hook.on_request())
    async def take(payload: HttpRequest, io: IO) -> str:
        await io.wait("a day", 24 * 3600)
        return payload.text()

    async with Env(receiver, force_replay=True) as env:
        at = int(env.now.timestamp())
        signature = hmac.new(b"hush", f"{at}.paid".encode(), "sha256").hexdigest()
        headers = {"stripe-signature": f"t={at},v1={signature}"}
        await receiver.invoke(take, HttpRequest("POST", "https://example.com", headers, "paid"))
        await env.advance(days=2)
        run = await env.only_run("take")
        assert (run.status, run.output) == ("SUCCESS", "paid")
