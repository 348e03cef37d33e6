"""Invoking a job and waiting for what its run comes to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO
from perdure.errors import InvokedRunFailedError, NotFoundError, PayloadValidationError, WaitTimeoutError
from perdure.sdk.records import Run
from tests.scenarios.app import PATIENCE, App, task_of
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
