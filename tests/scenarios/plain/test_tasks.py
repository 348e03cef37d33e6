"""Tasks of plain jobs: every option of `io.run_task`, for plain and async bodies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO, Retry, RetryAt, SkipRetrying, SyncIO
from perdure.errors import (
    CacheKeyMismatchError,
    DuplicateCacheKeyError,
    InvalidArgumentError,
    TaskFailedError,
    TaskTimeoutError,
    UnserializableOutputError,
    UnsupportedTypeError,
)
from tests.scenarios import shapes
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of
from tests.scenarios.errors import NeedsNew, PaymentDeclined, QuotaExceeded
from tests.scenarios.plain.threads import PlainGate, name_of_thread

AT_ONCE = Retry(limit=5, factor=1, min_timeout=0.001, max_timeout=0.002, randomize=False)

Kind = Callable[[Callable[..., Any]], Callable[..., Any]]


def plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Leave a plain body plain."""
    return fn


def as_async(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make an async body of a plain one that takes ``(task)``."""

    async def body(task: Any) -> Any:
        await asyncio.sleep(0)
        return fn(task)

    return body


kinds = pytest.mark.parametrize("kind", [plain, as_async], ids=["plain", "async"])


@kinds
async def test_a_failing_body_is_tried_again_and_keeps_its_task(app: App, kind: Kind) -> None:
    seen: list[tuple[str, str, int]] = []

    def body(task: Any) -> str:
        seen.append((task.id, task.idempotency_key, task.attempt))
        if task.attempt < 3:
            raise PaymentDeclined("not yet")
        return f"attempt {task.attempt}"

    @app.job
    def retrying(payload: Any, io: SyncIO) -> str:
        got: str = io.run_task("k", kind(body), retry=AT_ONCE)
        io.wait("gate", 0.002)
        return got

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "attempt 3")
    assert [attempt for *_, attempt in seen] == [1, 2, 3]
    assert len({(id, key) for id, key, _ in seen}) == 1
    assert (task_of(run, "k").attempts, task_of(run, "k").error) == (3, None)


@kinds
async def test_a_task_that_failed_for_good_raises_the_same_on_every_replay(app: App, kind: Kind) -> None:
    caught: list[tuple[str, str, Any]] = []

    def body(task: Any) -> None:
        raise QuotaExceeded(5, 4)

    @app.job
    def catching(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", kind(body), retry=Retry(limit=2, min_timeout=0.001, max_timeout=0.001))
        except QuotaExceeded as error:
            caught.append((type(error).__name__, str(error), vars(error)))
        io.yield_execution()
        return "done"

    run = await app.run(catching)
    assert run.output == "done"
    assert caught == [("QuotaExceeded", "5 of 4 used", {"used": 5, "limit": 4})] * len(caught)
    assert len(caught) >= 2
    assert task_of(run, "k").attempts == 2


async def test_an_exception_that_cannot_be_rebuilt_is_a_task_failed_error(app: App) -> None:
    caught: list[tuple[str, str, bool]] = []

    def body() -> None:
        raise NeedsNew(1, secret=object())

    @app.job
    def catching(payload: Any, io: SyncIO) -> None:
        try:
            io.run_task("k", body)
        except TaskFailedError as error:
            caught.append((error.name, error.message, body.__code__.co_filename in (error.stack or "")))
        io.yield_execution()

    assert (await app.run(catching)).status == "SUCCESS"
    assert caught == [("NeedsNew", "1", True)] * 2


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (SystemExit(2), "RuntimeError"),
        (StopIteration("none left"), "RuntimeError"),
        (PaymentDeclined("no"), "PaymentDeclined"),
    ],
    ids=["SystemExit", "StopIteration", "PaymentDeclined"],
)
async def test_a_body_that_raises_whatever_fails_its_task_only(app: App, error: BaseException, name: str) -> None:
    def body() -> None:
        raise error

    @app.job
    def catching(payload: Any, io: SyncIO) -> list[str]:
        caught: list[str] = []
        for key, timeout in (("in the job's thread", None), ("in another", 5)):
            try:
                io.run_task(key, body, timeout=timeout)
            except Exception as error:
                caught.append(type(error).__name__)
        return caught

    run = await app.run(catching)
    assert run.output == [name, name]
    assert [task.status for task in run.tasks] == ["ERRORED", "ERRORED"]


@kinds
async def test_a_result_that_cannot_be_stored_fails_its_task_at_once(app: App, kind: Kind) -> None:
    attempts: list[int] = []

    def body(task: Any) -> Any:
        attempts.append(task.attempt)
        return {"user": {"photo": object()}}

    @app.job
    def failing(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", kind(body), retry=AT_ONCE)
        except UnserializableOutputError as error:
            return error.message
        return "stored"

    run = await app.run(failing)
    assert "result.user.photo" in run.output
    assert attempts == [1]


async def test_results_come_back_as_annotated_in_every_execution(app: App) -> None:
    @app.job
    def typed(payload: Any, io: SyncIO) -> int:
        for number, (annotation, value) in enumerate(shapes.VALUES):
            got = io.run_task(["value", number], lambda value=value: value, as_type=annotation)
            if annotation is not Any:
                assert (got, type(got)) == (value, type(value))
        io.wait("w", 0.002)
        return len(shapes.VALUES)

    run = await app.run(typed)
    assert (run.status, run.output) == ("SUCCESS", len(shapes.VALUES))


async def test_an_annotation_that_cannot_be_resolved_is_told_before_the_body_runs(app: App) -> None:
    ran: list[int] = []

    def body() -> Missing:  # type: ignore[name-defined]  # noqa: F821
        ran.append(1)

    @app.job
    def asking(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", body)
        except UnsupportedTypeError as error:
            return error.message
        return "resolved"

    run = await app.run(asking)
    assert "as_type=" in run.output
    assert ran == []


async def test_what_is_only_shown_is_shown(app: App) -> None:
    def body(task: Any) -> str:
        task.output_properties = [{"label": "Size", "text": "5"}]
        return "done"

    @app.job
    def showing(payload: Any, io: SyncIO) -> Any:
        return io.run_task(
            ["k", 1],
            body,
            name="Shown",
            icon="star",
            description="a line",
            properties=[{"label": "For", "text": "A1"}],
            params={"n": 1},
            style={"style": "minimal"},
            display_key="shown key",
        )

    run = await app.run(showing)
    (task,) = run.tasks
    assert (task.key, task.name, task.icon, task.description) == ("shown key", "Shown", "star", "a line")
    assert (task.params, task.style, task.output) == ({"n": 1}, {"style": "minimal"}, "done")
    assert [one["text"] for one in task.properties] == ["A1", "5"]


async def test_noop_and_delay_until_and_parse_output_do_what_they_do_elsewhere(app: App) -> None:
    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[Any]:
        begun = io.now("begun")
        until = begun + timedelta(seconds=0.03)
        nothing = io.run_task("noop", noop=True)
        later = io.run_task("later", lambda: datetime.now(UTC) >= until, delay_until=until)
        waited = io.run_task("wait", noop=True, delay_until=until + timedelta(seconds=0.01))
        parsed = io.run_task("parsed", lambda: {"n": "5"}, as_type=int, parse_output=lambda stored: int(stored["n"]))
        return [nothing, later, waited, parsed]

    run = await app.run(mixing)
    assert run.output == [None, True, None, 5]


# Time-outs.


async def test_a_plain_body_that_takes_too_long_is_left_behind_and_its_thread_goes_on(app: App) -> None:
    gates: list[PlainGate] = []
    kinds_of_threads: list[str] = []

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        def body(task: Any) -> str:
            kinds_of_threads.append(name_of_thread())
            if task.attempt == 1:
                return gates[0]()
            return "second attempt"

        return io.run_task("k", body, timeout=0.05, retry=AT_ONCE)

    async with app.start():
        gates.append(PlainGate())
        handle = await app.client.invoke(slow)
        assert await handle.result(timeout=PATIENCE) == "second attempt"
        gates[0].open()
    assert kinds_of_threads == ["perdure-body", "perdure-body"]


@kinds
async def test_the_last_attempt_that_takes_too_long_raises_a_time_out(app: App, kind: Kind) -> None:
    gates: list[PlainGate] = []

    async def forever(task: Any) -> None:
        await asyncio.Event().wait()

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        body = forever if kind is as_async else lambda task: gates[0]()
        try:
            io.run_task("k", body, timeout=0.02)
        except TaskTimeoutError as error:
            caught = error.message
        io.wait("w", 0.002)
        return caught

    async with app.start():
        gates.append(PlainGate())
        run = await app.finish(await app.client.invoke(slow))
        gates[0].open()
    assert "took longer than its timeout of 0.02 s" in run.output
    assert task_of(run, "k").status == "ERRORED"


async def test_time_parked_in_an_attempt_is_left_out_of_its_time_out(app: App) -> None:
    @app.job
    def parked(payload: Any, io: SyncIO) -> str:
        def body(task: Any, io: SyncIO) -> str:
            io.wait("w", 0.2)
            return f"attempt {task.attempt}"

        def item(number: int, index: int) -> str:
            return io.run_task(["body", number], body, timeout=0.15)

        # The second one is at work all the time, so that the run is not suspended.
        return io.parallel("p", [1, 2], lambda n, i: item(n, i) if n == 1 else io.run_task("busy", busy))[0]

    def busy() -> str:
        threading.Event().wait(0.3)
        return "busy"

    run = await app.run(parked)
    assert (run.status, run.output) == ("SUCCESS", "attempt 1")


async def test_what_a_body_asks_for_after_its_time_out_is_refused(app: App) -> None:
    gates: list[PlainGate] = []
    ended: list[str] = []
    left = threading.Event()

    @app.job
    def slow(payload: Any, io: SyncIO) -> str:
        def body(task: Any, io: SyncIO) -> None:
            try:
                gates[0]()
                io.run_task("too late", lambda: ended.append("ran"))
                ended.append("went on")
            finally:
                left.set()

        try:
            io.run_task("k", body, timeout=0.02)
        except TaskTimeoutError:
            return "timed out"
        return "in time"

    async with app.start():
        gates.append(PlainGate())
        run = await app.finish(await app.client.invoke(slow))
        gates[0].open()
        assert await asyncio.to_thread(left.wait, PATIENCE)
    assert run.output == "timed out"
    assert ended == []
    assert [task.key for task in all_tasks(run)] == ["k"]


# on_error.


async def test_a_plain_on_error_runs_in_the_jobs_thread_and_may_use_io(app: App) -> None:
    asked: list[tuple[str, int, str]] = []

    @app.job
    def deciding(payload: Any, io: SyncIO) -> str:
        def body(task: Any) -> None:
            raise PaymentDeclined("first")

        def decide(error: Exception, task: Any, io: SyncIO) -> Exception:
            asked.append((str(error), task.attempt, name_of_thread()))
            reason = io.run_task("look up", lambda: "reason")
            return QuotaExceeded(len(reason), 4)

        try:
            io.run_task("k", body, on_error=decide)
        except QuotaExceeded as error:
            return str(error)
        return "none"

    run = await app.run(deciding)
    assert run.output == "6 of 4 used"
    assert asked == [("first", 1, "perdure-job")]


async def test_an_async_on_error_of_a_plain_job_gets_an_io_to_await(app: App) -> None:
    @app.job
    def deciding(payload: Any, io: SyncIO) -> int:
        def body(task: Any) -> int:
            if task.attempt < 3:
                raise PaymentDeclined("not yet")
            return int(task.attempt)

        async def decide(error: Exception, task: Any, io: IO) -> RetryAt:
            await io.logger.info(f"attempt {task.attempt} failed")
            return RetryAt(datetime.now(UTC) + timedelta(milliseconds=2))

        return io.run_task("k", body, on_error=decide)

    run = await app.run(deciding)
    assert run.output == 3
    assert [line.message for line in run.logs] == ["attempt 1 failed", "attempt 2 failed"]


async def test_a_plain_on_error_of_an_async_job_gets_a_library_that_blocks(app: App) -> None:
    threads: list[str] = []

    @app.job
    async def deciding(payload: Any, io: IO) -> str:
        async def body(task: Any) -> None:
            raise PaymentDeclined("no")

        def decide(error: Exception, task: Any, io: SyncIO) -> SkipRetrying:
            threads.append(name_of_thread())
            io.run_task("note", lambda: str(error))
            return SkipRetrying()

        try:
            await io.run_task("k", body, retry=AT_ONCE, on_error=decide)
        except PaymentDeclined as error:
            return str(error)
        return "none"

    run = await app.run(deciding)
    assert run.output == "no"
    assert threads == ["perdure-body"]
    assert task_of(run, "note").output == "no"


# Nesting.


async def test_bodies_ask_for_tasks_of_their_own_in_every_mixture(app: App) -> None:
    @app.job
    def mixing(payload: Any, io: SyncIO) -> list[Any]:
        def plain_in_async(task: Any, io: SyncIO) -> str:
            io.wait("w", 0.002)
            return io.run_task("leaf", lambda: "plain in async")

        async def async_in_plain(task: Any, io: IO) -> str:
            await io.wait("w", 0.002)
            return await io.run_task("deeper", plain_in_async)

        def plain_in_plain(task: Any, io: SyncIO) -> list[str]:
            io.wait("w", 0.002)
            return [io.run_task("leaf", lambda: "plain in plain"), io.run_task("deeper", async_in_plain)]

        return [io.run_task("plain", plain_in_plain), io.run_task("async", async_in_plain)]

    run = await app.run(mixing)
    assert run.output == [["plain in plain", "plain in async"], "plain in async"]
    assert task_of(run, "plain/deeper/deeper/leaf").output == "plain in async"
    assert len(all_tasks(run)) == 13


async def test_a_plain_body_of_an_async_job_gets_a_library_that_blocks(app: App) -> None:
    @app.job
    async def mixing(payload: Any, io: IO) -> list[Any]:
        def body(task: Any, io: SyncIO) -> list[Any]:
            io.logger.info("in a thread")
            first = io.run_task("first", lambda: 1)
            io.wait("w", 0.005)
            return [first, io.run_task("second", lambda: 2), name_of_thread()]

        return list(await asyncio.gather(io.run_task("a", body), io.run_task("b", body)))

    run = await app.run(mixing)
    assert run.output == [[1, 2, "perdure-body"]] * 2
    assert task_of(run, "a/second").output == 2
    assert [line.message for line in run.logs] == ["in a thread"] * 2


async def test_a_plain_body_that_gives_a_coroutine_has_it_run_on_the_loop(app: App) -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return name_of_thread()

    @app.job
    def wrapping(payload: Any, io: SyncIO) -> list[str]:
        async def body(task: Any, io: IO) -> str:
            return await io.run_task("inner", lambda: inner())

        return [
            io.run_task("plain", lambda: inner()),
            io.run_task("with options", lambda: inner(), timeout=5),
            io.run_task("async", body),
        ]

    run = await app.run(wrapping)
    assert run.output == ["loop", "loop", "loop"]


async def test_a_retried_body_finds_the_tasks_that_it_has_done(app: App) -> None:
    ran: list[str] = []

    @app.job
    def retrying(payload: Any, io: SyncIO) -> str:
        def outer(task: Any, io: SyncIO) -> str:
            io.run_task("inner", lambda: ran.append("inner"))
            io.wait("w", 0.001)
            if task.attempt < 3:
                raise PaymentDeclined("again")
            return "done"

        return io.run_task("outer", outer, retry=AT_ONCE)

    run = await app.run(retrying)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert ran == ["inner"]


# Keys.


async def test_a_key_used_for_something_else_is_refused(app: App) -> None:
    @app.job
    def repeating(payload: Any, io: SyncIO) -> list[Any]:
        def body() -> int:
            return 1

        same = [io.run_task("k", body), io.run_task("k", body)]
        refused: list[str] = []
        for call in (lambda: io.run_task("k", lambda: 2), lambda: io.wait("k", 1)):
            try:
                call()
            except DuplicateCacheKeyError as error:
                refused.append(type(error).__name__)
        return [*same, *refused]

    run = await app.run(repeating)
    assert run.output == [1, 1, "DuplicateCacheKeyError", "DuplicateCacheKeyError"]
    assert run.warnings == ("key k was asked for twice; the second call got the first result",)


async def test_automatic_keys_count_by_operation_and_name(app: App) -> None:
    ran: list[int] = []

    def load(task: Any) -> int:
        ran.append(1)
        return len(ran)

    @app.job
    def counting(payload: Any, io: SyncIO) -> list[int]:
        got = [io.run_task(fn=load) for _ in range(3)]
        io.wait(seconds=0.001)
        io.wait(seconds=0.002)
        return got

    run = await app.run(counting)
    assert run.output == [1, 2, 3]
    assert len(ran) == 3


async def test_other_code_under_a_stored_key_is_a_mismatch(durable_app: App) -> None:
    gate = asyncio.Event()

    async def stop() -> None:
        gate.set()
        await asyncio.Event().wait()

    @durable_app.job
    def job(payload: Any, io: SyncIO) -> Any:
        io.run_task("k", lambda: 1, name="first")
        io.run_task("stop", stop)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(job)
        await asyncio.wait_for(gate.wait(), PATIENCE)
    successor = durable_app.successor()

    @successor.job(id="job")
    def changed(payload: Any, io: SyncIO) -> str:
        try:
            io.run_task("k", lambda: 1, name="second")
        except CacheKeyMismatchError as error:
            return error.message
        return "matched"

    async with successor.start():
        run = await successor.finish(handle.id)
    assert "belongs to run_task 'first'" in run.output


async def test_bad_arguments_are_refused_where_they_are_given(app: App) -> None:
    def too_much(a: Any, b: Any, c: Any) -> None: ...

    calls: dict[str, Callable[[SyncIO], Any]] = {
        "no function": lambda io: io.run_task("a"),
        "a coroutine": lambda io: io.run_task("b", asyncio.sleep(0)),  # type: ignore[call-overload]
        "a function of three": lambda io: io.run_task("c", too_much),
        "a style": lambda io: io.run_task("s", lambda: 1, style={"style": "loud"}),
        "a variant": lambda io: io.run_task("v", lambda: 1, style={"style": "minimal", "variant": 5}),
        "negative": lambda io: io.wait("d", -1),
        "no seconds": lambda io: io.wait("e"),
        "bounds": lambda io: io.random("f", min=2, max=1),
        "no items": lambda io: io.parallel("g", 5, lambda item, index: 1),  # type: ignore[call-overload]
    }

    @app.job
    def asking(payload: Any, io: SyncIO) -> dict[str, str]:
        answers: dict[str, str] = {}
        for name, call in calls.items():
            try:
                call(io)
                answers[name] = "accepted"
            except InvalidArgumentError:
                answers[name] = "refused"
        return answers

    run = await app.run(asking)
    assert run.output == dict.fromkeys(calls, "refused")
