"""Invoking a job and waiting for what its run comes to: one run, or a batch of them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO, RunNotification
from perdure.errors import (
    InvalidArgumentError,
    InvokedRunFailedError,
    NotFoundError,
    PayloadValidationError,
    WaitTimeoutError,
)
from perdure.sdk.records import Run
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, task_of
from tests.scenarios.errors import PaymentDeclined


class Order(BaseModel):
    id: str
    amount: int = 0


async def test_the_output_comes_back_as_the_job_declares_it(app: App) -> None:
    @app.job
    async def child(payload: Order, io: IO) -> Order:
        await io.wait("w", 0.01)
        return Order(id=payload.id, amount=payload.amount + 1)

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        by_object = await io.invoke_and_wait("o", child, Order(id="a", amount=1))
        by_id = await io.invoke_and_wait(job="child", payload={"id": "b"})
        await io.wait("w", 0.01)
        assert isinstance(by_object, Order)
        return [by_object.amount, by_id]

    assert await app.result(parent) == [2, {"id": "b", "amount": 1}]


async def test_a_run_that_returns_nothing_gives_none(app: App) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> Any:
        return [await io.invoke_and_wait("k", child)]

    assert await app.result(parent) == [None]


async def test_a_run_that_failed_raises_with_its_id_status_and_error_each_time(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def child(payload: Any) -> None:
        raise PaymentDeclined("card 4242")

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        try:
            await io.invoke_and_wait("k", child)
        except InvokedRunFailedError as error:
            seen.append((error.run_id, error.status, error.error, error.results))
        await io.wait("w", 0.01)
        return seen[-1][0]

    async with app.start():
        run = await app.finish(await app.client.invoke(parent))
        child_run = await app.client.get_run(run.output)
    assert (child_run.job_id, child_run.status) == ("child", "FAILURE")
    assert child_run.error is not None
    assert (child_run.error.name, child_run.error.message) == ("PaymentDeclined", "card 4242")
    assert set(seen) == {(child_run.id, "FAILURE", child_run.error, ())}
    assert task_of(run, "k").status == "COMPLETED"


async def test_a_run_that_failed_fails_its_parent_and_no_retry_of_a_task_around_it_helps(app: App) -> None:
    attempts: list[int] = []

    @app.job
    async def child(payload: Any) -> None:
        raise PaymentDeclined("card 4242")

    @app.job
    async def parent(payload: Any, io: IO) -> None:
        async def outer(task: Any, io: IO) -> None:
            attempts.append(task.attempt)
            await io.invoke_and_wait("k", child)

        await io.run_task("outer", outer, retry={"limit": 3, "min_timeout": 0.01, "randomize": False})

    run = await app.run(parent)
    assert run.error is not None
    assert (run.status, run.error.name) == ("FAILURE", "InvokedRunFailedError")
    assert set(attempts) == {1}


async def test_a_cancelled_run_ends_the_wait_at_once(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> None:
        await io.wait("w", 3600)

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        try:
            await io.invoke_and_wait("k", child, idempotency_key="one")
        except InvokedRunFailedError as error:
            return [error.run_id, error.status, error.error]
        return []

    async with app.start():
        handle = await app.client.invoke(parent)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        child_handle = await app.client.invoke(child, idempotency_key="one")
        await child_handle.cancel()
        assert await handle.result(timeout=PATIENCE) == [child_handle.id, "CANCELED", None]


async def test_a_wait_that_takes_too_long_raises_and_the_run_goes_on(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> str:
        await io.wait("w", 0.3)
        return "late"

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        try:
            return await io.invoke_and_wait("k", child, idempotency_key="one", timeout=0.02)
        except WaitTimeoutError as error:
            await io.wait("w", 0.01)
            return error.message

    async with app.start():
        message = await (await app.client.invoke(parent)).result(timeout=PATIENCE)
        assert "invoke_and_wait 'k'" in message
        again = await app.client.invoke(child, idempotency_key="one")
        assert await again.result(timeout=PATIENCE) == "late"


async def test_a_payload_that_does_not_fit_is_refused_before_anything_is_sent(app: App) -> None:
    @app.job
    async def child(payload: Order) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        found: list[Any] = []
        try:
            await io.invoke_and_wait("k", child, {"amount": "many"})
        except PayloadValidationError as error:
            found.append(sorted(issue.path for issue in error.issues))
        try:
            await io.batch_invoke_and_wait("b", child, [{"id": "a"}, {"amount": 1}])
        except PayloadValidationError as error:
            found.append("payloads[1]" in error.message)
        try:
            await io.invoke_and_wait("by id", "child", {"amount": "many"})
        except InvokedRunFailedError as error:
            found.append(error.status)
        return found

    run = await app.run(parent)
    assert run.output == [[["amount"], ["id"]], True, "INVALID_PAYLOAD"]
    assert [task.key for task in run.tasks] == ["by id"]


async def test_an_unknown_job_is_what_the_call_fails_with_each_time(app: App) -> None:
    seen: list[str] = []

    @app.job(id="welcome-mail")
    async def parent(payload: Any, io: IO) -> str:
        try:
            await io.invoke_and_wait("k", "welcome-mial")
        except NotFoundError as error:
            seen.append(error.message)
        await io.wait("w", 0.01)
        return seen[-1]

    run = await app.run(parent)
    assert "welcome-mail" in run.output
    assert len(set(seen)) == 1
    assert task_of(run, "k").status == "ERRORED"


async def test_a_known_key_waits_for_the_first_run_also_if_it_has_ended(app: App) -> None:
    began: list[Any] = []

    @app.job
    async def child(payload: Any, io: IO) -> Any:
        await io.run_task("begin", lambda: began.append(payload))
        await io.wait("w", 0.01)
        return payload["n"]

    @app.job
    async def parent(payload: Any, io: IO) -> Any:
        return await io.invoke_and_wait("k", child, {"n": 2}, idempotency_key="one", timeout=None)

    async with app.start():
        first = await app.client.invoke(child, {"n": 1}, idempotency_key="one")
        under_way = await app.client.invoke(parent)
        assert await under_way.result(timeout=PATIENCE) == 1
        assert await first.result(timeout=PATIENCE) == 1
        ended = await app.client.invoke(parent)
        assert await ended.result(timeout=PATIENCE) == 1
    assert began == [{"n": 1}]


async def test_a_run_that_has_ended_lets_its_branch_go_on_while_another_works(app: App) -> None:
    release = asyncio.Event()

    @app.job
    async def child(payload: Any) -> int:
        return 1

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        async def asks() -> int:
            got = await io.invoke_and_wait("k", child, idempotency_key="one")
            release.set()
            return got

        async def works() -> str:
            await release.wait()
            return "worked"

        return await asyncio.gather(asks(), io.run_task("work", works))

    async with app.start():
        await (await app.client.invoke(child, idempotency_key="one")).result(timeout=PATIENCE)
        assert await (await app.client.invoke(parent)).result(timeout=PATIENCE) == [1, "worked"]


async def test_several_branches_wait_for_runs_at_once(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> int:
        await io.wait("w", payload["n"] / 100)
        return payload["n"]

    @app.job
    async def parent(payload: Any, io: IO) -> list[int]:
        return await asyncio.gather(*(io.invoke_and_wait(["k", n], child, {"n": n}) for n in (3, 1, 2)))

    assert await app.result(parent) == [3, 1, 2]


async def test_a_job_may_invoke_itself(app: App) -> None:
    @app.job
    async def factorial(payload: dict[str, int], io: IO) -> int:
        n = payload["n"]
        return 1 if n < 2 else n * await io.invoke_and_wait("k", "factorial", {"n": n - 1})

    assert await app.result(factorial, {"n": 6}) == 720


async def test_runs_go_on_when_their_parent_is_cancelled(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO) -> str:
        await io.wait("w", 0.05)
        return "done"

    @app.job
    async def parent(payload: Any, io: IO) -> None:
        await io.invoke_and_wait("k", child, idempotency_key="one")

    async with app.start():
        handle = await app.client.invoke(parent)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await handle.cancel()
        again = await app.client.invoke(child, idempotency_key="one")
        assert await again.result(timeout=PATIENCE) == "done"
        assert await handle.status() == "CANCELED"


async def test_a_parent_goes_on_after_a_restart_when_its_run_has_ended(durable_app: App) -> None:
    app, gate = durable_app, Gate()

    def declare(app: App) -> Any:
        @app.job
        async def child(payload: Any, io: IO) -> int:
            await io.run_task("gate", gate)
            return 7

        @app.job
        async def parent(payload: Any, io: IO) -> int:
            return await io.invoke_and_wait("k", child)

        return parent

    parent = declare(app)
    async with app.start_and_interrupt():
        handle = await app.client.invoke(parent)
        await gate.wait()
        await app.reach(handle, "WAITING_TO_CONTINUE")
    gate.is_open = True
    after = app.successor()
    declare(after)
    async with after.start():
        assert (await after.finish(handle.id)).output == 7


async def test_a_batch_gives_the_outputs_in_the_order_of_the_payloads(app: App) -> None:
    executions: list[None] = []

    @app.job
    async def child(payload: dict[str, int], io: IO) -> date:
        await io.wait("w", payload["n"] / 200)
        return date(2024, 1, payload["n"])

    @app.job
    async def parent(payload: Any, io: IO) -> list[Any]:
        executions.append(None)
        got = await io.batch_invoke_and_wait("b", child, [{"n": n} for n in (5, 1, 3)])
        by_id = await io.batch_invoke_and_wait(job="child", payloads=[{"n": 2}])
        return [got == [date(2024, 1, n) for n in (5, 1, 3)], by_id]

    async with app.start():
        handle = await app.client.invoke(parent)
        assert await handle.result(timeout=PATIENCE) == [True, ["2024-01-02"]]
        # One wake for each batch, not one for each run.
        assert await app.executions(handle) == 3


async def test_the_items_of_a_batch_have_options_of_their_own(app: App) -> None:
    @app.job
    async def child(payload: Any, io: IO, ctx: Any) -> list[Any]:
        account = None if ctx.account is None else ctx.account.id
        return [payload, ctx.event.context, account]

    @app.job
    async def parent(payload: Any, io: IO) -> Any:
        items = [
            ({"n": 1}, {"context": {"c": 1}, "account_id": "acc"}),
            ({"n": 2}, {}),
            ("pair", "of texts"),
            ({"n": 4}, {"idempotency_key": "one"}),
            ({"n": 5}, {"idempotency_key": "one"}),
        ]
        return await io.batch_invoke_and_wait("b", child, items)

    assert await app.result(parent) == [
        [{"n": 1}, {"c": 1}, "acc"],
        [{"n": 2}, {}, None],
        [["pair", "of texts"], {}, None],
        [{"n": 4}, {}, None],
        [{"n": 4}, {}, None],
    ]


async def test_a_batch_with_a_failure_raises_the_first_once_all_have_ended(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def child(payload: dict[str, int], io: IO) -> date:
        await io.wait("w", 0.02 / payload["n"])
        if payload["n"] in (2, 3):
            raise PaymentDeclined(f"card {payload['n']}")
        return date(2024, 1, payload["n"])

    @app.job
    async def parent(payload: Any, io: IO) -> list[str]:
        try:
            await io.batch_invoke_and_wait("b", child, [{"n": n} for n in (1, 2, 3, 4)])
        except InvokedRunFailedError as error:
            seen.append(error)
        await io.wait("w", SUSPENDS)
        return [seen[-1].run_id]

    async with app.start():
        run = await app.finish(await app.client.invoke(parent))
    for error in seen:
        results: tuple[RunNotification, ...] = error.results
        assert (error.status, error.error.message) == ("FAILURE", "card 2")
        assert [one.ok for one in results] == [True, False, False, True]
        assert [one.output for one in results] == [date(2024, 1, 1), None, None, date(2024, 1, 4)]
        assert [one.event.payload["n"] for one in results] == [1, 2, 3, 4]
        assert [one.job.id for one in results] == ["child"] * 4
        assert (results[1].run.id, results[1].status) == (error.run_id, "FAILURE")
        assert run.output == [error.run_id]
    assert len(seen) == (2 if app.force_replay else 1)


async def test_the_results_of_a_batch_survive_the_task_around_it(app: App) -> None:
    seen: list[Any] = []

    @app.job
    async def child(payload: dict[str, int]) -> date:
        if payload["n"] == 2:
            raise PaymentDeclined("card")
        return date(2024, 1, payload["n"])

    @app.job
    async def parent(payload: Any, io: IO) -> None:
        async def outer(task: Any, io: IO) -> None:
            await io.batch_invoke_and_wait("b", child, [{"n": n} for n in (1, 2)])

        try:
            await io.run_task("outer", outer)
        except InvokedRunFailedError as error:
            seen.append((error.run_id, error.error, *error.results))
        await io.wait("w", SUSPENDS)

    run = await app.run(parent)
    assert run.status == "SUCCESS", run.error
    (run_id, error, first, second), *others = seen
    assert (error.name, first.ok, second.run.id) == ("PaymentDeclined", True, run_id)
    # Not knowing the job any more, the error has the outputs as JSON.
    assert first.output == "2024-01-01"
    assert others == [seen[0]] * (1 if app.force_replay else 0)


async def test_an_empty_batch_gives_an_empty_list(app: App) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> Any:
        return await io.batch_invoke_and_wait("b", child, [])

    assert await app.result(parent) == []


@pytest.mark.parametrize(
    ("payloads", "says"),
    [
        ("abc", "list of payloads"),
        ({"n": 1}, "list of payloads"),
        (7, "list of payloads"),
        ([({"n": 1}, {"key": "k"})], "'key'"),
        ([{}] * 1001, "1,000"),
    ],
    ids=["text", "dict", "number", "unknown option", "too many"],
)
async def test_what_is_no_batch_is_refused(app: App, payloads: Any, says: str) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> str:
        try:
            await io.batch_invoke_and_wait("b", child, payloads)
        except InvalidArgumentError as error:
            return error.message
        return ""

    assert says in await app.result(parent)


@pytest.mark.parametrize(
    "arguments", [{}, {"job": 5}, {"job": "child", "timeout": -1}, {"job": "child", "payload": object()}]
)
async def test_arguments_that_make_no_sense_are_refused(app: App, arguments: dict[str, Any]) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def parent(payload: Any, io: IO) -> Any:
        await io.invoke_and_wait("k", **arguments)

    run: Run = await app.run(parent)
    assert run.status == "FAILURE"
    assert run.tasks == ()
