"""Work of the engine for tasks: who is at it, and what is left of it."""

from __future__ import annotations

from datetime import timedelta

from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.statuses import TaskStatus
from perdure.storage import operations, shown_tasks, tasks
from perdure.storage.interface import Row, Session, Storage
from perdure.storage.operations import OperationRow, PollAttempt
from tests.storage.nouns.rows import NOW, Seed, claim, record, sow

LEASE = timedelta(seconds=30)
MS = timedelta(milliseconds=1)


async def wait(storage: Storage, seed: Seed, epoch: int, key: str, *, begun: bool = False) -> int | None:
    """Store a task that waits for the engine, with this node at it or due now; its number if that is new."""
    await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record(key, TaskStatus.WAITING))
    return await storage.write(
        operations.insert_operation,
        f"task_{key}",
        due_at=NOW + LEASE if begun else NOW,
        lease=LEASE,
        node_no=seed.node_no if begun else None,
        secrets=b"sealed",
    )


async def take(storage: Storage, seed: Seed, *, seconds: float = 0, limit: int = 10) -> list[OperationRow]:
    now = NOW + timedelta(seconds=seconds)
    return await storage.write(operations.take_due, node_no=seed.node_no, now=now, limit=limit)


async def test_work_is_stored_once_and_only_for_a_task_that_waits(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    assert await wait(storage, seed, epoch, "a") is not None
    assert await wait(storage, seed, epoch, "a") is None
    await storage.write(tasks.insert_if_executing, seed.run_no, epoch, record("done"))
    assert await wait(storage, seed, epoch, "done") is None


async def test_what_is_due_is_taken_once_first_due_first_with_what_it_needs(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    numbers = [await wait(storage, seed, epoch, key) for key in ("a", "b", "c")]
    assert await storage.read(operations.next_due) == NOW
    first = await take(storage, seed, limit=2)
    assert [row.task_no for row in first] == numbers[:2]
    assert (first[0].run_id, first[0].task_id, first[0].attempts, first[0].begun) == ("run_1", "task_a", 1, 1)
    assert (first[0].secrets, first[0].started_at, first[0].failures) == (b"sealed", NOW, 0)
    assert [row.task_no for row in await take(storage, seed)] == numbers[2:]
    assert await take(storage, seed) == []


async def test_work_that_nobody_ends_is_due_again_after_its_lease_and_not_before(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await wait(storage, seed, epoch, "a", begun=True)
    assert await storage.read(operations.next_due) == NOW + LEASE
    assert await take(storage, seed, seconds=(LEASE - MS).total_seconds()) == []
    (row,) = await take(storage, seed, seconds=LEASE.total_seconds())
    assert row.begun == 2


async def test_an_attempt_is_counted_once_and_the_next_is_due_later(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await wait(storage, seed, epoch, "a")
    (row,) = await take(storage, seed)
    until = NOW + timedelta(seconds=5)

    async def put_off() -> bool:
        return await storage.write(
            operations.put_off_if_waiting, row, until=until, failures=2, error=ErrorInfo("Busy", "busy"), now=NOW
        )

    assert await put_off()
    # Another node that was at it, too, comes late.
    assert not await put_off()
    assert await storage.read(operations.next_due) == until
    (again,) = await take(storage, seed, seconds=5)
    assert (again.attempts, again.begun, again.failures) == (2, 1, 2)


async def test_what_a_node_gives_back_is_due_as_if_it_had_not_begun(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    number = await wait(storage, seed, epoch, "a", begun=True)
    assert await storage.read(operations.list_held, seed.node_no) == [number]
    await storage.write(operations.release, [number], now=NOW)
    assert await storage.read(operations.list_held, seed.node_no) == []
    (row,) = await take(storage, seed)
    assert row.begun == 1


async def test_what_dead_nodes_were_at_is_due_and_their_beginning_counts(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await wait(storage, seed, epoch, "a", begun=True)
    await storage.write(operations.lose_of_others, own_node_no=seed.node_no, now=NOW)
    assert await take(storage, seed) == []
    await storage.write(operations.lose_of_others, own_node_no=seed.other_node_no, now=NOW)
    (row,) = await take(storage, seed)
    assert row.begun == 2


async def test_the_work_of_a_run_that_ends_is_forgotten_with_its_secrets(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await wait(storage, seed, epoch, "a")
    await storage.write(tasks.forget_waits, run_no=seed.run_no)
    assert await storage.read(operations.next_due) is None


async def test_an_attempt_of_a_poll_is_kept_only_while_the_poll_waits_for_it(storage: Storage) -> None:
    seed = await sow(storage)
    epoch = await claim(storage, seed)
    await wait(storage, seed, epoch, "a")
    (row,) = await take(storage, seed)

    async def keep(number: int) -> None:
        text = JsonText("{}")
        attempt = PollAttempt(f"task_p{number}", f"{number:064x}", "poll_attempt", "poll attempt", NOW, text, text)
        await storage.write(operations.keep_poll_attempt_if_waiting, row, attempt, now=NOW)

    await keep(1)
    await storage.write(operations.put_off_if_waiting, row, until=NOW, failures=0, error=None, now=NOW)
    await keep(2)
    assert await _attempts(storage, seed) == ["task_p1"]
    await storage.write(operations.delete_poll_attempt, row, key=f"{1:064x}")
    assert await _attempts(storage, seed) == []


async def _attempts(storage: Storage, seed: Seed) -> list[str]:
    async def read(tx: Session) -> list[Row]:
        page, _ = await shown_tasks.list_page(tx, seed.run_no, cursor="", limit=10, subtasks=True)
        return [(task.id, task.parent_id) for task in page]

    return [str(row[0]) for row in await storage.read(read) if row[1] == "task_a"]
