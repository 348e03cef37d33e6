"""Batches: invoking many runs of a job at once, and waiting for all of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from perdure import IO, RunNotification
from perdure.errors import InvalidArgumentError, InvokedRunFailedError
from tests.scenarios.app import PATIENCE, SUSPENDS, App
from tests.scenarios.errors import PaymentDeclined


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
