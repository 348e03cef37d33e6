"""Invoking jobs: from outside, from runs, by object or id, once per key."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest

from perdure import IO, Client, event_trigger, invoke_trigger, job
from perdure.errors import (
    DuplicateJobError,
    InvalidArgumentError,
    InvokedRunFailedError,
    NotConnectedError,
    NotFoundError,
    PerdureError,
)
from perdure.sdk.records import ErrorInfo
from tests.scenarios.app import PATIENCE, SUSPENDS, App, task_of
from tests.scenarios.errors import PaymentDeclined


async def test_a_handle_gives_the_output_the_status_and_the_id(app: App) -> None:
    @app.job
    async def adding(payload: dict[str, int]) -> int:
        return payload["a"] + payload["b"]

    async with app.start():
        by_object = await app.client.invoke(adding, {"a": 1, "b": 2})
        by_id = await app.client.invoke("adding", {"a": 3, "b": 4})
        by_method = await adding.invoke({"a": 5, "b": 6})
        assert [await one.result(timeout=PATIENCE) for one in (by_object, by_id, by_method)] == [3, 7, 11]
        assert await by_id.status() == "SUCCESS"
        assert (await app.client.get_run(by_id.id)).output == 7
    assert len({by_object.id, by_id.id, by_method.id}) == 3


async def test_a_failed_run_raises_with_its_id_status_and_error(app: App) -> None:
    @app.job
    async def failing(payload: Any) -> None:
        raise PaymentDeclined("card 4242")

    async with app.start():
        handle = await app.client.invoke(failing)
        with pytest.raises(InvokedRunFailedError) as caught:
            await handle.result(timeout=PATIENCE)
    error = caught.value
    assert (error.run_id, error.status) == (handle.id, "FAILURE")
    assert isinstance(error.error, ErrorInfo)
    assert (error.error.name, error.error.message) == ("PaymentDeclined", "card 4242")


async def test_a_handle_that_gives_up_waiting_leaves_the_run_alone(app: App) -> None:
    release = asyncio.Event()

    @app.job
    async def slow(payload: Any, io: IO) -> str:
        async def body() -> str:
            await release.wait()
            return "done"

        return await io.run_task("k", body)

    async with app.start():
        handle = await app.client.invoke(slow)
        with pytest.raises(TimeoutError):
            await handle.result(timeout=0.01)
        release.set()
        assert await handle.result(timeout=PATIENCE) == "done"


async def test_an_idempotency_key_gives_the_first_run_again_and_is_scoped_to_the_job(app: App) -> None:
    runs: list[str] = []

    @app.job
    async def first(payload: Any) -> None:
        runs.append("first")

    @app.job
    async def second(payload: Any) -> None:
        runs.append("second")

    async with app.start():
        one = await app.client.invoke(first, {"n": 1}, idempotency_key="k")
        two = await app.client.invoke(first, {"n": 2}, idempotency_key="k")
        other = await app.client.invoke(second, {"n": 1}, idempotency_key="k")
        without = await app.client.invoke(first, {"n": 1})
        for handle in (one, two, other, without):
            await handle.result(timeout=PATIENCE)
        again = await app.client.invoke(first, {"n": 3}, idempotency_key="k")
    assert one.id == two.id == again.id
    assert len({one.id, other.id, without.id}) == 3
    assert sorted(runs) == ["first", "first", "second"]


async def test_a_run_invokes_another_job_once_however_often_it_is_executed(app: App) -> None:
    children: list[Any] = []

    @app.job
    async def child(payload: Any, io: IO) -> int:
        await io.wait("w", 0.005)
        await io.run_task("note", lambda: children.append(payload))
        return payload["n"] * 2

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        one = await io.invoke("one", child, {"n": 1})
        two = await io.invoke(job="child", payload={"n": 2})
        await io.wait("w", 0.01)
        results = [await io.run_task(["wait", n], handle.result) for n, handle in enumerate((one, two))]
        await io.wait("w2", 0.01)
        return [one.id, two.id, *results]

    async with app.start():
        run = await app.finish(await app.client.invoke(parent))
    assert run.status == "SUCCESS"
    assert run.output[2:] == [2, 4]
    assert len(set(run.output[:2])) == 2
    assert sorted(one["n"] for one in children) == [1, 2]


async def test_a_key_given_to_io_invoke_is_shared_with_the_outside(app: App) -> None:
    @app.job
    async def child(payload: Any) -> int:
        return payload["n"]

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        return (await io.invoke("k", child, {"n": 1}, idempotency_key="shared")).id

    async with app.start():
        outside = await app.client.invoke(child, {"n": 7}, idempotency_key="shared")
        run = await app.finish(await app.client.invoke(parent))
        assert run.output == outside.id


async def test_context_and_account_reach_the_run(app: App) -> None:
    @app.job
    async def telling(payload: Any, io: IO, ctx: Any) -> list[Any]:
        await io.wait("w", 0.005)
        return [ctx.event.context, ctx.account.id, ctx.job.id, ctx.job.version, ctx.run.is_test]

    async with app.start():
        handle = await app.client.invoke(telling, {}, context={"trace": [1]}, account_id="acc_1")
        assert await handle.result(timeout=PATIENCE) == [{"trace": [1]}, "acc_1", "telling", "1.0.0", False]


async def test_ctx_is_the_same_in_every_execution_and_cannot_be_changed(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def telling(payload: Any, io: IO, ctx: Any) -> str:
        seen.append(
            (
                ctx.run.id,
                ctx.run.started_at,
                ctx.event.id,
                ctx.event.timestamp,
                ctx.environment.slug,
                ctx.project.slug,
                ctx.organization.slug,
            )
        )
        with pytest.raises(AttributeError):
            ctx.run = None
        with pytest.raises(AttributeError):
            ctx.run.id = "other"
        await io.wait("w", SUSPENDS)
        return ctx.run.id

    run = await app.run(telling)
    assert run.output == run.id
    assert len(seen) == (2 if app.force_replay else 1)
    assert len(set(seen)) == 1
    assert seen[0][1].tzinfo is not None
    assert seen[0][4] == "dev"


async def test_an_unknown_job_is_not_found_and_the_nearest_name_is_told(app: App) -> None:
    @app.job(id="welcome-mail")
    async def welcome(payload: Any) -> None: ...

    async with app.start():
        with pytest.raises(NotFoundError, match="welcome-mail"):
            await app.client.invoke("welcome-mial")
        with pytest.raises(NotFoundError):
            await app.client.get_run("run_unknown")
        with pytest.raises(NotFoundError):
            await app.client.cancel_run("run_unknown")


async def test_a_job_that_invokes_an_unknown_one_is_told_the_nearest_name(app: App) -> None:
    @app.job(id="welcome-mail")
    async def welcome(payload: Any, io: IO) -> str:
        try:
            await io.invoke("k", "welcom-mail")
        except NotFoundError as error:
            await io.wait("w", 0.005)
            return error.message
        return "no error"

    assert "welcome-mail" in await app.result(welcome)


async def test_invoking_an_event_job_works_and_its_event_trigger_is_not_asked(app: App) -> None:
    @app.job(trigger=event_trigger("e", filter={"n": [5]}))
    async def filtered(payload: Any) -> Any:
        return payload

    async with app.start():
        handle = await app.client.invoke(filtered, {"n": 1})
        assert await handle.result(timeout=PATIENCE) == {"n": 1}


async def test_typed_results_come_back_typed_by_job_object_and_by_known_id(app: App) -> None:
    @app.job
    async def dated(payload: Any) -> date:
        return date(2024, 1, 1)

    async with app.start():
        for job_or_id in (dated, "dated"):
            handle = await app.client.invoke(job_or_id)
            assert await handle.result(timeout=PATIENCE) == date(2024, 1, 1)


def test_two_jobs_of_one_id_are_refused() -> None:
    client = Client(id="app")

    @client.job(id="same", version="1.0.0", trigger=invoke_trigger())
    async def one(payload: Any) -> None: ...

    with pytest.raises(DuplicateJobError, match="same"):

        @client.job(id="same", version="1.0.0", trigger=invoke_trigger())
        async def two(payload: Any) -> None: ...

    @job(id="same", version="2.0.0", trigger=invoke_trigger())
    async def three(payload: Any) -> None: ...

    @job(id="fresh", version="2.0.0", trigger=invoke_trigger())
    async def four(payload: Any) -> None: ...

    with pytest.raises(DuplicateJobError):
        client.attach(four, three)
    assert list(client.jobs.values()) == [one]
    client.attach(one, four)
    assert list(client.jobs) == ["same", "fresh"]


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "", "1.0.0-", "latest"])
def test_a_version_that_is_not_semantic_is_refused(version: str) -> None:
    with pytest.raises(InvalidArgumentError, match="semantic"):
        job(id="j", version=version, trigger=invoke_trigger())(_nothing)


@pytest.mark.parametrize("id", ["", " ", "ü", "///"])
def test_a_job_id_of_which_no_slug_can_be_made_is_refused(id: str) -> None:
    with pytest.raises(InvalidArgumentError):
        job(id=id, version="1.0.0", trigger=invoke_trigger())(_nothing)


@pytest.mark.parametrize("level", ["loud", "", 5])
def test_an_unknown_log_level_is_refused_where_it_is_given(level: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        job(id="j", version="1.0.0", trigger=invoke_trigger(), log_level=level)(_nothing)


def test_a_job_function_that_takes_none_or_four_is_refused() -> None:
    async def none() -> None: ...

    async def four(payload: Any, io: Any, ctx: Any, more: Any) -> None: ...

    for fn in (none, four):
        with pytest.raises(InvalidArgumentError):
            job(id="j", version="1.0.0", trigger=invoke_trigger())(fn)


@pytest.mark.parametrize(
    "filter", [{"a": [{"$unknown": 1}]}, {"a": [{"$gt": "x"}]}, {"a": ["x", {"$gt": 1}]}, {"a": 5}], ids=str
)
def test_a_filter_that_means_nothing_is_refused_where_it_is_declared(filter: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        event_trigger("e", filter=filter)


async def test_calls_of_a_client_that_is_not_started_say_so(app: App) -> None:
    @app.job
    async def unused(payload: Any) -> None: ...

    for call in (lambda: app.client.invoke(unused), lambda: app.client.send_event(name="e"), lambda: unused.invoke()):
        with pytest.raises(NotConnectedError, match="start"):
            await call()
    loose = job(id="loose", version="1.0.0", trigger=invoke_trigger())(_nothing)
    with pytest.raises(NotConnectedError, match="attach"):
        await loose.invoke()


async def test_a_client_is_started_once_at_a_time_and_again_afterwards(app: App) -> None:
    @app.job
    async def quick(payload: Any) -> int:
        return 1

    async with app.start():
        with pytest.raises(PerdureError, match="started"):
            async with app.start():
                pass
        assert await (await app.client.invoke(quick)).result(timeout=PATIENCE) == 1
    with pytest.raises(NotConnectedError):
        await app.client.invoke(quick)
    assert await app.result(quick) == 1


async def test_a_run_shows_what_its_tasks_were_given(app: App) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> None:
        await io.invoke("k", child, {"n": 1})

    run = await app.run(parent)
    task = task_of(run, "k")
    assert (task.operation, task.params["job"], task.params["payload"]) == ("invoke", "child", {"n": 1})


async def _nothing(payload: Any) -> None: ...


@pytest.mark.parametrize("given", [_nothing, 5, ModuleType("empty")], ids=["function", "number", "module without jobs"])
def test_what_is_no_job_is_not_attached(given: Any) -> None:
    client = Client(id="app")
    with pytest.raises(InvalidArgumentError, match=r"client\.attach takes jobs"):
        client.attach(given)
    assert client.jobs == {}


async def test_a_handle_inside_a_run_gives_results_typed_by_the_job(app: App) -> None:
    @app.job
    async def dated(payload: Any) -> date:
        return date(2024, 1, 1)

    @app.job
    async def parent(payload: Any, io: IO) -> bool:
        handle = await io.invoke("k", dated)
        await io.wait("w", 0.005)
        got = await io.run_task("wait", handle.result, as_type=date)

        async def raw() -> bool:
            return await handle.result() == date(2024, 1, 1)

        return got == date(2024, 1, 1) and await io.run_task("raw", raw)

    assert await app.result(parent) is True


@pytest.mark.parametrize("level", ["loud", "", 5])
def test_an_unknown_log_level_of_a_client_is_refused_where_it_is_given(level: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        Client(id="app", log_level=level)


async def test_a_result_is_awaited_for_a_timedelta_too(app: App) -> None:
    @app.job
    async def waiting(payload: float, io: IO) -> str:
        await io.wait("w", payload)
        return "done"

    async with app.start():
        handle = await app.client.invoke(waiting, 0)
        assert await handle.result(timeout=timedelta(seconds=PATIENCE)) == "done"
        handle = await app.client.invoke(waiting, 3600)
        with pytest.raises(TimeoutError):
            await handle.result(timeout=timedelta(milliseconds=1))
        for odd in (-1, timedelta(seconds=-1), "5", float("nan")):
            with pytest.raises(InvalidArgumentError, match="timeout"):
                await handle.result(timeout=odd)  # type: ignore[arg-type]
