"""Runs change only from where their operation says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from perdure.protocol.json_text import JsonText
from perdure.protocol.statuses import FINAL_RUN_STATUSES, RunStatus, TaskStatus
from perdure.storage import run_outcomes, run_queue, runs, tasks, timers
from perdure.storage.interface import Storage
from perdure.storage.runs import NewRun
from tests.storage.nouns.rows import ERROR, LATER, NOW, Seed, claim, record, sow


async def state(storage: Storage, seed: Seed) -> tuple[RunStatus, int] | None:
    return await storage.read(runs.find_state, seed.run_no)


async def test_an_event_starts_a_job_once_for_each_subscription(storage: Storage) -> None:
    seed = await sow(storage)

    def run(dispatcher_no: int) -> NewRun:
        return NewRun(f"run of {dispatcher_no}", seed.job_no, "job", seed.version_no, "1.0.0", dispatcher_no)

    async def queue(dispatcher_no: int) -> bool:
        number = await storage.write(
            runs.insert_queued, seed.environment_no, run=run(dispatcher_no), event_no=seed.event_no, now=NOW
        )
        return number is not None

    async def hold(dispatcher_no: int) -> bool:
        number = await storage.write(
            runs.insert_claimed,
            seed.environment_no,
            run=run(dispatcher_no),
            event_no=seed.event_no,
            node_no=seed.node_no,
            now=NOW,
        )
        return number is not None

    # Dispatcher 0 stands for the invocation that the seed has.
    assert [await queue(0), await hold(0), await queue(1), await hold(1), await hold(2), await queue(2)] == [
        False, False, True, False, True, False
    ]  # fmt: skip


async def test_two_nodes_cannot_claim_one_run(storage: Storage) -> None:
    seed = await sow(storage)
    first = await storage.write(run_queue.claim_if_in_line, [seed.run_no], node_no=seed.node_no, now=NOW)
    second = await storage.write(run_queue.claim_if_in_line, [seed.run_no], node_no=seed.other_node_no, now=NOW)

    assert ([run.epoch for run in first], second) == ([1], [])


async def test_a_run_is_due_at_its_millisecond_and_not_before(storage: Storage) -> None:
    seed = await sow(storage)
    until = NOW + timedelta(milliseconds=7, microseconds=1)
    await storage.write(run_queue.postpone_if_in_line, seed.run_no, until=until, misses=1, why="because", now=NOW)

    assert await storage.read(run_queue.next_due) == NOW + timedelta(milliseconds=8)
    assert await storage.read(run_queue.list_due, now=NOW + timedelta(milliseconds=7), limit=9) == []
    (due,) = await storage.read(run_queue.list_due, now=NOW + timedelta(milliseconds=8), limit=9)
    assert (due.run_no, due.misses) == (seed.run_no, 1)


@pytest.mark.parametrize("status", sorted(FINAL_RUN_STATUSES))
async def test_only_the_epoch_that_holds_a_run_can_end_it(storage: Storage, status: RunStatus) -> None:
    seed = await sow(storage)
    end = run_outcomes.end_if_executing
    assert not await storage.write(end, seed.run_no, epoch=0, status=status, now=NOW)
    epoch = await claim(storage, seed)
    assert not await storage.write(end, seed.run_no, epoch=epoch - 1, status=status, now=NOW)
    assert not await storage.write(end, seed.run_no, epoch=epoch + 1, status=status, now=NOW)
    assert await storage.write(end, seed.run_no, epoch=epoch, status=status, error=ERROR, now=NOW)
    assert not await storage.write(end, seed.run_no, epoch=epoch, status=status, now=NOW)
    assert await state(storage, seed) == (status, 1)


async def test_only_the_epoch_that_holds_a_run_can_give_it_back(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)

    async def give_back(epoch: int) -> bool:
        return await storage.write(
            run_outcomes.requeue_if_executing,
            seed.run_no,
            epoch=epoch,
            available_at=LATER,
            was_fruitful=False,
            is_fruitless=True,
            now=NOW,
        )

    assert not await give_back(epoch - 1)
    assert await give_back(epoch)
    assert not await give_back(epoch)
    assert await state(storage, seed) == (RunStatus.WAITING_TO_EXECUTE, 1)


async def test_only_the_epoch_that_holds_a_run_can_say_what_is_shown_of_it(storage: Storage) -> None:
    seed = await sow(storage)

    async def keep(epoch: int, text: str, environment_no: int = seed.environment_no) -> bool:
        return await storage.write(
            run_outcomes.keep_properties_if_executing,
            environment_no, "run_1", epoch=epoch, properties=JsonText(f'["{text}"]'), now=LATER,
        )  # fmt: skip

    assert not await keep(0, "in line")
    epoch = await claim(storage, seed)
    for late in (epoch - 1, epoch + 1):
        assert not await keep(late, "other")
    assert not await keep(epoch, "of another environment", seed.environment_no + 1)
    assert await keep(epoch, "shown")
    await storage.write(run_outcomes.end_if_executing, seed.run_no, epoch=epoch, status=RunStatus.SUCCESS, now=LATER)
    assert not await keep(epoch, "ended")
    run = await storage.read(runs.find_run, seed.environment_no, run_id="run_1")
    assert run is not None
    assert run.properties == '["shown"]'


async def test_a_run_that_waits_for_what_is_over_is_in_line_at_once(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    for key, status, delay in (("done", TaskStatus.COMPLETED, None), ("nap", TaskStatus.WAITING, 60.0)):
        assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record(key, status, delay=delay))

    async def suspend(epoch: int, *task_ids: str) -> RunStatus | None:
        return await storage.write(
            run_outcomes.suspend_if_executing,
            seed.run_no,
            epoch=epoch,
            task_ids=task_ids,
            was_fruitful=False,
            now=NOW,
        )

    assert await suspend(epoch - 1, "task_nap") is None
    assert await suspend(epoch, "task_nap", "task_done") is RunStatus.WAITING_TO_EXECUTE
    assert await suspend(epoch, "task_nap") is None
    assert await suspend(await claim(storage, seed), "task_missing") is RunStatus.WAITING_TO_EXECUTE
    assert await suspend(await claim(storage, seed)) is RunStatus.WAITING_TO_EXECUTE
    assert await suspend(await claim(storage, seed), "task_nap", "task_nap") is RunStatus.WAITING_TO_CONTINUE


async def test_waking_moves_a_run_that_waits_and_names_who_holds_one_at_work(storage: Storage) -> None:
    seed = await sow(storage)
    assert await storage.write(runs.wake, [seed.run_no], fruitful=[], now=NOW) == []
    epoch = await claim(storage, seed)
    (woken,) = await storage.write(runs.wake, [seed.run_no], fruitful=[], now=NOW)
    assert (woken.status, woken.node_no, woken.epoch) == (RunStatus.EXECUTING, seed.node_no, epoch)
    assert await storage.write(
        tasks.insert_if_executing, seed.run_no, epoch, record("nap", TaskStatus.WAITING, delay=60)
    )
    await storage.write(
        run_outcomes.suspend_if_executing,
        seed.run_no,
        epoch=epoch,
        task_ids=("task_nap",),
        was_fruitful=False,
        now=NOW,
    )
    (woken,) = await storage.write(runs.wake, [seed.run_no], fruitful=[], now=NOW)
    assert (woken.status, woken.node_no) == (RunStatus.WAITING_TO_EXECUTE, None)
    assert await storage.write(runs.wake, [seed.run_no], fruitful=[], now=NOW) == []


async def test_a_run_that_waits_for_a_block_is_in_line_when_none_in_it_waits(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    block = record("block", TaskStatus.RUNNING)
    for one in (block, *(replace(record(key, TaskStatus.WAITING, delay=60.0), parent_id=block.id) for key in "ab")):
        assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, one)

    async def settle(key: str) -> int:
        number = await storage.read(tasks.find_number, f"task_{key}")
        assert number is not None
        await storage.write(tasks.settle_if_waiting, number, output=None, error=None, now=NOW)
        return len(await storage.write(runs.wake, [seed.run_no], fruitful=[], now=NOW))

    status = await storage.write(
        run_outcomes.suspend_if_executing, seed.run_no, epoch=epoch, task_ids=("task_a", "task_b"), block=block.id,
        was_fruitful=False, now=NOW,
    )  # fmt: skip
    assert status is RunStatus.WAITING_TO_CONTINUE
    assert [await settle("a"), await settle("b")] == [0, 1]


async def test_a_run_ends_once_whoever_ends_it(storage: Storage) -> None:
    seed = await sow(storage)
    assert (
        await storage.write(run_queue.end_if_in_line, seed.run_no, status=RunStatus.TIMED_OUT, error=ERROR, now=NOW)
        == "run_1"
    )
    assert (
        await storage.write(run_queue.end_if_in_line, seed.run_no, status=RunStatus.TIMED_OUT, error=ERROR, now=NOW)
        is None
    )
    assert not await storage.write(runs.cancel_if_active, seed.run_no, now=NOW)
    assert await storage.write(run_queue.claim_if_in_line, [seed.run_no], node_no=seed.node_no, now=NOW) == []


async def test_a_node_loses_only_its_own_runs(storage: Storage) -> None:
    seed = await sow(storage)
    await claim(storage, seed)
    assert await storage.write(runs.lose_of_node, seed.other_node_no, is_fruitless=True, now=NOW) == []
    assert await storage.write(runs.lose_of_node, seed.node_no, is_fruitless=True, now=NOW) == ["run_1"]
    assert await storage.write(runs.lose_of_node, seed.node_no, is_fruitless=True, now=NOW) == []


@pytest.mark.parametrize(("completes", "count"), [(False, 1), (True, 0)])
async def test_a_lost_execution_counts_as_fruitless_unless_it_completed_a_task(
    storage: Storage, completes: bool, count: int
) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    if completes:
        assert await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("done"))
    await storage.write(runs.lose_of_node, seed.node_no, is_fruitless=True, now=NOW)
    (due,) = await storage.read(run_queue.list_due, now=NOW, limit=9)

    assert due.fruitless == count


async def test_a_run_is_overdue_when_it_has_had_its_time_and_not_a_millisecond_before(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)

    async def overdue(milliseconds: int) -> list[tuple[int, str, int, timedelta]]:
        at = NOW + timedelta(milliseconds=milliseconds)
        return await storage.read(runs.list_overdue, seed.node_no, most=timedelta(seconds=1), now=at)

    assert await overdue(999) == []
    assert await overdue(1000) == [(seed.run_no, "run_1", epoch, timedelta(seconds=1))]
    assert await storage.read(runs.list_overdue, seed.other_node_no, most=timedelta(), now=LATER) == []


async def test_only_runs_that_were_put_off_for_want_of_their_code_are_hastened(storage: Storage) -> None:
    seed = await sow(storage)
    before = NOW + timedelta(seconds=-1)
    postpone, put_off = run_queue.postpone_if_in_line, run_queue.put_off_if_in_line
    await storage.write(postpone, seed.run_no, until=before, misses=1, why="because", now=before)
    await storage.write(run_queue.hasten_some_postponed, [seed.job_no], after=None, limit=9, now=NOW)
    assert await storage.read(run_queue.next_due) == before
    await storage.write(put_off, seed.run_no, until=LATER, why="because", now=NOW)
    await storage.write(run_queue.hasten_some_postponed, [seed.job_no], after=None, limit=9, now=NOW)
    assert await storage.read(run_queue.next_due) == LATER
    await storage.write(postpone, seed.run_no, until=LATER, misses=1, why="because", now=NOW)
    await storage.write(run_queue.hasten_some_postponed, [seed.job_no + 1], after=None, limit=9, now=NOW)
    assert await storage.read(run_queue.next_due) == LATER
    await storage.write(run_queue.hasten_some_postponed, [seed.job_no], after=None, limit=9, now=NOW)
    assert await storage.read(run_queue.next_due) == NOW


async def test_runs_that_were_put_off_are_hastened_so_many_in_a_transaction(storage: Storage) -> None:
    seed = await sow(storage)
    run_nos = [seed.run_no]
    for dispatcher_no in range(1, 5):
        run = NewRun(f"run of {dispatcher_no}", seed.job_no, "job", seed.version_no, "1.0.0", dispatcher_no)
        run_no = await storage.write(runs.insert_queued, seed.environment_no, run=run, event_no=seed.event_no, now=NOW)
        assert run_no is not None
        run_nos.append(run_no)
    for run_no in run_nos:
        await storage.write(run_queue.postpone_if_in_line, run_no, until=LATER, misses=1, why="because", now=NOW)
    due: list[int] = []
    after = None
    while True:
        after = await storage.write(run_queue.hasten_some_postponed, [seed.job_no], after=after, limit=2, now=NOW)
        due.append(len(await storage.read(run_queue.list_due, now=NOW, limit=9)))
        if after is None:
            break
    assert due == [2, 4, 5]


async def test_a_run_is_seen_only_in_its_environment(storage: Storage) -> None:
    seed = await sow(storage)
    for environment_no, is_there in ((seed.environment_no, True), (seed.environment_no + 1, False)):
        assert (await storage.read(runs.find_run, environment_no, run_id="run_1") is not None) is is_there
        assert (await storage.read(runs.find_number, environment_no, run_id="run_1") is not None) is is_there


async def test_a_timer_is_taken_at_its_millisecond_and_not_before(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    assert await storage.write(
        tasks.insert_if_executing, seed.run_no, epoch, record("nap", TaskStatus.WAITING, delay=1)
    )
    due_at = NOW + timedelta(milliseconds=999, microseconds=1)
    await storage.write(timers.set_task_timer, "task_nap", due_at=due_at)

    assert await storage.read(timers.next_due) == NOW + timedelta(seconds=1)
    assert (
        await storage.write(timers.take_due, timers.TimerKind.TASK, now=NOW + timedelta(milliseconds=999), limit=9)
        == []
    )
    assert (
        len(await storage.write(timers.take_due, timers.TimerKind.TASK, now=NOW + timedelta(seconds=1), limit=9)) == 1
    )
    assert await storage.write(timers.take_due, timers.TimerKind.TASK, now=NOW + timedelta(seconds=1), limit=9) == []
