"""Explicit keys: one key is one result in its scope; what differs from the first use is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import IO
from perdure.errors import CacheKeyMismatchError, DuplicateCacheKeyError, InvalidArgumentError
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, all_tasks, task_of


class Counter:
    """A body that counts how often it runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self) -> int:
        self.runs += 1
        return self.runs


async def test_the_same_function_under_the_same_key_gives_the_first_result_and_a_warning(app: App) -> None:
    body = Counter()

    @app.job
    async def repeating(payload: Any, io: IO) -> list[int]:
        first = await io.run_task("⏰", body)
        await io.wait("gate", 0.01)
        return [first, await io.run_task("⏰", body)]

    run = await app.run(repeating)
    assert run.output == [1, 1]
    assert body.runs == 1
    assert run.warnings == ("key ⏰ was asked for twice; the second call got the first result",)


async def test_equal_params_make_two_functions_the_same_call(app: App) -> None:
    @app.job
    async def repeating(payload: Any, io: IO) -> list[int]:
        return [
            await io.run_task("k", lambda: 1, name="load", params={"id": 1}),
            await io.run_task("k", lambda: 2, name="load", params={"id": 1}),
        ]

    run = await app.run(repeating)
    assert run.output == [1, 1]
    assert len(run.warnings) == 1


@pytest.mark.parametrize("difference", ["operation", "name", "params", "params of the same function"])
async def test_a_key_used_twice_for_different_calls_is_a_duplicate(app: App, difference: str) -> None:
    async def body() -> int:
        return 1

    @app.job
    async def clashing(payload: Any, io: IO) -> str:
        await io.run_task("k", body, name="first", params=[1])
        second = {
            "operation": lambda: io.wait("k", 1),
            "name": lambda: io.run_task("k", body, name="second", params=[1]),
            "params": lambda: io.run_task("k", body, name="first", params=[2]),
            "params of the same function": lambda: io.run_task("k", body, name="first"),
        }[difference]
        try:
            await second()
        except DuplicateCacheKeyError as error:
            return error.message
        return "no error"

    assert "'k'" in await app.result(clashing)


async def test_a_lambda_in_a_loop_is_a_duplicate(app: App) -> None:
    @app.job
    async def looping(payload: Any, io: IO) -> list[str]:
        seen: list[str] = []
        for number in range(3):
            try:
                seen.append(str(await io.run_task("k", lambda number=number: number)))
            except DuplicateCacheKeyError as error:
                seen.append(type(error).__name__)
        return seen

    assert await app.result(looping) == ["0", "DuplicateCacheKeyError", "DuplicateCacheKeyError"]


async def test_a_wait_repeated_with_another_delay_is_a_duplicate(app: App) -> None:
    @app.job
    async def waiting(payload: Any, io: IO) -> str:
        await io.wait("w", 0.01)
        await io.wait("w", 0.01)
        try:
            await io.wait("w", 0.02)
        except DuplicateCacheKeyError:
            return "duplicate"
        return "no error"

    run = await app.run(waiting)
    assert run.output == "duplicate"
    assert run.warnings == ("key w was asked for twice; the second call got the first result",)


async def test_concurrent_branches_share_one_task(app: App) -> None:
    started: list[int] = []
    at_work, release = asyncio.Event(), asyncio.Event()

    async def body() -> dict[str, int]:
        started.append(1)
        at_work.set()
        await release.wait()
        return {"number": len(started)}

    @app.job
    async def sharing(payload: Any, io: IO) -> list[dict[str, int]]:
        first = asyncio.create_task(io.run_task("k", body))
        await at_work.wait()
        rest = [asyncio.create_task(io.run_task("k", body)) for _ in range(3)]
        await asyncio.sleep(0)
        release.set()
        got = await asyncio.gather(first, *rest)
        got[0]["number"] = 100
        return got

    run = await app.run(sharing)
    assert run.output == [{"number": 100}, {"number": 1}, {"number": 1}, {"number": 1}]
    assert started == [1]
    assert len(all_tasks(run)) == 1


async def test_branches_that_share_a_failing_task_meet_the_same_error(app: App) -> None:
    runs: list[int] = []

    async def body() -> None:
        runs.append(1)
        await asyncio.sleep(0)
        raise LookupError("no such thing")

    @app.job
    async def sharing(payload: Any, io: IO) -> list[str]:
        got = await asyncio.gather(*(io.run_task("k", body) for _ in range(3)), return_exceptions=True)
        await io.wait("gate", 0.01)
        return [repr(one) for one in got]

    assert await app.result(sharing) == ["LookupError('no such thing')"] * 3
    assert runs == [1]


async def test_branches_that_share_a_wait_go_on_together(app: App) -> None:
    @app.job
    async def sharing(payload: Any, io: IO) -> str:
        await asyncio.gather(*(io.wait("w", SUSPENDS) for _ in range(5)))
        return "done"

    async with app.start():
        handle = await app.client.invoke(sharing)
        assert await handle.result(timeout=PATIENCE) == "done"
        assert await app.executions(handle) == 2


async def test_a_branch_takes_over_when_the_one_at_work_is_cancelled(app: App) -> None:
    starts: list[int] = []
    started = asyncio.Event()

    async def body() -> str:
        starts.append(1)
        started.set()
        if len(starts) == 1:
            await asyncio.Event().wait()
        return f"attempt {len(starts)}"

    @app.job
    async def handing_over(payload: Any, io: IO) -> str:
        first = asyncio.create_task(io.run_task("k", body))
        await started.wait()
        second = asyncio.create_task(io.run_task("k", body))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert await app.result(handing_over) == "attempt 2"


async def test_the_same_key_in_two_tasks_is_two_keys(app: App) -> None:
    bodies: list[str] = []

    def outer(name: str) -> Any:
        async def body(task: Any, io: IO) -> str:
            async def inner() -> str:
                bodies.append(name)
                return f"inside {name}"

            await io.wait("w", 0.01)
            return await io.run_task("k", inner)

        return body

    @app.job
    async def scoping(payload: Any, io: IO) -> list[str]:
        one = await io.run_task("one", outer("one"))
        two = await io.run_task("two", outer("two"))
        await io.wait("w", 0.01)
        return [one, two]

    run = await app.run(scoping)
    assert run.output == ["inside one", "inside two"]
    assert bodies == ["one", "two"]
    assert run.warnings == ()
    assert task_of(run, "one/k").output == "inside one"


async def test_different_keys_that_are_stored_alike_are_a_duplicate(app: App) -> None:
    body = Counter()

    @app.job
    async def colliding(payload: Any, io: IO) -> str:
        await io.run_task(["a", "b"], body)
        try:
            await io.run_task("a:b", body)
        except DuplicateCacheKeyError as error:
            return error.message
        return "no error"

    message = await app.result(colliding)
    assert "a:b" in message
    assert '["a","b"]' in message
    assert body.runs == 1


async def test_a_list_and_a_tuple_of_the_same_values_are_one_key(app: App) -> None:
    body = Counter()

    @app.job
    async def keyed(payload: Any, io: IO) -> list[int]:
        return [
            await io.run_task(["page", 1, {"b": None, "a": True}], body),
            await io.run_task(("page", 1, {"a": True, "b": None}), body),
        ]

    run = await app.run(keyed)
    assert run.output == [1, 1]
    assert body.runs == 1


async def test_keys_are_compared_code_point_by_code_point(app: App) -> None:
    body = Counter()

    @app.job
    async def keyed(payload: Any, io: IO) -> list[int]:
        got = [await io.run_task("caf\u00e9", body), await io.run_task("cafe\u0301", body)]
        await io.wait("gate", 0.01)
        return got

    run = await app.run(keyed)
    assert run.output == [1, 2]
    assert run.warnings == ()


@pytest.mark.parametrize("key", ["", [], [""], 5, {"a": 1}, b"bytes", [float("nan")], [object()]])
async def test_what_is_no_key_is_refused(app: App, key: Any) -> None:
    @app.job
    async def keyed(payload: Any, io: IO) -> str:
        try:
            await io.run_task(key, lambda: 1)
        except InvalidArgumentError as error:
            return f"{error.code}: {isinstance(error, ValueError)}"
        return "no error"

    assert await app.result(keyed) == "invalid_argument: True"


async def test_another_name_on_replay_is_a_mismatch(durable_app: App) -> None:
    gate = Gate()
    name = ["before"]

    @durable_app.job
    async def renaming(payload: Any, io: IO) -> str:
        try:
            await io.run_task("k", lambda: 1, name=name[0])
        except CacheKeyMismatchError as error:
            return error.message
        await io.run_task("gate", gate)
        return "no error"

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(renaming)
        await gate.wait()
    name[0] = "after"
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert run.status == "SUCCESS"
    assert "'before'" in run.output
    assert "'after'" in run.output


async def test_branches_that_share_a_task_that_waits_run_its_body_once(app: App) -> None:
    """The branch that only looks on must not take the body over while the other one is suspended."""
    started: list[str] = []
    finished: list[str] = []

    async def body(task: Any, io: IO) -> str:
        started.append("body")
        await io.wait("inner", SUSPENDS)
        finished.append("body")
        return "shared"

    @app.job
    async def sharing(payload: Any, io: IO) -> list[str]:
        return list(await asyncio.gather(io.run_task("k", body), io.run_task("k", body)))

    run = await app.run(sharing)
    assert run.output == ["shared", "shared"]
    assert finished == ["body"]
    assert len(started) == (2 if app.force_replay else 1)


async def test_other_parameters_on_replay_give_the_stored_result_and_the_task_a_warning(durable_app: App) -> None:
    gate = Gate()
    size = ["small"]
    body = Counter()

    @durable_app.job
    async def ordering(payload: Any, io: IO) -> int:
        got = await io.run_task("order", body, name="order", params={"size": size[0]})
        await io.run_task("gate", gate)
        return got

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(ordering)
        await gate.wait()
    size[0] = "large"
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", 1)
    assert body.runs == 1
    (warning,) = task_of(run, "order").warnings
    for part in ("order", "size", "small", "large"):
        assert part in warning


async def test_a_mismatch_that_was_caught_is_raised_again_by_the_next_call(durable_app: App) -> None:
    gate = Gate()
    name = ["before"]

    @durable_app.job
    async def stubborn(payload: Any, io: IO) -> list[str]:
        seen: list[str] = []
        for _ in range(2):
            try:
                await io.run_task("k", stubborn_body, name=name[0])
            except CacheKeyMismatchError as error:
                seen.append(error.code)
        await io.run_task("gate", gate)
        return seen

    async def stubborn_body() -> int:
        return 1

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(stubborn)
        await gate.wait()
    name[0] = "after"
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle.id)
    assert (run.status, run.output) == ("SUCCESS", ["cache_key_mismatch", "cache_key_mismatch"])


async def test_a_key_that_is_changed_after_its_call_is_still_that_key(app: App) -> None:
    body = Counter()

    @app.job
    async def reusing(payload: Any, io: IO) -> list[int]:
        key: list[Any] = ["page", 0]
        got: list[int] = []
        for number in range(3):
            key[1] = number
            got.append(await io.run_task(key, body))
        got.append(await io.run_task(["page", 0], body))
        await io.wait("gate", 0.002)
        return got

    run = await app.run(reusing)
    assert (run.status, run.output) == ("SUCCESS", [1, 2, 3, 1])


async def test_keys_with_lone_surrogates_are_keys_as_any_other(app: App) -> None:
    @app.job
    async def asking(payload: Any, io: IO) -> list[int]:
        results = [await io.run_task("a\ud800", lambda: 1), await io.run_task(["b", "\udfff"], lambda: 2)]
        with pytest.raises(InvalidArgumentError, match="name="):
            await io.run_task("c", lambda: 3, name="c\ud800")
        with pytest.raises(InvalidArgumentError, match="display_key="):
            await io.run_task("d", lambda: 4, display_key="\ud800")
        await io.wait("gate", 0.005)
        return results

    run = await app.run(asking)
    assert (run.status, run.output) == ("SUCCESS", [1, 2])
    assert [task.key for task in run.tasks] == ["a\ufffd", "b-\ufffd", "gate"]
