"""`perdure.logging_handler()`: what an app logs while a run's code is at work is in the run's log, once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import IO, Client, SyncIO, invoke_trigger, logging_handler
from perdure.sdk.log_lines import MOST_WAITING
from tests.scenarios.app import PATIENCE, App, Gate
from tests.scenarios.conftest import LOGGER
from tests.scenarios.errors import PaymentDeclined
from tests.scenarios.plain.threads import PlainGate

log = logging.getLogger(LOGGER)


@pytest.fixture(autouse=True)
def handler() -> Iterator[logging.Handler]:
    """The handler under test, on a logger of an app that says everything."""
    handler = logging_handler()
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    yield handler
    log.removeHandler(handler)
    log.propagate = True


async def test_records_of_a_run_are_lines_of_its_log_with_their_levels(app: App) -> None:
    @app.job
    async def logging_job(payload: Any, io: IO) -> None:
        log.debug("a %s", "debug")
        log.info("an info")
        log.warning("a warning")
        log.error("an error")
        log.critical("critical")
        log.log(25, "in between")
        await io.logger.info("its own")

    run = await app.run(logging_job)
    assert [(line.level, line.message, line.data) for line in run.logs] == [
        ("DEBUG", "a debug", None),
        ("INFO", "an info", None),
        ("WARN", "a warning", None),
        ("ERROR", "an error", None),
        ("ERROR", "critical", None),
        ("INFO", "in between", None),
        ("INFO", "its own", None),
    ]


async def test_each_record_is_one_line_however_often_the_run_is_executed(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> None:
        log.info("begins")
        for number in range(3):
            log.info("again")
            await io.wait(["w", number], 0.003)
        log.info("ends")

    run = await app.run(waiting)
    assert [line.message for line in run.logs] == ["begins", "again", "again", "again", "ends"]


async def test_records_are_kept_from_all_kinds_of_code(app: App) -> None:
    def say(where: str) -> str:
        log.info(where)
        return where

    @app.job
    async def async_job(payload: Any, io: IO) -> None:
        say("async job")

        async def body(task: Any, io: IO) -> None:
            say("async body")
            await io.run_task("inner", lambda: say("plain body inside"))

        await io.run_task("a", body)
        await io.run_task("b", lambda: say("plain body"))
        await asyncio.gather(*(branch(io, number) for number in range(2)))
        await io.parallel("p", [1, 2], lambda item, index: say("item in a thread"))
        await asyncio.to_thread(say, "thread of its own")

    async def branch(io: IO, number: int) -> None:
        say("branch")
        await io.wait(["w", number], 0.002)

    @app.job
    def plain_job(payload: Any, io: SyncIO) -> None:
        say("plain job")
        io.run_task("b", lambda: say("its body"))
        io.wait("w", 0.002)
        io.parallel("p", [1, 2], lambda item, index: say("its item"))
        try:
            io.run_task("t", lambda: 1 // 0, timeout=5, on_error=lambda error, task, io: say("its on_error") and None)
        except ZeroDivisionError:
            say("caught")

    async with app.start():
        run = await app.finish(await app.client.invoke(async_job))
        assert (run.status, run.error) == ("SUCCESS", None)
        kinds = ["async job", "async body", "plain body inside", "plain body", "thread of its own"]
        twice = ["branch", "item in a thread"]
        assert sorted(line.message for line in run.logs) == sorted([*kinds, *twice, *twice])
        run = await app.finish(await app.client.invoke(plain_job))
        assert (run.status, run.error) == ("SUCCESS", None)
        assert sorted(line.message for line in run.logs) == sorted(
            ["plain job", "its body", "its item", "its item", "its on_error", "caught"]
        )


async def test_records_from_outside_of_runs_and_of_perdure_itself_are_ignored(
    app: App, handler: logging.Handler
) -> None:
    ours = logging.getLogger("perdure.engine.executions")
    ours.addHandler(handler)
    try:

        @app.job
        async def quiet(payload: Any, io: IO) -> None:
            ours.warning("from within")

        log.info("before")
        async with app.start():
            log.info("beside")
            handle = await app.client.invoke(quiet)
            log.info("beside")
            run = await app.finish(handle)
        log.info("after")
    finally:
        ours.removeHandler(handler)
    assert run.logs == ()


async def test_the_exception_of_a_record_is_its_data(app: App) -> None:
    @app.job
    def failing(payload: Any, io: SyncIO) -> None:
        try:
            raise PaymentDeclined("card 4242")
        except PaymentDeclined:
            log.exception("gave up")
        log.error("no exception", exc_info=True)

    run = await app.run(failing)
    first, second = run.logs
    assert (first.level, first.message) == ("ERROR", "gave up")
    assert (first.data["name"], first.data["message"]) == ("PaymentDeclined", "card 4242")
    assert __file__ in first.data["stack"]
    assert (second.message, second.data) == ("no exception", None)


async def test_levels_are_those_of_the_handler_and_of_the_job(app: App, handler: logging.Handler) -> None:
    handler.setLevel(logging.INFO)
    app.client = Client(id="app", database_url=app.database_url, log_level="warn")

    async def say_all(payload: Any, io: IO) -> None:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            log.log(level, logging.getLevelName(level))

    strict = app.client.job(id="strict", version="1.0.0", trigger=invoke_trigger())(say_all)
    lax = app.client.job(id="lax", version="1.0.0", trigger=invoke_trigger(), log_level="debug")(say_all)
    async with app.start():
        run = await app.finish(await app.client.invoke(strict))
        assert [line.message for line in run.logs] == ["WARNING"]
        run = await app.finish(await app.client.invoke(lax))
        assert [line.message for line in run.logs] == ["INFO", "WARNING"]


async def test_a_formatter_writes_the_line(app: App, handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    @app.job
    async def saying(payload: Any, io: IO) -> None:
        log.info("packed")

    run = await app.run(saying)
    assert [line.message for line in run.logs] == ["shop.orders: packed"]


class Talkative:
    """Logs when it is printed."""

    def __str__(self) -> str:
        log.info("printed")
        return "talkative"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


async def test_no_record_whatever_fails_a_job_or_calls_itself(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)

    @app.job
    async def odd(payload: Any, io: IO) -> str:
        log.info("%s", Talkative())
        log.info("%s", Broken())
        log.info("%d %d", 1)
        log.info(Talkative())
        log.info("fine", extra={"order": "A1"})
        return "done"

    run = await app.run(odd)
    assert (run.status, run.output) == ("SUCCESS", "done")
    # What the test's own handler prints of them is logged as well, in other lines.
    messages = [line.message for line in run.logs if line.message != "printed"]
    assert messages == ["talkative", "talkative", "fine"]


async def test_what_is_too_much_is_counted_and_said_once(app: App) -> None:
    @app.job
    async def flooding(payload: Any, io: IO) -> None:
        # All in one go, so that nothing can be stored meanwhile.
        for number in range(MOST_WAITING + 200):
            log.info("line %d", number)

    run = await app.run(flooding)
    assert run.status == "SUCCESS"
    messages = [line.message for line in run.logs]
    assert messages[:-1] == [f"line {number}" for number in range(MOST_WAITING)]
    assert messages[-1] == "200 lines are missing: too many came at once to be stored."
    assert run.logs[-1].level == "WARN"


async def test_hundreds_of_records_are_kept_if_they_can_be_stored_meanwhile(app: App) -> None:
    @app.job
    async def chatty(payload: Any, io: IO) -> None:
        for batch in range(9):
            for number in range(100):
                log.info("line %d of %d", number, batch)
            await io.run_task(["k", batch], lambda: 1)

    run = await app.run(chatty)
    assert len(run.logs) == 900


async def test_a_body_that_is_left_behind_logs_no_more(app: App) -> None:
    gates: list[PlainGate] = []
    ended = threading.Event()

    @app.job
    def timing_out(payload: Any, io: SyncIO) -> str:
        def body() -> None:
            log.info("in time")
            gates[0]()
            log.info("too late")
            ended.set()

        try:
            io.run_task("k", body, timeout=0.05)
        except TimeoutError:
            gates[0].open()
            ended.wait(PATIENCE)
        return "done"

    async with app.start():
        gates.append(PlainGate())
        run = await app.finish(await app.client.invoke(timing_out))
    assert [line.message for line in run.logs] == ["in time"]


async def test_lines_of_a_body_at_work_survive_the_process_with_the_task_that_they_stand_in(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def working(payload: Any, io: IO) -> None:
        async def body(task: Any, io: IO) -> None:
            log.info("forwarded")
            await io.logger.info("its own")
            await other(io)
            await gate()

        await io.run_task("k", body)

    async def other(io: IO) -> None:
        await io.run_task("inner", lambda: 1)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(working)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert [line.message for line in run.logs] == ["forwarded", "its own"]
