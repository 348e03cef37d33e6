"""A run's log: every line once, whatever it was given, however often the run is executed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure import IO, Client, invoke_trigger
from tests.scenarios import shapes
from tests.scenarios.app import App, Gate, all_tasks
from tests.scenarios.errors import PaymentDeclined, Unprintable


async def test_lines_are_kept_once_in_order_with_their_levels(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        await io.logger.debug("one")
        await io.logger.info("two", {"n": 1})
        await io.wait("w", 0.005)
        await io.logger.log("three")
        await io.logger.warn("four")
        await io.wait("w2", 0.005)
        await io.logger.warning("five")
        await io.logger.error("six")

    before = datetime.now(UTC)
    run = await app.run(logging)
    assert [(line.level, line.message, line.data) for line in run.logs] == [
        ("DEBUG", "one", None),
        ("INFO", "two", {"n": 1}),
        ("LOG", "three", None),
        ("WARN", "four", None),
        ("WARN", "five", None),
        ("ERROR", "six", None),
    ]
    assert sorted(run.logs, key=lambda line: line.created_at) == list(run.logs)
    assert all(line.created_at.timestamp() >= before.timestamp() - 0.001 for line in run.logs)
    assert [task.key for task in all_tasks(run)] == ["w", "w2"]


async def test_the_log_is_part_of_a_run_that_is_looked_up_without_its_subtasks(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        await io.logger.info("top")
        await io.run_task("k", lambda: 1)

    async with app.start():
        handle = await app.client.invoke(logging)
        await app.finish(handle)
        run = await app.client.get_run(handle.id)
    assert [line.message for line in run.logs] == ["top"]
    assert [task.key for task in run.tasks] == ["k"]


async def test_the_same_line_repeated_is_as_many_lines(app: App) -> None:
    @app.job
    async def repeating(payload: Any, io: IO) -> None:
        for number in range(3):
            await io.logger.info("again", {"n": number})
            await io.logger.warn("again")
            await io.wait(["w", number], 0.002)

    run = await app.run(repeating)
    assert [(line.level, line.data) for line in run.logs] == [
        ("INFO", {"n": 0}),
        ("WARN", None),
        ("INFO", {"n": 1}),
        ("WARN", None),
        ("INFO", {"n": 2}),
        ("WARN", None),
    ]


async def test_branches_may_log_the_same_at_the_same_time(app: App) -> None:
    @app.job
    async def branching(payload: Any, io: IO) -> None:
        async def branch(number: int) -> None:
            await io.logger.info("started")
            await io.wait(["w", number], 0.002 * number)
            await io.logger.info("ended")

        await asyncio.gather(*(branch(number) for number in range(4)))
        await io.parallel("p", [1, 2], item)

    async def item(value: int, index: int) -> None:
        await branch_log(value)

    async def branch_log(value: int) -> None:
        from perdure import current

        await current().io.logger.info("item")
        await current().io.wait(["w", value], 0.002)
        await current().io.logger.info("item")

    run = await app.run(branching)
    assert run.status == "SUCCESS"
    messages = [line.message for line in run.logs]
    assert {message: messages.count(message) for message in set(messages)} == {"started": 4, "ended": 4, "item": 4}
    assert run.warnings == ()


async def test_lines_inside_a_body_that_is_executed_again_are_kept_once(app: App) -> None:
    @app.job
    async def nesting(payload: Any, io: IO) -> None:
        async def body(task: Any, io: IO) -> None:
            await io.logger.info("begun")
            await io.wait("w", 0.005)
            await io.logger.info("gone on")

        await io.logger.info("begun")
        await io.run_task("k", body)

    run = await app.run(nesting)
    assert [line.message for line in run.logs] == ["begun", "begun", "gone on"]


async def test_a_line_is_never_a_mismatch(durable_app: App) -> None:
    gate = Gate()
    data: list[Any] = [{"n": 1}]

    @durable_app.job
    async def changing(payload: Any, io: IO) -> None:
        await io.logger.info("line", data[0])
        if isinstance(data[0], str):
            await io.logger.info("new line")
        await io.run_task("k", lambda: 1)
        await io.run_task("gate", gate)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(changing)
        await gate.wait()
    data[0] = "changed"
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "SUCCESS"
    assert [(line.message, line.data) for line in run.logs] == [("line", {"n": 1}), ("new line", None)]
    assert run.warnings == ()


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


class Worse:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


DATA: list[tuple[Any, Any]] = [
    (Odd(), "<odd>"),
    ([1, Odd()], "[1, <odd>]"),
    ({"nan": float("nan")}, "{'nan': nan}"),
    ({(1, 2): 3}, "{(1, 2): 3}"),
    (shapes.Money(amount="1.50"), {"amount": "1.50", "currency": "EUR"}),
    ({"at": datetime(2024, 1, 1, tzinfo=UTC)}, {"at": "2024-01-01T00:00:00Z"}),
    ((1, 2), [1, 2]),
    ({1: 2}, {"1": 2}),
    ("", ""),
    (0, 0),
    (False, False),
]
"""Data, with what is kept of it."""


async def test_data_is_stored_as_json_or_as_its_repr(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        for data, _ in DATA:
            await io.logger.info("line", data)

    run = await app.run(logging)
    assert run.status == "SUCCESS"
    assert [line.data for line in run.logs] == [kept for _, kept in DATA]


def nest() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


async def test_no_data_whatever_fails_a_job(app: App) -> None:
    values = [Worse(), [Worse()], nest(), "\ud800", b"\xff", "x" * 1_000_000, 10**400, PaymentDeclined, iter([1])]

    @app.job
    async def logging(payload: Any, io: IO) -> str:
        for data in values:
            await io.logger.info("line", data)
        await io.wait("w", 0.002)
        return "done"

    run = await app.run(logging)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert len(run.logs) == len(values)


async def test_exceptions_are_stored_with_name_message_and_stack(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        try:
            raise PaymentDeclined("card 4242")
        except PaymentDeclined as error:
            await io.logger.error("as data", error)
            await io.logger.error("as exc_info", {"order": 5}, exc_info=error)
            await io.logger.error("like logging", exc_info=True)

    run = await app.run(logging)
    assert run.status == "SUCCESS"
    as_data, as_exc_info, like_logging = run.logs
    assert (as_data.data["name"], as_data.data["message"]) == ("PaymentDeclined", "card 4242")
    assert __file__ in as_data.data["stack"]
    assert as_exc_info.data["data"] == {"order": 5}
    assert as_exc_info.data["error"]["name"] == "PaymentDeclined"
    assert like_logging.data["name"] == "PaymentDeclined"


async def test_an_exception_that_cannot_be_printed_is_logged_all_the_same(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        await io.logger.error("as data", Unprintable("x"))
        await io.logger.error("as exc_info", exc_info=Unprintable("x"))

    run = await app.run(logging)
    assert run.status == "SUCCESS"
    assert [line.data["name"] for line in run.logs] == ["Unprintable", "Unprintable"]


async def test_a_message_may_be_anything(app: App) -> None:
    @app.job
    async def logging(payload: Any, io: IO) -> None:
        for message in ("", "multi\nline", "nul \x00", "lone \ud800", 5, PaymentDeclined("m"), "x" * 100_000):
            await io.logger.info(message)
        await io.wait("w", 0.002)

    run = await app.run(logging)
    assert run.status == "SUCCESS"
    assert len(run.logs) == 7
    assert [line.message for line in run.logs][:2] == ["", "multi\nline"]
    assert [line.message for line in run.logs][4:6] == ["5", "m"]


@pytest.mark.parametrize(
    ("of_client", "of_job", "kept"),
    [
        (None, None, ["debug", "info", "log", "warn", "error"]),
        ("info", None, ["info", "log", "warn", "error"]),
        ("error", "debug", ["debug", "info", "log", "warn", "error"]),
        (None, "warn", ["warn", "error"]),
        ("debug", "error", ["error"]),
    ],
)
async def test_lines_below_the_level_are_not_stored(
    app: App, of_client: str | None, of_job: str | None, kept: list[str]
) -> None:
    app.client = Client(id="app", database_url=app.database_url, log_level=of_client)

    async def logging(payload: Any, io: IO) -> None:
        for level in ("debug", "info", "log", "warn", "error"):
            await getattr(io.logger, level)(level)
            await io.wait(level, 0.001)

    job = app.client.job(id="logging", version="1.0.0", trigger=invoke_trigger(), log_level=of_job)(logging)
    run = await app.run(job)
    assert [line.message for line in run.logs] == kept


async def test_lines_of_a_run_that_fails_are_kept(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await io.logger.info("before")
        raise PaymentDeclined("no")

    run = await app.run(failing)
    assert run.status == "FAILURE"
    assert [line.message for line in run.logs] == ["before"]


async def test_hundreds_of_lines_are_kept_in_order(app: App) -> None:
    @app.job
    async def chatty(payload: Any, io: IO) -> None:
        for number in range(500):
            await io.logger.info(f"line {number}")
        await io.wait("w", 0.002)
        await io.logger.info("last")

    run = await app.run(chatty)
    assert [line.message for line in run.logs] == [*(f"line {number}" for number in range(500)), "last"]


async def test_a_line_is_not_lost_when_the_node_stops_after_the_next_result(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def logging(payload: Any, io: IO) -> None:
        await io.logger.info("first")
        await io.run_task("k", lambda: 1)
        await io.logger.info("second")
        await io.run_task("gate", gate)

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(logging)
        await gate.wait()
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert [line.message for line in run.logs] == ["first", "second"]


async def test_an_attempt_that_is_repeated_logs_again(app: App) -> None:
    """An attempt is not a replay: what it logs is new."""

    @app.job
    async def retrying(payload: Any, io: IO) -> None:
        async def body(task: Any, io: IO) -> None:
            await io.logger.info("trying")
            await io.logger.info(f"attempt {task.attempt}")
            if task.attempt < 3:
                raise PaymentDeclined("no")

        await io.run_task("k", body, retry={"limit": 3, "min_timeout": 0.001, "max_timeout": 0.001})

    run = await app.run(retrying)
    assert run.status == "SUCCESS"
    messages = [line.message for line in run.logs]
    assert [one for one in messages if one != "trying"] == ["attempt 1", "attempt 2", "attempt 3"]
    assert messages.count("trying") in (1, 3)
