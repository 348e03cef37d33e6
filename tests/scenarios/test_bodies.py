"""Task bodies: what they may be, what they are given, where they run."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure import IO, current
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import PATIENCE, App, all_tasks, task_of

request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Service:
    """Has bodies of every kind."""

    def __init__(self) -> None:
        self.name = "service"

    def plain(self) -> str:
        return f"{self.name} plain"

    async def awaited(self) -> str:
        return f"{self.name} awaited"

    def with_task(self, task: Any) -> str:
        return f"{self.name} attempt {task.attempt}"

    async def with_io(self, task: Any, io: IO) -> str:
        return await io.run_task("inner", lambda: f"{self.name} inner")

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    async def made(cls) -> str:
        return cls.__name__


class Callable:
    async def __call__(self, task: Any) -> str:
        return f"called {task.attempt}"


def with_defaults(task: Any, retries: int = 5, *, flag: bool = True) -> str:
    return f"defaults {task.attempt} {retries} {flag}"


def only_defaults(first: str = "a", second: str = "b") -> str:
    return first + second


async def variadic(*args: Any, **kwargs: Any) -> str:
    return f"{len(args)} {len(kwargs)}"


async def two(task: Any, io: IO) -> str:
    return f"{task.attempt} {await io.run_task('inner', lambda: 'two')}"


BODIES: list[tuple[Any, str]] = [
    (lambda: "lambda", "lambda"),
    (lambda task: f"lambda {task.attempt}", "lambda 1"),
    (lambda: variadic(1, 2), "2 0"),
    (Service().plain, "service plain"),
    (Service().awaited, "service awaited"),
    (Service().with_task, "service attempt 1"),
    (Service().with_io, "service inner"),
    (Service.static, "static"),
    (Service.made, "Service"),
    (Callable(), "called 1"),
    (with_defaults, "defaults 1 5 True"),
    (only_defaults, "ab"),
    (variadic, "0 0"),
    (two, "1 two"),
    (functools.partial(two), "1 two"),
    (functools.partial(with_defaults, retries=9), "defaults 1 9 True"),
    (functools.partial(variadic, 1, a=2), "1 1"),
    (functools.partial(functools.partial(only_defaults, "x"), "y"), "xy"),
    (str, ""),
]


async def test_a_body_is_given_what_its_required_parameters_ask_for(app: App) -> None:
    @app.job
    async def running(payload: Any, io: IO) -> list[str]:
        got = [await io.run_task(["k", at], body) for at, (body, _) in enumerate(BODIES)]
        await io.wait("gate", 0.005)
        return got

    run = await app.run(running)
    assert run.status == "SUCCESS"
    assert run.output == [result for _, result in BODIES]


async def test_a_task_without_a_function_is_refused(app: App) -> None:
    @app.job
    async def running(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k")
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    assert "noop=True" in await app.result(running)


async def test_plain_functions_run_in_threads_beside_each_other(app: App) -> None:
    together = threading.Barrier(5, timeout=PATIENCE)

    def body() -> str:
        together.wait()
        return threading.current_thread().name

    @app.job
    async def threading_job(payload: Any, io: IO) -> list[str]:
        return list(await asyncio.gather(*(io.run_task(["k", n], body) for n in range(5))))

    names = await app.result(threading_job)
    assert len(set(names)) == 5
    assert threading.current_thread().name not in names


async def test_async_functions_run_on_the_loop_of_the_job(app: App) -> None:
    @app.job
    async def looping(payload: Any, io: IO) -> bool:
        loop = asyncio.get_running_loop()

        async def body() -> bool:
            return asyncio.get_running_loop() is loop

        return await io.run_task("k", body)

    assert await app.result(looping) is True


async def test_context_variables_reach_bodies_and_do_not_leak_between_runs(app: App) -> None:
    @app.job
    async def contextual(payload: Any, io: IO) -> list[str]:
        before = request_id.get()
        request_id.set(payload["id"])
        plain = await io.run_task("plain", request_id.get)
        nested = await io.run_task("nested", nested_body)
        await io.wait("w", 0.01)
        return [before, plain, nested, request_id.get()]

    async def nested_body(task: Any, io: IO) -> str:
        return await io.run_task("inner", request_id.get)

    async with app.start():
        handles = [await app.client.invoke(contextual, {"id": name}) for name in ("a", "b")]
        got = [await handle.result(timeout=PATIENCE) for handle in handles]
    assert got == [["none", name, name, name] for name in ("a", "b")]


async def test_a_noop_task_has_no_body_and_no_result(app: App) -> None:
    bodies: list[int] = []

    @app.job
    async def marking(payload: Any, io: IO) -> list[Any]:
        got = [await io.run_task("mark", noop=True, name="a mark")]
        got.append(await io.run_task("mark2", lambda: bodies.append(1), noop=True))
        await io.wait("gate", 0.005)
        return got

    run = await app.run(marking)
    assert run.output == [None, None]
    assert bodies == []
    task = task_of(run, "mark")
    assert (task.status, task.noop, task.name) == ("COMPLETED", True, "a mark")


async def test_a_noop_task_with_a_delay_is_a_wait(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> float:
        before = await io.now("before")
        await io.run_task("later", noop=True, delay_until=before + timedelta(seconds=0.5))
        return (await io.now("after") - before).total_seconds()

    async with app.start():
        handle = await app.client.invoke(waiting)
        assert await handle.result() >= 0.5
        assert await app.executions(handle) == 2


async def test_a_body_with_a_delay_begins_no_earlier(app: App) -> None:
    starts: list[datetime] = []
    due: list[datetime] = []

    def body(task: Any) -> int:
        starts.append(datetime.now(UTC))
        return task.attempt

    @app.job
    async def delaying(payload: Any, io: IO) -> int:
        due.append(datetime.now(UTC) + timedelta(seconds=0.05))
        return await io.run_task("later", body, delay_until=due[0])

    run = await app.run(delaying)
    assert (run.status, run.output) == ("SUCCESS", 1)
    assert len(starts) == 1
    # The engine's clock counts milliseconds.
    assert starts[0] >= due[0] - timedelta(milliseconds=1)
    assert task_of(run, "later").attempts == 1


async def test_a_delay_that_has_passed_is_none(app: App) -> None:
    @app.job
    async def delaying(payload: Any, io: IO) -> str:
        await io.run_task("mark", noop=True, delay_until=datetime(2020, 1, 1, tzinfo=UTC))
        return await io.run_task("k", lambda: "at once", delay_until=datetime(2020, 1, 1, tzinfo=UTC))

    async with app.start():
        handle = await app.client.invoke(delaying)
        assert await handle.result() == "at once"
        assert await app.executions(handle) == 1


async def test_a_naive_delay_is_refused(app: App) -> None:
    @app.job
    async def delaying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: 1, delay_until=datetime(2030, 1, 1))  # noqa: DTZ001 — what is refused
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    assert await app.result(delaying) == "invalid_argument"


async def test_what_a_call_says_of_its_task_is_shown(app: App) -> None:
    async def body(task: Any) -> int:
        task.output_properties = [{"label": "Total", "text": "5"}, {"label": "Link", "text": "x", "url": "http://a"}]
        return 5

    @app.job
    async def showing(payload: Any, io: IO) -> int:
        got = await io.run_task(
            ["order", 5],
            body,
            name="Place an order",
            icon="cart",
            description="of five",
            properties=[{"label": "Items", "text": "3"}, {"label": "Total", "text": "?"}],
            params={"id": 5},
            style={"style": "minimal", "variant": "info"},
            display_key="order five",
        )
        await io.wait("gate", 0.005)
        return got

    run = await app.run(showing)
    task = task_of(run, "order five")
    assert (task.name, task.icon, task.description, task.params) == ("Place an order", "cart", "of five", {"id": 5})
    assert task.style == {"style": "minimal", "variant": "info"}
    assert {one["label"]: one["text"] for one in task.properties} == {"Items": "3", "Total": "5", "Link": "x"}
    assert run.output == 5


async def test_a_display_key_changes_nothing_but_what_is_shown(app: App) -> None:
    @app.job
    async def showing(payload: Any, io: IO) -> list[int]:
        got = [
            await io.run_task("a", lambda: 1, display_key="same"),
            await io.run_task("b", lambda: 2, display_key="same"),
        ]
        await io.wait("gate", 0.005)
        return got

    run = await app.run(showing)
    assert run.output == [1, 2]
    assert [task.key for task in all_tasks(run)] == ["same", "same", "gate"]
    assert run.warnings == ()


async def test_without_a_name_the_functions_qualified_name_is_shown(app: App) -> None:
    @app.job
    async def naming(payload: Any, io: IO) -> None:
        await io.run_task("a", Service().plain)
        await io.run_task("b", functools.partial(two))
        await io.run_task("c", Callable())

    run = await app.run(naming)
    assert [task.name for task in run.tasks] == ["Service.plain", "two", "Callable"]


async def test_current_gives_io_and_ctx_to_helper_functions(app: App) -> None:
    async def helper() -> str:
        return await current().io.run_task("inside", lambda: current().ctx.run.id)

    @app.job
    async def helped(payload: Any, io: IO, ctx: Any) -> list[bool]:
        async def body() -> str:
            return await helper()

        plain = await io.run_task("plain", lambda: current().ctx.run.id)
        got = [plain == ctx.run.id, await helper() == ctx.run.id, await io.run_task("body", body) == ctx.run.id]
        branch = await asyncio.create_task(asyncio.to_thread(lambda: current().ctx.run.id))
        await io.wait("gate", 0.005)
        return [*got, branch == ctx.run.id, current().io is io]

    run = await app.run(helped)
    assert (run.status, run.output) == ("SUCCESS", [True] * 5)
    assert task_of(run, "body/inside").status == "COMPLETED"


async def test_a_body_that_is_slow_is_shown_as_running(app: App) -> None:
    release = asyncio.Event()

    @app.job
    async def slow(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> str:
            async def inner() -> str:
                await release.wait()
                return "done"

            return await io.run_task("inner", inner)

        return await io.run_task("outer", outer)

    async with app.start():
        handle = await app.client.invoke(slow)
        started = time.monotonic()
        while not (run := await app.look_up(handle.id)).tasks or not run.tasks[0].children:
            assert time.monotonic() < started + PATIENCE
            await asyncio.sleep(0)
        assert task_of(run, "outer").status == "RUNNING"
        assert task_of(run, "outer/inner").status == "RUNNING"
        release.set()
        run = await app.finish(handle)
    assert (run.output, task_of(run, "outer/inner").status) == ("done", "COMPLETED")


async def test_a_run_does_not_inherit_the_context_of_whoever_started_it(app: App) -> None:
    """A replay could not have it again."""

    @app.job
    async def contextual(payload: Any, io: IO) -> list[str]:
        first = request_id.get()
        await io.wait("w", 0.005)
        return [first, request_id.get()]

    async with app.start():
        token = request_id.set("the caller's")
        handle = await app.client.invoke(contextual)
        request_id.reset(token)
        assert await handle.result(timeout=PATIENCE) == ["none", "none"]


async def test_a_body_that_takes_too_much_is_refused_and_not_retried(app: App) -> None:
    @app.job
    async def running(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda a, b, c: 1, retry={"limit": 3, "min_timeout": 60})
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    async with app.start():
        handle = await app.client.invoke(running)
        assert "3" in await handle.result(timeout=PATIENCE)


async def test_a_plain_body_may_return_what_is_to_be_awaited(app: App) -> None:
    @app.job
    async def short(payload: Any, io: IO) -> str:
        got = await io.run_task("outer", lambda task, io: io.run_task("inner", lambda: "inner"))
        await io.wait("w", 0.002)
        return got

    run = await app.run(short)
    assert (run.status, run.output) == ("SUCCESS", "inner")
    assert task_of(run, "outer/inner").output == "inner"


async def test_a_body_in_a_thread_may_run_a_loop_of_its_own(app: App) -> None:
    @app.job
    async def child(payload: Any) -> str:
        return "child"

    @app.job
    async def looping(payload: Any, io: IO) -> str:
        async def elsewhere() -> str:
            handle = await app.client.invoke(child)
            branches = [asyncio.create_task(asyncio.sleep(0, "child")) for _ in range(3)]
            await asyncio.gather(*branches)
            return await handle.result(timeout=PATIENCE)

        return await io.run_task("k", lambda: asyncio.run(elsewhere()))

    assert await app.result(looping) == "child"


async def test_output_properties_that_cannot_be_stored_fail_the_task_once(app: App) -> None:
    bodies: list[int] = []

    def body(task: Any) -> str:
        bodies.append(1)
        task.output_properties = [{"label": "x", "text": object()}]
        return "result"

    @app.job
    async def showing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body)
        except InvalidArgumentError as error:
            await io.wait("w", 0.002)
            return error.message
        return "no error"

    run = await app.run(showing)
    assert run.status == "SUCCESS"
    assert "output_properties" in run.output
    assert bodies == [1]
    assert task_of(run, "k").status == "ERRORED"
