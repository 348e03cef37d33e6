"""Tasks change only for the execution that holds their run, and only while they have no outcome."""

from __future__ import annotations

import pytest

from perdure.protocol.statuses import FINAL_TASK_STATUSES, TaskStatus
from perdure.storage import runs, tasks, timers
from perdure.storage.interface import Storage
from tests.storage.nouns.rows import ERROR, LATER, NOW, claim, record, sow


async def test_only_the_epoch_that_holds_the_run_may_write(storage: Storage) -> None:
    seed = await sow(storage)
    assert not await storage.write(tasks.insert_if_executing, seed.run_no, 0, record("a"))
    epoch = await claim(storage, seed)
    running = record("a", TaskStatus.RUNNING)
    assert not await storage.write(tasks.insert_if_executing, seed.run_no, epoch - 1, running)
    assert not await storage.write(tasks.insert_if_executing, seed.run_no, epoch + 1, running)
    assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, running)
    assert not await storage.write(tasks.update_if_open, seed.run_no, epoch - 1, record("a"))
    await storage.write(runs.lose_of_node, seed.node_no, is_fruitless=True, now=NOW)
    assert not await storage.write(tasks.update_if_open, seed.run_no, epoch, record("a"))
    assert not await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("b"))


async def test_a_key_is_stored_once(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("a"))
    assert not await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("a"))
    stored = await storage.read(tasks.find_by_key, seed.run_no, key=record("a").key)
    assert stored is not None
    assert (stored.id, stored.status) == ("task_a", TaskStatus.COMPLETED)


@pytest.mark.parametrize("final", sorted(FINAL_TASK_STATUSES))
async def test_an_outcome_is_never_changed(storage: Storage, final: TaskStatus) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("a", final))
    assert not await storage.write(tasks.update_if_open, seed.run_no, epoch, record("a", TaskStatus.RUNNING))
    await storage.write(tasks.close_open, run_no=seed.run_no, status=TaskStatus.CANCELED, now=NOW)
    await storage.write(tasks.fail_if_open, "task_a", run_no=seed.run_no, error=ERROR, now=NOW)
    ((_, state),) = await storage.read(tasks.list_by_id, ["task_a"])
    assert state.status is final


async def test_a_due_task_is_resolved_once_and_by_its_kind(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    retry = record("retry", TaskStatus.WAITING)
    retry.delay_until = LATER
    for each in (record("nap", TaskStatus.WAITING, delay=10), retry):
        assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, each)
        await storage.write(timers.set_task_timer, each.id, due_at=LATER)
    numbers = await storage.write(timers.take_due, timers.TimerKind.TASK, now=LATER, limit=9)
    resolved = await storage.write(tasks.resolve_if_waiting, numbers, now=LATER)

    assert {(run_no, state.name, state.status) for run_no, state in resolved} == {
        (seed.run_no, "nap", TaskStatus.COMPLETED),
        (seed.run_no, "retry", TaskStatus.RUNNING),
    }
    assert await storage.write(tasks.resolve_if_waiting, numbers, now=LATER) == []


async def test_an_attempt_is_recorded_once(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("a", TaskStatus.RUNNING))
    for _ in range(2):
        await storage.write(tasks.insert_attempt, "task_a", number=1, ended_at=NOW, error=ERROR)


async def test_lone_surrogates_in_errors_do_not_stop_them_from_being_stored(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    failed = record("a", TaskStatus.ERRORED)
    failed.error = type(ERROR)("E", "broken \ud800 text", "stack \udfff")
    assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, failed)
    ((_, state),) = await storage.read(tasks.list_by_id, ["task_a"])
    assert state.error == type(ERROR)("E", "broken \ufffd text", "stack \ufffd")
