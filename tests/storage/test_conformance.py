"""What every driver promises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from perdure.errors import ForkedProcessError, StorageError
from tests.storage.values import append, count_to, get, increment, insert, keys, put

if TYPE_CHECKING:
    from perdure.storage.interface import Session, Storage


class PlannedError(Exception):
    pass


async def put_then_fail(tx: Session, key: str) -> None:
    await put(tx, key)
    await put(tx, f"{key} again")
    raise PlannedError(key)


async def test_a_unit_of_work_returns_its_result_and_takes_keywords(values: Storage) -> None:
    assert await values.write(put, "a", "1", at=5) == "a"
    assert await values.read(get, "a") == "1"


async def test_a_row_that_is_not_there_is_none(values: Storage) -> None:
    assert await values.read(get, "missing") is None


async def test_a_statement_says_how_many_rows_it_changed(values: Storage) -> None:
    async def touch(tx: Session, pattern: str) -> int:
        return await tx.run("touch_values", 7, pattern)

    for key in ("a1", "a2", "b1"):
        await values.write(put, key)

    assert await values.write(touch, "a%") == 2
    assert await values.write(touch, "c%") == 0


async def test_what_is_acknowledged_is_seen_by_every_read(values: Storage) -> None:
    for number in range(50):
        key = f"{number:02}"
        await values.write(put, key)
        assert key in await values.read(keys)
        assert key in await values.scan(keys)


async def test_a_failed_unit_is_undone_alone(values: Storage) -> None:
    good = [values.write(put, f"good {number:02}") for number in range(40)]
    bad = [values.write(put_then_fail, f"bad {number}") for number in range(5)]

    outcomes = await asyncio.gather(*good[:20], *bad, *good[20:], return_exceptions=True)

    assert [str(outcome) for outcome in outcomes if isinstance(outcome, PlannedError)] == [f"bad {n}" for n in range(5)]
    assert await values.read(keys) == [f"good {number:02}" for number in range(40)]


async def test_a_violated_constraint_is_a_storage_error_that_names_it(values: Storage) -> None:
    await values.write(insert, "a")

    with pytest.raises(StorageError, match=r"key_values\.key"):
        await values.write(insert, "a")

    assert await values.write(insert, "b") == "b"


async def test_a_unit_may_catch_a_violated_constraint_and_go_on(values: Storage) -> None:
    async def insert_or_append(tx: Session, key: str) -> None:
        try:
            await insert(tx, key, "first")
        except StorageError:
            await append(tx, key, " then")

    await values.write(insert_or_append, "a")
    await values.write(insert_or_append, "a")

    assert await values.read(get, "a") == "first then"


async def test_units_are_committed_in_the_order_in_which_they_were_given(values: Storage) -> None:
    await values.write(put, "order")

    await asyncio.gather(*(values.write(append, "order", f"{number};") for number in range(200)))

    assert await values.read(get, "order") == "".join(f"{number};" for number in range(200))


async def test_no_update_of_many_concurrent_writers_is_lost(values: Storage) -> None:
    await values.write(put, "counter")

    async def count(times: int) -> list[int]:
        return [await values.write(increment, "counter") for _ in range(times)]

    seen = await asyncio.gather(*(count(5) for _ in range(200)))

    assert sorted(number for numbers in seen for number in numbers) == list(range(1, 1001))


async def test_a_read_cannot_write(values: Storage) -> None:
    with pytest.raises(StorageError):
        await values.read(put, "a")
    with pytest.raises(StorageError):
        await values.scan(put, "a")

    assert await values.read(keys) == []
    assert await values.write(put, "b") == "b"


async def test_an_error_of_a_read_reaches_its_caller(values: Storage) -> None:
    async def fail(tx: Session) -> None:
        await keys(tx)
        raise PlannedError

    with pytest.raises(PlannedError):
        await values.read(fail)
    with pytest.raises(PlannedError):
        await values.scan(fail)

    assert await values.read(keys) == []


async def test_more_scans_than_there_are_threads_all_end(values: Storage) -> None:
    await values.write(put, "a")

    assert await asyncio.gather(*(values.scan(count_to, 1000) for _ in range(30))) == [(1000, 1)] * 30


async def test_cancelling_one_write_harms_no_other(values: Storage) -> None:
    tasks = [asyncio.create_task(values.write(put, f"{number:02}")) for number in range(30)]
    await asyncio.sleep(0)
    tasks[10].cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes[10], asyncio.CancelledError)
    assert [outcome for number, outcome in enumerate(outcomes) if number != 10] == [
        f"{number:02}" for number in range(30) if number != 10
    ]


async def test_closing_finishes_what_was_given(values: Storage) -> None:
    tasks = [asyncio.create_task(values.write(put, f"{number:03}")) for number in range(300)]
    await asyncio.sleep(0)

    await values.close()

    assert await asyncio.gather(*tasks) == [f"{number:03}" for number in range(300)]


async def test_a_closed_storage_says_so(values: Storage) -> None:
    await values.close()
    await values.close()

    with pytest.raises(StorageError, match="closed"):
        await values.write(put, "a")
    with pytest.raises(StorageError, match="closed"):
        await values.read(keys)
    with pytest.raises(StorageError, match="closed"):
        await values.scan(keys)


def test_a_second_event_loop_is_refused(values: Storage) -> None:
    asyncio.run(values.write(put, "a"))

    with pytest.raises(StorageError, match="event loop") as caught:
        asyncio.run(values.write(put, "b"))
    assert not isinstance(caught.value, ForkedProcessError)
