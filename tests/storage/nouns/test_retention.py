"""What has ended is found in the order of its creation, and deleted bit by bit."""

from __future__ import annotations

from datetime import timedelta

from perdure.protocol.execution import JsonText
from perdure.protocol.state import StatusAnswer
from perdure.protocol.statuses import ExecutionStatus, RunStatus
from perdure.protocol.store_keys import run_key
from perdure.storage import events, executions, key_values, repeats, retention, run_outcomes, run_statuses, runs, tasks
from perdure.storage.interface import Session, Storage
from perdure.storage.retention import BYTES_OF_A_ROW
from perdure.storage.timers import TimerKind, set_timer
from tests.storage.nouns.rows import ERROR, LATER, NOW, Seed, claim, new_event, record, sow

SOON = NOW + timedelta(seconds=1)


async def end(storage: Storage, seed: Seed, *, tasks_: int = 3) -> None:
    """Let the run end with a row of every kind."""
    epoch = await claim(storage, seed)
    for number in range(tasks_):
        await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record(f"{number}"))
    await storage.write(tasks.insert_attempt, "task_0", number=1, ended_at=NOW, error=ERROR)
    status = StatusAnswer("key", "label", None, None, JsonText("[]"))
    await storage.write(run_statuses.put, seed.run_no, status=status, now=NOW)
    for name in ("a", "b"):
        key = run_key("run_1", name)
        await storage.write(key_values.put, seed.environment_no, key=key, value=JsonText("1"), now=NOW)
    await storage.write(
        run_outcomes.end_if_executing, seed.run_no, epoch=epoch, status=RunStatus.SUCCESS, output=None, now=SOON
    )
    await storage.write(
        executions.insert_execution, run_no=seed.run_no, epoch=epoch, node_no=seed.node_no, started_at=NOW,
        ended_at=SOON, status=ExecutionStatus.SUCCESS,
    )  # fmt: skip


async def test_runs_are_listed_in_the_order_of_their_creation(storage: Storage) -> None:
    seed = await sow(storage)
    source = await storage.read(repeats.find_repeatable, seed.environment_no, run_id="run_1")
    assert source is not None
    event_no = await storage.write(repeats.copy_event, seed.event_no, event_id="e2", now=LATER)
    assert event_no is not None
    await storage.write(
        repeats.insert_run, seed.environment_no, run_id="run_2", source=source, event_no=event_no, now=LATER
    )
    await end(storage, seed)

    found = await storage.read(retention.list_oldest_runs, after=0, limit=5)
    assert [(one.number, one.created_at, one.ended_at) for one in found] == [(1, NOW, SOON), (2, LATER, None)]
    assert [one.number for one in await storage.read(retention.list_oldest_runs, after=1, limit=5)] == [2]
    assert [one.number for one in await storage.read(retention.list_oldest_runs, after=0, limit=1)] == [1]


async def test_only_a_run_that_ended_so_long_ago_is_found(storage: Storage) -> None:
    seed = await sow(storage)
    find = retention.find_expired_run
    assert await storage.read(find, seed.run_no, cutoff=LATER) is None
    await end(storage, seed)

    assert await storage.read(find, seed.run_no, cutoff=SOON - timedelta(milliseconds=1)) is None
    run = await storage.read(find, seed.run_no, cutoff=SOON)
    assert run is not None
    assert (run.id, run.event_no, run.size) == ("run_1", seed.event_no, len("{}{}"))


async def test_a_run_is_deleted_bit_by_bit(storage: Storage) -> None:
    seed = await sow(storage)
    await end(storage, seed)
    run = await storage.read(retention.find_expired_run, seed.run_no, cutoff=LATER)
    assert run is not None
    assert await storage.write(retention.delete_parts, run, rows=2) == 0
    assert len(await storage.read(tasks.list_of_runs, [seed.run_no])) == 1
    await storage.write(retention.retire_run, seed.run_no)
    await storage.write(retention.retire_run, seed.run_no)
    assert await storage.read(runs.find_number, seed.environment_no, run_id="run_1") is None
    assert await storage.write(retention.delete_event_if_unused, seed.event_no)

    retired = await storage.read(retention.find_expired_run, seed.run_no, cutoff=LATER)
    assert retired is not None
    assert retired.environment_no == -seed.environment_no
    steps = 0
    while await storage.write(retention.delete_parts, retired, rows=1) == 0:
        steps += 1
    # Two tasks less the one, an execution, three changes of status, a status, two values.
    assert steps == 1 + 1 + 3 + 1 + 2
    for name in ("a", "b"):
        assert not await storage.read(key_values.exists, seed.environment_no, key=run_key("run_1", name))
    assert await storage.read(run_statuses.list_of_run, seed.run_no) == []
    await storage.write(retention.delete_run, seed.run_no)
    assert await storage.read(retention.list_oldest_runs, after=0, limit=5) == []


async def test_what_is_large_counts_for_several_rows(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    large = JsonText('"' + "x" * (5 * BYTES_OF_A_ROW) + '"')
    for number in range(4):
        task = record(f"{number}")
        task.output = large
        await storage.write(tasks.insert_if_executing, seed.run_no, epoch, task)
    shown = JsonText('["shown"]')
    assert await storage.write(
        run_outcomes.keep_properties_if_executing,
        seed.environment_no, "run_1", epoch=epoch, properties=shown, now=SOON,
    )  # fmt: skip
    await storage.write(
        run_outcomes.end_if_executing, seed.run_no, epoch=epoch, status=RunStatus.SUCCESS, output=large, now=SOON
    )
    run = await storage.read(retention.find_expired_run, seed.run_no, cutoff=LATER)
    assert run is not None
    assert run.size == len(large) + len(shown) + len("{}{}")

    assert await storage.write(retention.delete_parts, run, rows=10) == 0
    assert len(await storage.read(tasks.list_of_runs, [seed.run_no])) == 2


async def test_an_event_goes_only_if_no_run_and_no_wait_needs_it(storage: Storage) -> None:
    seed = await sow(storage)
    delete = retention.delete_event_if_unused
    assert not await storage.write(delete, seed.event_no)
    number = await storage.write(
        events.insert_event, seed.environment_no, event=new_event("alone"), account_no=None, now=NOW
    )
    assert number is not None
    await storage.write(set_timer, TimerKind.WAITS, subject_no=number, due_at=NOW)
    assert not await storage.write(delete, number)
    found = await storage.read(retention.list_oldest_events, after=seed.event_no, limit=5)
    assert [(one.number, one.ended_at, one.size) for one in found] == [(number, NOW, 4)]


async def test_ticks_go_by_their_age(storage: Storage) -> None:
    async def tick(tx: Session, schedule_no: int, second: int) -> None:
        at = int((NOW + timedelta(seconds=second)).timestamp() * 1000)
        await tx.run("insert_tick", schedule_no, at, 0)

    for schedule_no in (2, 5):
        for second in range(4):
            await storage.write(tick, schedule_no, second)

    find = retention.find_ticked_schedule
    assert await storage.read(find, after=0) == (2, NOW)
    assert await storage.read(find, after=2) == (5, NOW)
    assert await storage.read(find, after=5) is None
    assert await storage.write(retention.delete_ticks, 2, cutoff=NOW + timedelta(seconds=2), limit=2) == 2
    assert await storage.write(retention.delete_ticks, 2, cutoff=NOW + timedelta(seconds=2), limit=2) == 1
    assert await storage.read(find, after=0) == (2, NOW + timedelta(seconds=3))
    assert await storage.read(find, after=2) == (5, NOW)
