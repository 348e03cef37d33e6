"""Jobs that are plain functions: what they take, what they give, how they end."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from perdure import IO, Context, SyncIO, current
from perdure.errors import InvalidArgumentError, NotInRunError
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, App, task_of
from tests.scenarios.errors import PaymentDeclined, QuotaExceeded
from tests.scenarios.plain.threads import name_of_thread

language: ContextVar[str] = ContextVar("language", default="none")


async def test_a_plain_job_runs_its_tasks_in_order_and_gives_its_output(app: App) -> None:
    ran: list[str] = []

    @app.job
    def stepping(payload: dict[str, int], io: SyncIO, ctx: Context) -> dict[str, Any]:
        first = io.run_task("first", lambda: ran.append("first") or payload["n"])
        second = io.run_task("second", lambda: ran.append("second") or first + 1)
        return {"second": second, "job": ctx.job.id, "version": ctx.job.version}

    run = await app.run(stepping, {"n": 1})
    assert (run.status, run.output) == ("SUCCESS", {"second": 2, "job": "stepping", "version": "1.0.0"})
    assert ran == ["first", "second"]
    assert [task.key for task in run.tasks] == ["first", "second"]
    assert run.warnings == ()


async def test_a_plain_job_takes_as_much_as_it_wants(app: App) -> None:
    @app.job
    def one(payload: int) -> int:
        return payload + 1

    @app.job
    def two(payload: int, io: SyncIO) -> int:
        return io.run_task("k", lambda: payload + 2)

    async with app.start():
        assert await (await app.client.invoke(one, 1)).result(timeout=PATIENCE) == 2
        assert await (await app.client.invoke(two, 1)).result(timeout=PATIENCE) == 3


async def test_plain_code_runs_in_a_thread_of_its_own_and_async_bodies_on_the_loop(app: App) -> None:
    @app.job
    def looking(payload: Any, io: SyncIO) -> dict[str, Any]:
        job_thread = threading.get_ident()

        async def on_loop() -> str:
            return name_of_thread()

        return {
            "job": name_of_thread(),
            "async body": io.run_task("async", on_loop),
            "plain body is in the job's thread": io.run_task("plain", lambda: threading.get_ident() == job_thread),
        }

    run = await app.run(looking)
    assert run.output == {
        "job": "perdure-job",
        "async body": "loop",
        "plain body is in the job's thread": True,
    }


def pay(payload: shapes.Order, io: SyncIO) -> shapes.Money:
    assert isinstance(payload, shapes.Order)
    total: shapes.Money = io.run_task("total", lambda: payload.total, as_type=shapes.Money)
    io.wait("w", 0.005)
    again = io.run_task("again", functools.partial(same, total))
    assert again == total
    return again


def same(money: shapes.Money) -> shapes.Money:
    assert isinstance(money, shapes.Money)
    return money


async def test_payloads_results_and_outputs_are_typed_as_annotated(app: App) -> None:
    job = app.job(pay)
    order = {"orderId": 1, "placedAt": "2024-01-01T00:00:00Z", "total": {"amount": "1.50"}}
    assert await app.result(job, order) == shapes.Money(amount="1.50")  # type: ignore[arg-type]


async def test_a_payload_that_does_not_fit_ends_the_run_before_the_job_is_called(app: App) -> None:
    called: list[int] = []

    def strict(payload: shapes.Money, io: SyncIO) -> None:
        called.append(1)

    run = await app.run(app.job(strict), {"amount": "no number"})
    assert run.status == "INVALID_PAYLOAD"
    assert called == []


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (PaymentDeclined("no"), "PaymentDeclined", "no"),
        (QuotaExceeded(5, 4), "QuotaExceeded", "5 of 4 used"),
        (SystemExit(3), "RuntimeError", "The job called sys.exit(3)."),
        (StopIteration(), "RuntimeError", "The function raised StopIteration."),
        (asyncio.CancelledError("own"), "RuntimeError", "The job raised CancelledError: own"),
        (GeneratorExit(), "RuntimeError", "The job raised GeneratorExit: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
async def test_what_a_plain_job_raises_fails_its_run(app: App, error: BaseException, name: str, message: str) -> None:
    @app.job
    def failing(payload: Any, io: SyncIO) -> None:
        io.wait("w", 0.001)
        raise error

    run = await app.run(failing)
    assert run.status == "FAILURE"
    assert run.error is not None
    assert (run.error.name, run.error.message) == (name, message)


async def test_an_output_that_cannot_be_stored_fails_the_run(app: App) -> None:
    @app.job
    def odd(payload: Any) -> Any:
        return object()

    run = await app.run(odd)
    assert run.error is not None
    assert run.error.name == "UnserializableOutputError"


async def test_a_plain_function_around_an_async_one_is_told_so(app: App) -> None:
    async def inner(payload: Any, io: IO) -> int:
        return 1

    @functools.wraps(inner)
    def around(*args: Any) -> Any:
        return inner(*args)

    run = await app.run(app.job(around, id="around"))
    assert run.error is not None
    assert run.error.name == "InvalidArgumentError"
    assert "returned a coroutine" in run.error.message


async def test_what_a_job_puts_into_context_variables_is_there_in_its_bodies_and_after_its_calls(app: App) -> None:
    @app.job
    def setting(payload: Any, io: SyncIO) -> list[str]:
        language.set("de")

        async def on_loop() -> str:
            await asyncio.sleep(0)
            found = language.get()
            language.set("of an async body")
            return found

        def nested(task: Any, io: SyncIO) -> str:
            language.set("of a plain body")
            return io.run_task("inner", language.get)

        found = [
            io.run_task("plain", language.get),
            io.run_task("async", on_loop),
            io.run_task("nested", nested),
            *io.parallel("parallel", [1, 2], lambda item, index: language.get()),
        ]
        io.wait("w", 0.001)
        return [*found, language.get()]

    run = await app.run(setting)
    assert run.output == ["de", "de", "of a plain body", "de", "de", "de"]
    assert language.get() == "none"


async def test_helper_functions_find_the_current_run(app: App) -> None:
    def helper(key: str) -> list[Any]:
        found = current(SyncIO)
        return [found.io.run_task(key, lambda: key), found.ctx.job.id, type(current().io).__name__]

    async def async_helper() -> list[str]:
        return [type(current().io).__name__, type(current(IO).io).__name__]

    @app.job
    def helped(payload: Any, io: SyncIO) -> dict[str, Any]:
        return {
            "job": helper("of the job"),
            "body": io.run_task("body", lambda: helper("of the body")),
            "item": io.parallel("items", ["of an item"], lambda key, index: helper(key)),
            "async": io.run_task("async", async_helper),
        }

    run = await app.run(helped)
    assert run.output == {
        "job": ["of the job", "helped", "SyncIO"],
        "body": ["of the body", "helped", "SyncIO"],
        "item": [["of an item", "helped", "SyncIO"]],
        "async": ["IO", "IO"],
    }
    assert task_of(run, "body/of the body").output == "of the body"


async def test_asking_for_the_wrong_kind_of_library_says_which_there_is(app: App) -> None:
    @app.job
    def asking(payload: Any, io: SyncIO) -> list[str]:
        async def on_loop() -> str:
            return refusal(lambda: current(SyncIO))

        return [refusal(lambda: current(IO)), io.run_task("k", on_loop)]

    run = await app.run(asking)
    assert ["its io is SyncIO, not IO" in run.output[0], "its io is IO, not SyncIO" in run.output[1]] == [True, True]
    with pytest.raises(NotInRunError):
        current(SyncIO)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        call()
    return caught.value.message


async def test_runs_of_plain_jobs_are_at_work_at_the_same_time(app: App) -> None:
    barrier = threading.Barrier(20, timeout=PATIENCE)

    @app.job
    def meeting(payload: Any, io: SyncIO) -> int:
        io.run_task("meet", lambda: (barrier.wait(), None)[1])
        return 1

    async with app.start():
        handles = [await app.client.invoke(meeting) for _ in range(20)]
        assert [await handle.result(timeout=PATIENCE) for handle in handles] == [1] * 20


async def test_plain_and_async_jobs_run_beside_each_other_and_start_each_other(app: App) -> None:
    @app.job
    async def doubling(payload: int, io: IO) -> int:
        return await io.run_task("k", lambda: 2 * payload)

    @app.job
    def asking(payload: int, io: SyncIO) -> int:
        handle = io.invoke("start", doubling, payload)
        return io.run_task("answer", handle.result)

    @app.job
    async def asking_back(payload: int, io: IO) -> int:
        handle = await io.invoke("start", asking, payload)
        return await io.run_task("answer", handle.result)

    assert await app.result(asking_back, 4) == 8


async def test_the_calls_of_a_handle_block_and_are_refused_outside_a_body(app: App) -> None:
    @app.job
    def quick(payload: Any) -> str:
        return "quick"

    @app.job
    def asking(payload: Any, io: SyncIO) -> list[str]:
        handle = io.invoke("start", quick)
        try:
            handle.result()
        except Exception as error:
            refused = type(error).__name__
        answer = io.run_task("answer", lambda: handle.result(timeout=PATIENCE))
        return [refused, answer, io.run_task("status", handle.status), io.run_task("id", lambda: handle.id)]

    run = await app.run(asking)
    assert run.output[:3] == ["UseIoError", "quick", "SUCCESS"]
    assert run.output[3].startswith("run_")


async def test_a_plain_job_leaves_nothing_on_standard_error(app: App, capfd: pytest.CaptureFixture[str]) -> None:
    @app.job
    def waiting(payload: Any, io: SyncIO) -> None:
        io.wait("w", 0.005)
        io.parallel("p", [1, 2, 3], lambda item, index: io.wait(["w", item], 0.005))

    run = await app.run(waiting)
    assert run.status == "SUCCESS"
    assert capfd.readouterr().err == ""
