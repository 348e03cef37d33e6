"""Bad arguments: refused with one kind of error, before anything is run or stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import IO
from perdure.errors import InvalidArgumentError
from tests.scenarios.app import PATIENCE, App, all_tasks

NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 — what is refused

Calls = Mapping[str, Callable[[IO], Any]]


async def outcomes(app: App, calls: Calls) -> dict[str, str]:
    """What a job is told of each call; none of them may leave a task behind."""

    @app.job
    async def calling(payload: Any, io: IO) -> dict[str, str]:
        told: dict[str, str] = {}
        for name, call in calls.items():
            try:
                await call(io)
            except Exception as error:
                expected = isinstance(error, InvalidArgumentError) and isinstance(error, ValueError)
                told[name] = "refused" if expected else repr(error)
            else:
                told[name] = "taken"
        return told

    async with app.start():
        handle = await app.client.invoke(calling)
        told = await handle.result(timeout=PATIENCE)
        run = await app.look_up(handle.id)
    for task in all_tasks(run):
        told[f"task {task.key}"] = "stored"
    return told


def refused(calls: Calls) -> dict[str, str]:
    return dict.fromkeys(calls, "refused")


async def test_what_is_no_duration_is_refused(app: App) -> None:
    values = [None, -1, -0.001, "5", float("nan"), float("inf"), True, timedelta(seconds=-1), 10**12, NAIVE, [5]]
    calls: Calls = {f"wait {one!r}": lambda io, one=one: io.wait("w", one) for one in values}
    assert await outcomes(app, calls) == refused(calls)


async def test_what_is_no_instant_is_refused(app: App) -> None:
    values = [None, NAIVE, "2030-01-01T00:00:00Z", 5, timedelta(1)]
    calls: Calls = {f"wait until {one!r}": lambda io, one=one: io.wait_until("w", one) for one in values}
    assert await outcomes(app, calls) == refused(calls)


def body() -> int:
    return 1


async def item(value: int, index: int) -> int:
    return value


@pytest.mark.parametrize(
    ("seconds", "least"),
    [(0, 0.0), (0.0, 0.0), (timedelta(0), 0.0), (timedelta(milliseconds=20), 0.02), (0.02, 0.02)],
    ids=str,
)
async def test_what_is_a_duration_is_taken(app: App, seconds: Any, least: float) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> float:
        before = await io.now("before")
        await io.wait("w", seconds)
        return (await io.now("after") - before).total_seconds()

    assert least <= await app.result(waiting) < least + 5


async def test_waiting_until_an_instant_that_has_passed_goes_on_at_once(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> str:
        await io.wait_until("past", datetime(2000, 1, 1, tzinfo=UTC))
        await io.wait("none", 0)
        return "done"

    async with app.start():
        handle = await app.client.invoke(waiting)
        assert await handle.result(timeout=PATIENCE) == "done"
        assert await app.executions(handle) == 1


async def _parse(output: Any) -> Any:
    return output


async def test_options_of_a_task_that_mean_nothing_are_refused(app: App) -> None:
    values: list[dict[str, Any]] = [
        {"name": 5},
        {"icon": 5},
        {"description": ["x"]},
        {"properties": [{"label": "x"}]},
        {"properties": ["x"]},
        {"properties": {"label": "x", "text": "y"}},
        {"style": "minimal"},
        {"redact": "path"},
        {"display_key": 5},
        {"delay_until": 5},
        {"delay_until": NAIVE},
        {"timeout": "1"},
        {"retry": 3},
        {"on_error": 5},
        {"parse_output": 5},
        {"parse_output": _parse},
    ]
    calls: Calls = {f"{one}": lambda io, one=one: io.run_task(f"{one}", body, **one) for one in values}
    assert await outcomes(app, calls) == refused(calls)


async def test_what_cannot_be_called_is_no_function(app: App) -> None:
    calls: Calls = {f"{one}": lambda io, one=one: io.run_task(f"{one}", one) for one in (5, "body", [body])}
    assert await outcomes(app, calls) == refused(calls)


async def test_a_coroutine_in_place_of_a_function_is_refused(app: App) -> None:
    """`io.run_task("k", load())` is a slip that everybody makes once."""
    made = item(1, 1)
    calls: Calls = {"coroutine": lambda io: io.run_task("k", made)}  # type: ignore[call-overload]
    assert await outcomes(app, calls) == refused(calls)
    made.close()


async def test_arguments_of_other_calls_that_mean_nothing_are_refused(app: App) -> None:
    calls: Calls = {
        "parallel without a function": lambda io: io.parallel("p", [1]),
        "parallel with something else": lambda io: io.parallel("p", [1], "item"),
        "parallel over a number": lambda io: io.parallel("p", 5, item),
        "parallel over nothing": lambda io: io.parallel("p", None, item),
        "random from text": lambda io: io.random("r", min="1"),
        "random to nothing": lambda io: io.random("r", max=None),
        "invoke nothing": lambda io: io.invoke("k"),
        "invoke a number": lambda io: io.invoke("k", 5),
        "invoke with a number as key": lambda io: io.invoke("k", "calling", idempotency_key=5),
        "invoke with an empty key": lambda io: io.invoke("k", "calling", idempotency_key=""),
        "event with a number as name": lambda io: io.send_event("k", name=5),
        "event with a number as account": lambda io: io.send_event("k", name="e", account_id=5),
        "event with an empty source": lambda io: io.send_event("k", name="e", source=""),
        "event after a text": lambda io: io.send_event("k", name="e", deliver_after="1"),
        "events with an unknown field": lambda io: io.send_events("k", [{"name": "e", "more": 1}]),
        "events without a name": lambda io: io.send_events("k", [{}]),
        "events that are text": lambda io: io.send_events("k", ["e"]),
        "events that are a number": lambda io: io.send_events("k", 5),
        "one event in place of a list": lambda io: io.send_events("k", {"name": "e"}),
    }
    assert await outcomes(app, calls) == refused(calls)


@pytest.mark.parametrize(
    "properties",
    [5, "text", [5], [{"label": "a"}], [{"label": 1, "text": "b"}], [{"label": "a", "text": "b", "url": 1}]],
)
async def test_properties_of_a_result_that_cannot_be_shown_fail_their_task(app: App, properties: Any) -> None:
    def body(task: Any) -> int:
        task.output_properties = properties
        return 1

    @app.job
    async def showing(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidArgumentError, match=r"task\.output_properties"):
            await io.run_task("k", body)
        return "refused"

    run = await app.run(showing)
    assert (run.status, run.output) == ("SUCCESS", "refused")
    assert [task.properties for task in run.tasks] == [()]


async def test_a_function_in_place_of_the_key_is_told_how_to_be_named(app: App) -> None:
    def load_user() -> int:
        return 1

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidArgumentError, match=r"fn=.*load_user"):
            await io.run_task(load_user)  # type: ignore[call-overload]
        return "refused"

    assert (await app.run(forgetting)).output == "refused"


@pytest.mark.parametrize(
    "call",
    [
        lambda io, child: io.send_events([{"name": "e"}]),
        lambda io, child: io.parallel([1, 2], fn=_item),
        lambda io, child: io.batch_invoke_and_wait("b", child),
        lambda io, child: io.batch_invoke_and_wait(job=child),
    ],
    ids=["send_events", "parallel", "batch", "batch by name"],
)
async def test_a_list_in_place_of_the_key_does_not_pass_for_an_empty_one(
    app: App, call: Callable[[IO, Any], Any]
) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidArgumentError, match="needs"):
            await call(io, child)
        return "refused"

    assert (await app.run(forgetting)).output == "refused"


async def _item(value: int, index: int) -> int:
    return value


@pytest.mark.parametrize("call", ["invoke", "invoke_and_wait", "batch_invoke_and_wait"])
async def test_a_job_in_place_of_the_key_is_told_where_the_key_goes(app: App, call: str) -> None:
    @app.job
    async def child(payload: Any) -> None: ...

    @app.job
    async def forgetting(payload: Any, io: IO) -> str:
        with pytest.raises(InvalidArgumentError, match=f"io.{call} takes its cache key first"):
            await getattr(io, call)(child, [1])
        return "refused"

    assert (await app.run(forgetting)).output == "refused"


async def test_a_name_that_no_database_can_hold_is_refused_whatever_it_is_the_name_of(app: App) -> None:
    async def nothing(*_: object) -> None: ...

    calls: Calls = {
        f"{operation} {name!r}": lambda io, operation=operation, name=name: (
            io.parallel("p", [1], nothing, name=name)
            if operation == "parallel"
            else io.run_task("t", nothing, name=name)
        )
        for operation in ("parallel", "run_task")
        for name in ("cut \ud83d", 7)
    }
    assert await outcomes(app, calls) == refused(calls)
