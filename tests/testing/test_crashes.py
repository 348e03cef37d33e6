"""Crashing everywhere: which points there are, what a crash does, and what is found out by it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import IO, Client, Context, Retry, event_trigger, invoke_trigger
from perdure.errors import CrashSafetyError
from perdure.testing import Env
from perdure.testing.crashes import crash_everywhere
from perdure.testing.points import Script

DAY = 86_400

client = Client(id="shop")


@client.job(id="big", version="1.0.0", trigger=event_trigger("big"))
async def big(payload: dict[str, int], io: IO, ctx: Context) -> dict[str, Any]:
    """Does a bit of everything that a run can be suspended in."""

    def flaky(task: Any) -> int:
        if task.attempt == 1:
            raise ConnectionError("not yet")
        return payload["number"]

    async def outer(task: Any, io: IO) -> int:
        one = await io.run_task("one", lambda: 1)
        await io.wait("wait", DAY)
        return one + await io.run_task("two", lambda: 2)

    async def part(item: int, index: int) -> int:
        await io.wait(["wait", item], item)
        return await io.run_task(["part", item], lambda: item)

    await io.logger.info("begun")
    number = await io.run_task("flaky", flaky, retry=Retry(limit=2, min_timeout=60))
    await io.store.job.set("set", "number", number)
    nested = await io.run_task("outer", outer)
    parts = await io.parallel("parts", [1, 2], part)
    waits = asyncio.gather(io.wait("left", 5), io.wait("right", 7))
    await waits
    sent = await io.send_event("send", name="small", payload={"of": ctx.run.id})
    child = await io.invoke("child", small, {"of": "child"})
    event = await io.wait_for_event("event", name="answer", timeout=None)
    await io.yield_execution("yield")
    return {
        "number": number,
        "nested": nested,
        "parts": parts,
        "sent": sent.id,
        "child": child.id,
        "event": event.payload,
        "run": ctx.run.id,
        "uuid": str(await io.uuid("uuid")),
        "random": await io.random("random"),
        "now": (await io.now("now")).isoformat(),
        "stored": await io.store.job.get("get", "number"),
    }


@client.job(id="small", version="1.0.0", trigger=event_trigger("small"))
async def small(payload: dict[str, str], io: IO) -> str:
    return await io.run_task("small", lambda: payload["of"])


@pytest.mark.crash_everywhere
async def test_a_run_that_keeps_to_tasks_survives_a_crash_at_each_of_its_points(perdure_env: Env) -> None:
    await perdure_env.emit("big", {"number": 7})
    await perdure_env.advance(days=2)
    await perdure_env.emit("answer", "yes")
    run = await perdure_env.only_run("big")
    assert run.status == "SUCCESS"
    assert run.output["nested"] == 3
    assert [child.status for child in await perdure_env.runs("small")] == ["SUCCESS", "SUCCESS"]


def the_client(job: Any, **options: Any) -> Client:
    made = Client(id="app")
    made.job(**({"id": "job", "version": "1.0.0", "trigger": invoke_trigger()} | options))(job)
    return made


async def points_of(env: Env, call: Callable[[], Awaitable[Any]]) -> list[str]:
    """Name the crash points of a test."""
    script = Script()
    await env.open(script)
    await call()
    await env.close()
    return [point.moment for point in script.points]


async def test_the_points_lie_before_and_after_each_record_and_around_each_suspension() -> None:
    async def job(payload: Any, io: IO) -> None:
        async def outer(task: Any, io: IO) -> None:
            await io.run_task("inner", lambda: None)

        await io.logger.info("a line is no point")
        await io.wait("⏰", 60)
        await io.run_task("outer", outer)
        await io.yield_execution("there")

    env = Env(the_client(job))

    async def call() -> None:
        await env.invoke("job")
        await env.advance(minutes=1)

    assert await points_of(env, call) == [
        "before the wait of '⏰' was stored",
        "after the wait of '⏰' was stored",
        "as it was suspended for '⏰'",
        "after it was suspended for '⏰'",
        "before the result of 'outer/inner' was stored",
        "after the result of 'outer/inner' was stored",
        "before the result of 'outer' was stored",
        "after the result of 'outer' was stored",
        "as it yielded at 'there'",
        "after it yielded at 'there'",
    ]


async def test_a_test_is_called_once_more_for_each_point() -> None:
    async def job(payload: Any, io: IO) -> None:
        await io.run_task("one", lambda: None)
        await io.wait("two", 1)

    env = Env(the_client(job))
    called = 0

    async def call() -> None:
        nonlocal called
        called += 1
        await env.invoke("job")
        await env.advance(seconds=1)

    await crash_everywhere(env, call)
    everywhere = called
    assert everywhere == 1 + len(await points_of(env, call))


async def test_a_body_whose_result_was_lost_runs_again_and_no_other() -> None:
    bodies: list[str] = []

    async def job(payload: Any, io: IO) -> list[str]:
        return [await io.run_task(key, lambda key=key: bodies.append(key) or key) for key in ("one", "two")]

    env = Env(the_client(job))
    ran: list[list[str]] = []

    async def call() -> None:
        bodies.clear()
        await env.invoke("job")
        ran.append(list(bodies))

    await crash_everywhere(env, call)
    assert ran == [
        ["one", "two"],
        ["one", "one", "two"],
        ["one", "two"],
        ["one", "two", "two"],
        ["one", "two"],
    ]


async def test_after_a_crash_finally_blocks_run_and_reach_nothing() -> None:
    seen: list[str] = []

    async def job(payload: Any, io: IO) -> None:
        async def body() -> None:
            try:
                await io.wait("inner", 60)
            finally:
                seen.append("finally")
                await io.run_task("reached", lambda: seen.append("reached"))

        try:
            await io.run_task("body", body)
        finally:
            seen.append("outer finally")
            await outside.send_event(name="reached")

    async def reached(payload: Any, io: IO) -> None:
        seen.append("reached from outside")

    outside = the_client(job)
    outside.job(id="reached", version="1.0.0", trigger=event_trigger("reached"))(reached)
    env = Env(outside)

    async def call() -> None:
        seen.clear()
        await env.invoke("job")
        seen.append("settled")

    script = Script()
    await env.open(script)
    await call()
    point = next(one for one in script.points if one.moment == "after the wait of 'body/inner' was stored")
    await env.close()
    await env.open(Script(point))
    await call()
    assert seen == ["finally", "outer finally", "settled"]
    run = await env.only_run("job")
    assert [task.key for task in run.tasks] == ["body"]
    assert [task.key for task in run.task("body").children] == ["inner"]
    await env.close()


async def test_what_bodies_do_through_the_client_reaches_nothing_after_a_crash() -> None:
    sent: list[str] = []

    async def job(payload: Any, io: IO) -> None:
        async def crashing() -> None:
            await io.run_task("inner", lambda: None)

        async def sending() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await outside.send_event(name="sent")

        await asyncio.gather(
            io.run_task("crashing", crashing), io.run_task("sending", sending) if payload["first"] else io.wait("w", 1)
        )

    async def note(payload: Any, io: IO) -> None:
        sent.append("sent")

    outside = the_client(job)
    outside.job(id="note", version="1.0.0", trigger=event_trigger("sent"))(note)
    env = Env(outside)
    from perdure.testing.points import Point

    await env.open(Script(Point("after the result of 'crashing/inner' was stored", "job", 1, 1)))
    env.patience = 0.2
    with pytest.raises(Exception, match="in the body of 'sending'"):
        # Executed again, it waits in that body again: only the life before has ended.
        await env.invoke("job", {"first": True})
    assert sent == []
    await env.close()


async def test_somebody_who_waits_for_a_result_gets_it_after_the_crash() -> None:
    async def job(payload: Any, io: IO) -> str:
        return await io.run_task("body", lambda: "done")

    app = the_client(job)
    env = Env(app)

    async def call() -> None:
        handle = await app.invoke("job")
        assert await handle.result() == "done"

    await crash_everywhere(env, call)


async def test_a_counter_outside_of_tasks_is_found_out() -> None:
    executions = itertools.count(1)

    async def job(payload: Any, io: IO) -> int:
        count = next(executions)
        await io.run_task("body", lambda: None)
        return count

    env = Env(the_client(job))

    async def call() -> None:
        nonlocal executions
        executions = itertools.count(1)
        await env.invoke("job")

    with pytest.raises(
        CrashSafetyError,
        match=r"a crash before the result of 'body' was stored \(run 1 of 'job'\) changes the outcome: "
        r"run 1 of 'job': without a crash SUCCESS, output 1; with it SUCCESS, output 2\.",
    ):
        await crash_everywhere(env, call)


async def test_a_run_that_is_started_twice_by_a_crash_is_found_out() -> None:
    async def job(payload: Any, io: IO) -> None:
        await io.run_task("body", lambda: None)
        # Not inside a task: it happens in each execution.
        started.append(1)
        await io.invoke(["child", len(started)], "child")

    async def child(payload: Any, io: IO) -> None: ...

    started: list[int] = []
    app = the_client(job)
    app.job(id="child", version="1.0.0", trigger=invoke_trigger())(child)
    env = Env(app)

    async def call() -> None:
        started.clear()
        await env.invoke("job")

    with pytest.raises(CrashSafetyError, match="2 runs without a crash, 3 with it"):
        await crash_everywhere(env, call)


async def test_a_test_that_fails_after_a_crash_says_after_which() -> None:
    mails: list[str] = []

    async def job(payload: Any, io: IO) -> None:
        await io.run_task("mail", lambda: mails.append("mail"))

    env = Env(the_client(job))

    async def call() -> None:
        mails.clear()
        await env.invoke("job")
        assert len(mails) == 1

    with pytest.raises(AssertionError) as caught:
        await crash_everywhere(env, call)
    assert caught.value.__notes__ == [
        "crash_everywhere: this came of a crash before the result of 'mail' was stored (run 1 of 'job')."
    ]


async def test_a_test_that_takes_another_way_each_time_is_found_out() -> None:
    calls = itertools.count()

    async def job(payload: Any, io: IO) -> None:
        await io.run_task(f"task {next(calls)}", lambda: None)

    env = Env(the_client(job))
    with pytest.raises(CrashSafetyError, match="did not come to the point before the result of 'task 0'"):
        await crash_everywhere(env, lambda: env.invoke("job"))


async def test_more_points_than_the_limit_are_refused() -> None:
    async def job(payload: Any, io: IO) -> None:
        await io.run_task("body", lambda: None)

    env = Env(the_client(job))
    with pytest.raises(CrashSafetyError, match="has 2 crash points, and its limit is 1"):
        await crash_everywhere(env, lambda: env.invoke("job"), limit=1)


async def test_a_result_that_is_recorded_twice_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from perdure.testing.lifeline import Lifeline

    record = Lifeline.record_task

    async def record_twice(self: Lifeline, *args: Any) -> None:
        await record(self, *args)
        await record(self, *args)

    monkeypatch.setattr(Lifeline, "record_task", record_twice)

    async def job(payload: Any, io: IO) -> None:
        await io.run_task("body", lambda: None)

    env = Env(the_client(job))
    with pytest.raises(CrashSafetyError, match="was recorded more than once"):
        await crash_everywhere(env, lambda: env.invoke("job"))
