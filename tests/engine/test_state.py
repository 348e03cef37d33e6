"""State calls: done in the transaction that records their task, once, and only for the execution that holds the run."""

from __future__ import annotations

import json

import pytest

from perdure.config.settings import Settings
from perdure.errors import (
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    RunNotActiveError,
    StaleExecutionError,
    StorageUnavailableError,
    ValueTooLargeError,
)
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Yielded
from perdure.protocol.limits import HISTORY_LIMIT, VALUE_LIMIT
from perdure.protocol.state import DeleteValue, GetValue, HasValue, PutStatus, SetValue, StateCall
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.storages import FailingStorage
from tests.engine.world import world

ONE = SetValue("n", JsonText("1"))


async def perform(execution: Execution, key: str, call: StateCall) -> str | None:
    """Make a state call; its output."""
    record = execution.record(key, operation=type(call).__name__)
    outcome = await execution.app.platform.perform_task(execution.run_id, execution.epoch, record, call)
    assert outcome.error is None
    return outcome.output


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def test_a_call_is_done_and_recorded_in_one_step(storage: Storage, app: ScriptedApp) -> None:
    async def works(execution: Execution) -> ExecutionResult:
        assert await perform(execution, "a", HasValue("n")) == "false"
        assert await perform(execution, "b", GetValue("n")) is None
        assert await perform(execution, "c", ONE) == "1"
        assert await perform(execution, "d", GetValue("n")) == "1"
        assert await perform(execution, "e", HasValue("n")) == "true"
        assert await perform(execution, "f", DeleteValue("n")) == "true"
        assert await perform(execution, "g", DeleteValue("n")) == "false"
        return Succeeded(None)

    async with world(storage, app.job("works", works)) as it:
        await it.send("works")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        outputs = {task.key: task.output for task in run.tasks}
        assert [outputs[key] for key in "abcdefg"] == ["false", None, "1", "1", "true", "true", "false"]
        assert {task.status for task in run.tasks} == {TaskStatus.COMPLETED}


async def test_a_call_made_again_is_not_done_again(storage: Storage, app: ScriptedApp) -> None:
    async def repeats(execution: Execution) -> ExecutionResult:
        await perform(execution, "set", ONE)
        assert await perform(execution, "gone", DeleteValue("n")) == "true"
        await execution.app.platform.set_value("n", JsonText("2"))
        assert await perform(execution, "gone", DeleteValue("n")) == "true"
        assert await perform(execution, "set", ONE) == "1"
        for _ in range(2):
            await perform(execution, "status", PutStatus("s", "label"))
        return Succeeded(None)

    async with world(storage, app.job("repeats", repeats)) as it:
        await it.send("repeats")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert await it.platform.get_value("n") == "2"
        assert [(one.key, one.history) for one in run.statuses] == [("s", "[]")]


async def test_a_call_whose_answer_was_lost_was_done_once(storage: Storage, app: ScriptedApp) -> None:
    failing = FailingStorage(storage)
    call = PutStatus("s", "after", "loading")

    async def loses(execution: Execution) -> ExecutionResult:
        if execution.state("update") is None:
            await perform(execution, "create", PutStatus("s", "before"))
            failing.after.add("perform_call")
            with pytest.raises(StorageUnavailableError):
                await perform(execution, "update", call)
            failing.after.clear()
        await perform(execution, "update", call)
        return Succeeded(None)

    async with world(failing, app.job("loses", loses)) as it:  # type: ignore[arg-type]
        await it.send("loses")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        (shown,) = run.statuses
        assert (shown.label, json.loads(shown.history)) == ("after", [{"label": "before"}])


async def test_a_stale_execution_changes_nothing(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        if execution.epoch == 1:
            await perform(execution, "set", ONE)
            return Yielded("again")
        app.signal("second")
        await app.happened("checked")
        return Succeeded(None)

    calls: list[StateCall] = [SetValue("n", JsonText("2")), DeleteValue("n"), PutStatus("s"), GetValue("n")]
    async with world(storage, app.job("yields", yields)) as it:
        await it.send("yields")
        await app.happened("second")
        first, second = app.executions
        for number, call in enumerate(calls):
            with pytest.raises(StaleExecutionError):
                await perform(first, f"late {number}", call)
        assert await it.platform.get_value("n") == "1"
        app.signal("checked")
        await it.ended(first.run_id)
        for number, call in enumerate(calls):
            with pytest.raises(RunNotActiveError):
                await perform(second, f"late {number}", call)
        run = await it.platform.get_run(first.run_id)

        assert await it.platform.get_value("n") == "1"
        assert [task.key for task in run.tasks] == ["set"]
        assert run.statuses == ()


async def test_a_key_that_belongs_to_another_task_is_a_conflict(storage: Storage, app: ScriptedApp) -> None:
    async def mixes(execution: Execution) -> ExecutionResult:
        await execution.store(execution.record("a", name="charge"))
        with pytest.raises(IdempotencyConflictError, match="belongs to run_task 'charge'"):
            await perform(execution, "a", ONE)
        return Succeeded(None)

    async with world(storage, app.job("mixes", mixes)) as it:
        await it.send("mixes")
        await it.reach(await it.only_run(), RunStatus.SUCCESS)

        assert not await it.platform.has_value("n")


async def test_enclosing_tasks_are_stored_with_the_call(storage: Storage, app: ScriptedApp) -> None:
    async def nests(execution: Execution) -> ExecutionResult:
        outer = execution.record("outer", TaskStatus.RUNNING)
        record = execution.record("inner", parent="outer", ancestors=(outer,))
        await app.platform.perform_task(execution.run_id, execution.epoch, record, ONE)
        await execution.store(execution.record("outer", is_new=False))
        return Succeeded(None)

    async with world(storage, app.job("nests", nests)) as it:
        await it.send("nests")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        outer, inner = sorted(run.tasks, key=lambda task: task.key or "", reverse=True)
        assert (outer.key, inner.parent_id) == ("outer", outer.id)


BAD_CALLS: dict[str, tuple[StateCall, str]] = {
    "a value that is too large": (SetValue("n", JsonText(f'"{"x" * VALUE_LIMIT}"')), "ValueTooLargeError"),
    "a large value in few characters": (SetValue("n", JsonText(f'"{"€" * 100_000}"')), "ValueTooLargeError"),
    "a key that steps up": (GetValue("run:run_1:.."), "InvalidArgumentError"),
    "a key that is too long": (DeleteValue("job:a:" + "x" * 513), "InvalidArgumentError"),
    "a status without label": (PutStatus("s", ""), "InvalidArgumentError"),
    "an unknown state": (PutStatus("s", "a", "done"), "InvalidArgumentError"),  # type: ignore[arg-type]
    "a list as data": (PutStatus("s", "a", None, JsonText("[]")), "InvalidArgumentError"),
    "data that is too large": (PutStatus("s", "a", None, JsonText(f'{{"x":"{"€" * 30_000}"}}')), "ValueTooLargeError"),
}


@pytest.mark.parametrize(("call", "error"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
async def test_a_call_that_is_refused_fails_its_task(
    storage: Storage, app: ScriptedApp, call: StateCall, error: str
) -> None:
    async def asks(execution: Execution) -> ExecutionResult:
        for _ in range(2):
            outcome = await app.platform.perform_task(execution.run_id, execution.epoch, execution.record("a"), call)
            assert outcome.output is None
            assert outcome.error is not None
            assert outcome.error.name == error
        return Succeeded(None)

    async with world(storage, app.job("asks", asks)) as it:
        await it.send("asks")
        run = await it.reach(await it.only_run(), RunStatus.SUCCESS)

        (task,) = run.tasks
        assert task.error is not None
        assert (task.status, task.error.name, run.statuses) == (TaskStatus.ERRORED, error, ())
        assert not await it.platform.has_value("n")


@pytest.mark.parametrize("key", ["", "..", "a/../b", "a\x00", "x" * 513, "run:run_1:", "job:a:" + "x" * 513])
async def test_what_is_no_key_is_refused(storage: Storage, app: ScriptedApp, key: str) -> None:
    async with world(storage, app.job("ends", ends)) as it:
        platform = it.platform
        calls = (platform.get_value(key), platform.has_value(key), platform.delete_value(key))
        for call in (*calls, platform.set_value(key, JsonText("1"))):
            with pytest.raises(InvalidArgumentError):
                await call
        with pytest.raises(ValueTooLargeError):
            await platform.set_value("n", JsonText(f'"{"€" * 100_000}"'))


async def test_the_name_of_an_owned_value_has_the_whole_length(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("ends", ends)) as it:
        for key in ("x" * 512, "job:a:" + "x" * 512, "run:run_1:" + "é" * 256):
            await it.platform.set_value(key, JsonText("1"))
            assert await it.platform.get_value(key) == "1"


async def test_environments_share_neither_values_nor_statuses(storage: Storage, app: ScriptedApp) -> None:
    other = ScriptedApp(app.clock)
    async with (
        world(storage, app.job("a", ends), shares_database=True) as dev,
        world(
            storage, other.job("b", ends), seed=1, shares_database=True, settings=Settings(environment="prod")
        ) as prod,
    ):
        await dev.send("a")
        run_id = await dev.only_run()
        await dev.ended(run_id)
        await dev.platform.set_value("n", JsonText("1"))
        await dev.platform.put_status(run_id, PutStatus("s"))

        assert await prod.platform.get_value("n") is None
        assert not await prod.platform.delete_value("n")
        for call in (
            prod.platform.put_status(run_id, PutStatus("s", "b")),
            prod.platform.get_run_statuses(run_id),
            prod.platform.perform_task(run_id, 1, app.executions[0].record("x"), ONE),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert await dev.platform.get_value("n") == "1"
        (shown,) = (await dev.platform.get_run_statuses(run_id)).statuses
        assert (shown.label, shown.history) == ("s", "[]")


async def test_a_history_is_bounded_and_loses_its_oldest(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("ends", ends)) as it:
        await it.send("ends")
        run_id = await it.only_run()
        for number in range(HISTORY_LIMIT + 3):
            shown = await it.platform.put_status(run_id, PutStatus("s", f"label {number}"))
        labels = [one["label"] for one in json.loads(shown.history)]
        assert labels == [f"label {number}" for number in range(2, HISTORY_LIMIT + 2)]

        data = JsonText(f'{{"x":"{"y" * 40_000}"}}')
        for number in range(4):
            shown = await it.platform.put_status(run_id, PutStatus("s", f"large {number}", None, data))
        assert [one["label"] for one in json.loads(shown.history)] == ["large 2"]
        shown = await it.platform.put_status(run_id, PutStatus("s", "small again", None, JsonText("{}")))
        shown = await it.platform.put_status(run_id, PutStatus("s", "and again"))
        assert [one["label"] for one in json.loads(shown.history)] == ["large 3", "small again"]
        await it.ended(run_id)


async def test_a_call_counts_as_progress_of_its_run(storage: Storage, app: ScriptedApp) -> None:
    async def yields(execution: Execution) -> ExecutionResult:
        await perform(execution, f"set {execution.epoch}", ONE)
        return Yielded(f"again {execution.epoch}") if execution.epoch < 6 else Succeeded(None)

    async with world(storage, app.job("yields", yields), settings=Settings(fruitless_limit=3)) as it:
        await it.send("yields")
        assert (await it.ended(await it.only_run())).status is RunStatus.SUCCESS
