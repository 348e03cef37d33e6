"""Failures: a task that failed for good raises the same exception in every execution."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pydantic
import pytest

from perdure import IO, Retry, register_error
from perdure.errors import InvalidArgumentError, RunError, TaskFailedError
from tests.scenarios import errors
from tests.scenarios.app import PATIENCE, SUSPENDS, App, all_tasks, task_of


def shown(error: BaseException) -> tuple[Any, ...]:
    """What job code can see of an exception."""
    members = {name: value for name, value in vars(error).items() if not name.startswith("__")}
    return type(error), str(error), error.args, members


def raising(make: Callable[[], BaseException]) -> Callable[[], Any]:
    async def body() -> None:
        raise make()

    return body


async def fail_twice(app: App, make: Callable[[], BaseException]) -> list[Exception]:
    """The exception that a job meets in its first execution and in the next."""
    met: list[Exception] = []
    runs: list[int] = []

    async def body() -> None:
        runs.append(1)
        raise make()

    @app.job
    async def failing(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", body)
        except Exception as error:
            met.append(error)
        await io.wait("gate", SUSPENDS)
        try:
            await io.run_task("k", body)
        except Exception as error:
            met.append(error)
        return "done"

    run = await app.run(failing)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert runs == [1]
    assert task_of(run, "k").status == "ERRORED"
    assert len(met) == (3 if app.force_replay else 2)
    return met


def invalid_json() -> json.JSONDecodeError:
    try:
        json.loads("[1,")
    except json.JSONDecodeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: errors.PaymentDeclined("card 4242", 402), errors.PaymentDeclined),
        (lambda: errors.VendorError("boom", response=object(), code="E1"), errors.VendorError),
        (lambda: errors.QuotaExceeded(5, 4), errors.QuotaExceeded),
        (lambda: errors.Nested.Deep("deep"), errors.Nested.Deep),
        (lambda: ValueError("plain"), ValueError),
        (lambda: KeyError("missing"), KeyError),
        (lambda: FileNotFoundError(2, "No such file", "a.txt"), FileNotFoundError),
        (lambda: TimeoutError("own"), TimeoutError),
        (lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), UnicodeDecodeError),
        (lambda: StopAsyncIteration("end"), StopAsyncIteration),
        (lambda: ValueError("unicode \ud800 and \x00"), ValueError),
        (invalid_json, json.JSONDecodeError),
        (lambda: msgspec.ValidationError("bad"), msgspec.ValidationError),
        (lambda: InvalidArgumentError("ours"), InvalidArgumentError),
    ],
    ids=lambda one: getattr(one, "__name__", "case"),
)
async def test_the_same_type_with_equal_members_is_raised_in_every_execution(
    app: App, make: Callable[[], Exception], kind: type[Exception]
) -> None:
    met = await fail_twice(app, make)
    assert {type(error) for error in met} == {kind}
    assert len({repr(shown(error)) for error in met}) == 1


async def test_init_is_not_called_to_make_an_exception_again(app: App) -> None:
    met = await fail_twice(app, lambda: errors.VendorError("boom", response=object(), code="E1"))
    for error in met:
        assert isinstance(error, errors.VendorError)
        assert (error.code, error.retry_after, str(error)) == ("E1", 5, "boom")
        assert not hasattr(error, "response")


class LocalOnly(ValueError):
    """Replaced below, so that its name leads elsewhere."""


REPLACED = LocalOnly


def local_error() -> Exception:
    class Hidden(Exception):
        pass

    return Hidden("hidden")


def validation_error() -> Exception:
    try:
        pydantic.TypeAdapter(int).validate_python("x")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (local_error, "Hidden"),
        (lambda: errors.NeedsNew(1, secret=object()), "NeedsNew"),
        (validation_error, "ValidationError"),
        (lambda: ExceptionGroup("several", [ValueError("one")]), "ExceptionGroup"),
        (lambda: errors.Unprintable("x"), "Unprintable"),
    ],
    ids=["local", "new", "pydantic", "group", "unprintable"],
)
async def test_an_exception_that_cannot_be_rebuilt_is_a_task_failed_error_both_times(
    app: App, make: Callable[[], Exception], name: str
) -> None:
    met = await fail_twice(app, make)
    for error in met:
        assert type(error) is TaskFailedError
        assert error.name == name
        assert error.code == "task_failed"
        assert isinstance(error, RunError)
        assert error.stack is not None
        assert __file__ in error.stack
    assert {error.message for error in met if isinstance(error, TaskFailedError)} == {met[-1].args[0]}
    # The original is at hand only where it was raised.
    assert type(met[0].__cause__).__name__ == name


async def test_a_module_that_is_no_longer_loaded_is_not_imported_for_an_exception(app: App) -> None:
    module = type(sys)("vendor_of_this_test")
    exec("class VendorFailure(Exception):\n    pass", vars(module))
    met: list[str] = []

    async def body() -> None:
        raise vars(module)["VendorFailure"]("gone")

    @app.job
    async def failing(payload: Any, io: IO) -> list[str]:
        try:
            await io.run_task("k", body)
        except Exception as error:
            met.append(type(error).__name__)
        sys.modules.pop("vendor_of_this_test", None)
        await io.wait("gate", SUSPENDS)
        try:
            await io.run_task("k", body)
        except Exception as error:
            met.append(type(error).__name__)
        return met

    sys.modules["vendor_of_this_test"] = module
    run = await app.run(failing)
    assert run.status == "SUCCESS"
    assert met[0] == "VendorFailure"
    assert met[-1] == "TaskFailedError"


async def test_a_registered_error_is_made_by_its_own_functions(app: App) -> None:
    register_error(
        errors.Registered,
        encode=lambda error: sorted(part.hex() for part in error.parts),
        decode=lambda value: errors.Registered(frozenset(bytes.fromhex(part) for part in value)),
    )
    met = await fail_twice(app, lambda: errors.Registered(frozenset({b"\xff", b"\x00"})))
    for error in met:
        assert isinstance(error, errors.Registered)
        assert error.parts == frozenset({b"\xff", b"\x00"})


def test_only_exceptions_can_be_registered() -> None:
    with pytest.raises(InvalidArgumentError):
        register_error(errors.Quiet, encode=str, decode=str)  # type: ignore[arg-type]


async def test_except_takes_the_same_branch_in_every_execution(app: App) -> None:
    branches: list[str] = []

    @app.job
    async def paying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("pay", raising(lambda: errors.PaymentDeclined("no")), params="pay")
        except errors.PaymentDeclined:
            branches.append("declined")
            await io.run_task("note", lambda: 1)
        else:
            branches.append("paid")
        await io.wait("gate", SUSPENDS)
        return branches[-1]

    run = await app.run(paying)
    assert (run.status, run.output) == ("SUCCESS", "declined")
    assert set(branches) == {"declined"}
    assert run.warnings == ()


async def test_an_error_of_a_plain_body_in_its_thread_is_the_same(app: App) -> None:
    def body() -> None:
        raise errors.PaymentDeclined("in a thread")

    @app.job
    async def paying(payload: Any, io: IO) -> str:
        try:
            await io.run_task("pay", body)
        except errors.PaymentDeclined as error:
            await io.wait("gate", SUSPENDS)
            return str(error)
        return "no error"

    assert await app.result(paying) == "in a thread"


async def test_a_failed_task_shows_name_message_and_the_users_own_frames(app: App) -> None:
    @app.job
    async def failing(payload: Any, io: IO) -> None:
        await io.run_task("k", raising(lambda: errors.PaymentDeclined("card 4242")))

    run = await app.run(failing)
    assert run.status == "FAILURE"
    for error in (run.error, task_of(run, "k").error):
        assert error is not None
        assert (error.name, error.message) == ("PaymentDeclined", "card 4242")
        assert error.stack is not None
        assert "raise make()" in error.stack
        assert "perdure/sdk" not in error.stack


async def test_the_outer_task_fails_with_the_error_of_the_inner_one(app: App) -> None:
    met: list[str] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> None:
            await io.run_task("inner", raising(lambda: errors.QuotaExceeded(5, 4)))

        try:
            await io.run_task("outer", outer)
        except errors.QuotaExceeded as error:
            met.append(str(error))
        await io.wait("gate", SUSPENDS)
        return met[-1]

    run = await app.run(nesting)
    assert (run.status, run.output) == ("SUCCESS", "5 of 4 used")
    assert set(met) == {"5 of 4 used"}
    assert [task.status for task in all_tasks(run)] == ["ERRORED", "ERRORED", "COMPLETED"]


async def test_an_error_that_was_rebuilt_is_stored_again_as_it_is(app: App) -> None:
    """A body raises what a task inside gave it, in a later execution than the one in which it was made."""
    met: list[tuple[Any, ...]] = []

    @app.job
    async def nesting(payload: Any, io: IO) -> str:
        async def outer(task: Any, io: IO) -> None:
            try:
                await io.run_task("inner", raising(local_error))
            finally:
                await io.wait("pause", 0.005)

        try:
            await io.run_task("outer", outer)
        except TaskFailedError as error:
            met.append((error.name, error.message))
        await io.wait("gate", SUSPENDS)
        return "done"

    run = await app.run(nesting)
    assert run.status == "SUCCESS"
    assert set(met) == {("Hidden", "hidden")}
    error = task_of(run, "outer").error
    assert error is not None
    assert error.name == "Hidden"
    assert error.stack is not None
    assert "raise make()" in error.stack


async def test_the_first_failing_item_of_a_parallel_block_is_raised_after_all_have_settled(app: App) -> None:
    settled: list[int] = []

    @app.job
    async def fanning(payload: Any, io: IO) -> str:
        async def item(value: int, index: int) -> int:
            await io.wait(["w", index], 0.01 * (3 - index))
            if value == 0:
                settled.append(index)
                return value

            async def boom() -> None:
                settled.append(index)
                raise errors.PaymentDeclined(str(index))

            await io.run_task(["boom", index], boom)
            return 1

        try:
            await io.parallel("p", [0, 1, 1], item)
        except errors.PaymentDeclined as error:
            await io.wait("gate", SUSPENDS)
            return str(error)
        return "no error"

    run = await app.run(fanning)
    assert (run.status, run.output) == ("SUCCESS", "1")
    assert sorted(set(settled)) == [0, 1, 2]
    assert settled.count(1) == settled.count(2) == 1


async def test_gather_raises_the_error_of_a_task_of_its(app: App) -> None:
    @app.job
    async def gathering(payload: Any, io: IO) -> list[str]:
        got = await asyncio.gather(
            io.run_task("a", raising(lambda: errors.PaymentDeclined("a"))),
            io.run_task("b", lambda: "b"),
            return_exceptions=True,
        )
        await io.wait("gate", SUSPENDS)
        return [str(one) for one in got]

    assert await app.result(gathering) == ["a", "b"]


async def test_a_plain_body_that_raises_stop_iteration_fails_its_task(app: App) -> None:
    """A future cannot hold a StopIteration; the run must not hang for it."""

    @app.job
    async def iterating(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: next(iter([])))
        except Exception as error:
            await io.wait("gate", SUSPENDS)
            return type(error).__name__
        return "no error"

    async with app.start():
        handle = await app.client.invoke(iterating)
        assert await handle.result(timeout=PATIENCE) in ("StopIteration", "RuntimeError", "TaskFailedError")


async def test_a_body_that_exits_fails_its_task(app: App) -> None:
    def leave() -> None:
        sys.exit(3)

    async def leave_async() -> None:
        raise SystemExit

    @app.job
    async def leaving(payload: Any, io: IO) -> list[str]:
        seen: list[str] = []
        for key, body in (("plain", leave), ("async", leave_async)):
            try:
                await io.run_task(key, body)
            except Exception as error:
                seen.append(f"{type(error).__name__}: {error}")
        await io.wait("gate", SUSPENDS)
        return seen

    run = await app.run(leaving)
    assert run.status == "SUCCESS"
    assert all("sys.exit" in line for line in run.output)
    assert [task.status for task in all_tasks(run)] == ["ERRORED", "ERRORED", "COMPLETED"]


async def test_a_body_that_raises_no_exception_fails_its_task_for_good(app: App) -> None:
    entries: list[str] = []

    def raise_quiet() -> None:
        entries.append("quiet")
        raise errors.Quiet("shh")

    async def await_cancelled() -> None:
        entries.append("cancelled")
        somebody = asyncio.get_running_loop().create_future()
        somebody.cancel("elsewhere")
        await somebody

    @app.job
    async def failing(payload: Any, io: IO) -> list[list[str]]:
        seen: list[list[str]] = []
        for body in (raise_quiet, await_cancelled):
            try:
                await io.run_task(body.__name__, body, retry=Retry(limit=2, min_timeout=0.001, max_timeout=0.001))
            except TaskFailedError as error:
                seen.append([error.name, error.message])
        await io.wait("gate", 0.1)
        return seen

    run = await app.run(failing)
    assert (run.status, run.output) == ("SUCCESS", [["Quiet", "shh"], ["CancelledError", "elsewhere"]])
    assert entries == ["quiet"] * 2 + ["cancelled"] * 2
    assert [task.status for task in all_tasks(run)] == ["ERRORED", "ERRORED", "COMPLETED"]
