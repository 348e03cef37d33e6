"""Tasks of plain jobs: what is recorded of plain and async bodies, and what comes back of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import Retry, SyncIO
from perdure.errors import TaskFailedError, UnserializableOutputError, UnsupportedTypeError
from tests.scenarios import shapes
from tests.scenarios.app import App, task_of
from tests.scenarios.errors import NeedsNew, PaymentDeclined, QuotaExceeded
from tests.scenarios.plain.kinds import Kind, kinds
from tests.scenarios.retries import AT_ONCE


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
