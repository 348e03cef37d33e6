"""Plain twins: what of async code becomes plain, what stays, and what is refused."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from perdure import IO, Client, invoke_trigger
from tests.plain_twins import NoJobError, NotPlainError, make_twin


class Jobs:
    """Keeps what is declared to be a job."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}

    def job(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.functions[function.__name__] = function
        return function


class Library:
    """Stands for the task library of plain code: gives what it is asked for, at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def run_task(self, key: str, fn: Callable[[], Any]) -> Any:
        self.calls.append((key, inspect.iscoroutinefunction(fn)))
        return fn

    def create_status(self, key: str) -> Library:
        return self

    def update(self, key: str) -> str:
        return key


def declare(app: Any) -> None:
    event = asyncio.Event()

    async def foreign() -> None:
        await event.wait()

    @app.job
    async def working(payload: Any, io: IO) -> list[Any]:
        async def body() -> int:
            return await helper(io)

        async def waiting() -> None:
            await event.wait()

        status = await io.create_status("s")
        for key, fn in (("own", body), ("foreign", foreign), ("waiting", waiting)):
            await io.run_task(key, fn)
        return [await status.update("u"), await helper(io)]


async def helper(io: IO) -> Any:
    return await io.run_task("helper", len)


def test_jobs_and_all_that_only_waits_for_the_task_library_become_plain() -> None:
    jobs, library = Jobs(), Library()
    make_twin(declare)(jobs)
    working = jobs.functions["working"]
    assert not inspect.iscoroutinefunction(working)
    assert working.__annotations__["io"] == "SyncIO"
    assert working(None, library) == ["u", len]
    assert library.calls == [("own", False), ("foreign", True), ("waiting", True), ("helper", False)]


def test_the_code_that_was_written_stays_as_it_is() -> None:
    make_twin(declare)
    jobs = Jobs()
    declare(jobs)
    assert inspect.iscoroutinefunction(jobs.functions["working"])
    assert inspect.iscoroutinefunction(helper)


def schedule_in_a_job(app: Any) -> None:
    schedule = app.define_dynamic_schedule("s")

    @app.job
    async def working(payload: Any, io: IO) -> Any:
        calls = [lambda: schedule.unregister("u", "id")]
        return [await schedule.register("k", "id"), *[await call() for call in calls]]


def test_a_dynamic_schedule_is_asked_for_its_blocking_calls() -> None:
    class Blocking:
        def register(self, *words: str) -> tuple[str, ...]:
            return words

        unregister = register

    class Schedule:
        sync = Blocking()

    class Schedules(Jobs):
        def define_dynamic_schedule(self, id: str) -> Schedule:
            return Schedule()

    jobs = Schedules()
    make_twin(schedule_in_a_job)(jobs)
    assert jobs.functions["working"](None, None) == [("k", "id"), ("u", "id")]


def branching(app: Any) -> None:
    @app.job
    async def gathering(payload: Any, io: IO) -> Any:
        return await asyncio.gather(io.run_task("a", len), io.run_task("b", len))


def waiting_for_something_else(app: Any) -> None:
    event = asyncio.Event()

    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        await event.wait()


def calling_what_must_stay(app: Any) -> None:
    event = asyncio.Event()

    @app.job
    async def calling(payload: Any, io: IO) -> None:
        async def inner() -> None:
            await event.wait()

        await inner()


def stepping(app: Any) -> None:
    @app.job
    async def paging(payload: Any, io: IO) -> None:
        async for _ in payload:
            pass


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (branching, "gathering"),
        (waiting_for_something_else, r"waiting awaits event\.wait\(\)"),
        (calling_what_must_stay, r"calling awaits inner\(\)"),
        (stepping, "paging uses AsyncFor"),
    ],
    ids=["branches", "something else", "by a function of its own", "an async loop"],
)
def test_a_job_that_waits_for_something_else_is_refused(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(NotPlainError, match=reason):
        make_twin(function)


def plain_already(app: Any) -> None:
    @app.job
    def working(payload: Any, io: Any) -> None: ...


def test_what_has_no_async_job_needs_no_twin() -> None:
    with pytest.raises(NoJobError):
        make_twin(plain_already)


client = Client(id="of the module")


@client.job(id="called", version="1.0.0", trigger=invoke_trigger())
async def called(payload: Any, io: IO) -> None: ...


@client.job(id="calling", version="1.0.0", trigger=invoke_trigger())
async def calling(payload: Any, io: IO) -> None:
    await io.invoke_and_wait("k", "called")


def use_a_job_of_the_module() -> tuple[Client, Any]:
    return client, calling


def test_jobs_at_the_top_level_are_declared_anew_to_a_client_of_their_own() -> None:
    other, job = make_twin(use_a_job_of_the_module)()
    assert other is not client
    assert job is not calling
    assert {id: one.is_plain for id, one in other.jobs.items()} == {"called": True, "calling": True}
    assert not calling.is_plain
