"""Runs that are repeated, and runs that go on after a bad end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.storage import events, repeats, run_lists, run_outcomes, run_pages, runs, tasks, timers
from perdure.storage.interface import Storage
from perdure.storage.stretches import NEWEST
from perdure.storage.timers import TimerKind
from tests.storage.nouns.rows import ERROR, NOW, claim, record, sow

SOON = NOW + timedelta(seconds=1)


async def test_an_event_is_copied_once_under_an_id_and_is_delivered(storage: Storage) -> None:
    seed = await sow(storage)
    source = await storage.read(repeats.find_repeatable, seed.environment_no, run_id="run_1")
    assert source is not None
    assert (source.event_no, source.event_id, source.job_id) == (seed.event_no, "e", "job")
    assert await storage.read(repeats.find_repeatable, seed.environment_no + 1, run_id="run_1") is None

    number = await storage.write(repeats.copy_event, source.event_no, event_id="e:retry:1", now=SOON)
    assert number is not None
    assert await storage.write(repeats.copy_event, source.event_no, event_id="e:retry:1", now=SOON) is None
    copy = await storage.read(events.find_event, seed.environment_no, event_id="e:retry:1")
    assert copy is not None
    assert (copy.name, copy.created_at, copy.delivered_at, copy.timestamp) == ("go", SOON, SOON, SOON)

    await storage.write(
        repeats.insert_run, seed.environment_no, run_id="run_2", source=source, event_no=number, now=SOON
    )
    wanted = run_pages.Wanted(seed.environment_no, (seed.job_no,), True, (), NEWEST, 5)
    page, goes_on = await storage.read(run_pages.list_page, wanted)
    assert [(run.id, run.event_id) for run in page] == [("run_2", "e:retry:1"), ("run_1", "e")]
    assert goes_on is None


@pytest.mark.parametrize("status", [status for status in RunStatus if status.is_final])
async def test_a_run_goes_on_only_after_a_bad_end(storage: Storage, status: RunStatus) -> None:
    seed = await sow(storage)
    go_on = repeats.continue_if_unsuccessful
    assert not await storage.write(go_on, seed.run_no, now=SOON)
    epoch = await claim(storage, seed)
    assert not await storage.write(go_on, seed.run_no, now=SOON)
    await storage.write(run_outcomes.end_if_executing, seed.run_no, epoch=epoch, status=status, error=ERROR, now=NOW)

    is_unsuccessful = status is not RunStatus.SUCCESS
    assert await storage.write(go_on, seed.run_no, now=SOON) is is_unsuccessful
    run = await storage.read(runs.find_run, seed.environment_no, run_id="run_1")
    assert run is not None
    assert (run.status, run.completed_at, run.error) == (
        (RunStatus.QUEUED, None, None) if is_unsuccessful else (RunStatus.SUCCESS, NOW, ERROR)
    )
    assert run.epoch == epoch


async def test_tasks_are_reopened_as_what_they_were(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    for one in (
        record("completed"),
        record("errored", TaskStatus.ERRORED),
        record("running", TaskStatus.RUNNING),
        record("past", TaskStatus.WAITING, delay=1),
        record("future", TaskStatus.WAITING, delay=60),
    ):
        await storage.write(tasks.insert_if_executing, seed.run_no, epoch, one)
    await storage.write(tasks.insert_attempt, "task_errored", number=1, ended_at=NOW, error=ERROR)
    await storage.write(tasks.close_open, run_no=seed.run_no, status=TaskStatus.CANCELED, now=NOW)

    due = await storage.write(repeats.reopen_tasks, seed.run_no, now=SOON)
    found = {state.name: state for _, state in await storage.read(tasks.list_of_runs, [seed.run_no])}
    assert {name: str(state.status) for name, state in found.items()} == {
        "completed": "COMPLETED",
        "errored": "RUNNING",
        "running": "RUNNING",
        "past": "COMPLETED",
        "future": "WAITING",
    }
    assert found["errored"].error is None
    assert found["completed"].output == "1"
    assert due == NOW + timedelta(seconds=60)
    assert await storage.read(timers.next_due) == due
    future = await storage.read(tasks.find_number, "task_future")
    assert await storage.read(timers.list_due, TimerKind.TASK, now=due, limit=5) == [future]


async def test_active_runs_of_a_job_are_found_stretch_by_stretch(storage: Storage) -> None:
    seed = await sow(storage)
    source = await storage.read(repeats.find_repeatable, seed.environment_no, run_id="run_1")
    assert source is not None
    for number in (2, 3, 4):
        event_no = await storage.write(repeats.copy_event, seed.event_no, event_id=f"e{number}", now=NOW)
        assert event_no is not None
        await storage.write(
            repeats.insert_run, seed.environment_no, run_id=f"run_{number}", source=source, event_no=event_no, now=NOW
        )
    await storage.write(runs.cancel_if_active, 3, now=NOW)

    look = run_lists.list_active_of_job
    assert await storage.read(look, seed.job_no, below=NEWEST, limit=3) == ([(4, "run_4"), (2, "run_2")], 2)
    assert await storage.read(look, seed.job_no, below=2, limit=3) == ([(1, "run_1")], None)
    assert await storage.read(look, seed.job_no + 1, below=NEWEST, limit=3) == ([], None)
    of_event = run_lists.list_active_of_event
    assert await storage.read(of_event, seed.environment_no, event_id="e2") == [(2, "run_2")]
    assert await storage.read(of_event, seed.environment_no, event_id="e3") == []
