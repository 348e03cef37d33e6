"""Pages of runs and events on large databases: what an index knows is asked of it, and no page reads without end."""

from __future__ import annotations

import pytest

from perdure.protocol.management import EventFilter
from perdure.protocol.statuses import RunStatus
from perdure.storage import event_pages, run_pages
from perdure.storage.interface import Session, Storage, Value
from perdure.storage.run_pages import SHORT_LINE, Wanted
from perdure.storage.sizes import MOST_BYTES, take_fitting
from perdure.storage.stretches import LOOK, NEWEST
from tests.storage.nouns.rows import Seed, sow
from tests.storage.plans import plan_of

PLANS = {
    "runs_from": "SEARCH runs USING INTEGER PRIMARY KEY (rowid<?)",
    "runs_of_job_from": "SEARCH runs USING INDEX runs_of_job (job_no=? AND run_no<?)",
    "unsuccessful_runs_of_job": "SEARCH runs USING INDEX runs_unsuccessful (job_no=? AND status=? AND rowid<?)",
    "executing_runs": "SEARCH runs USING COVERING INDEX runs_held (node_no>?)",
    "some_runs_in_line": "SEARCH runs USING INDEX runs_in_line (available_at>?)",
    "some_runs_aside": "SEARCH runs USING COVERING INDEX runs_aside (limit_no>?)",
    "events_from": "SEARCH events USING INTEGER PRIMARY KEY (rowid<?)",
    "pending_events_from": "SEARCH t USING COVERING INDEX sqlite_autoindex_timers_2 (kind=? AND subject_no<?)",
    "list_key_values": "SEARCH key_values USING INDEX sqlite_autoindex_key_values_1 (environment_no=? AND key>?)",
    "list_schedules": "SEARCH s USING INTEGER PRIMARY KEY (rowid>?)",
    "runs_created_after": "SEARCH runs USING INTEGER PRIMARY KEY (rowid>?)",
    "list_postponed": "SEARCH runs USING INDEX runs_in_line (available_at>?)",
    "runs_changed_since": "SEARCH runs USING INTEGER PRIMARY KEY (rowid<?)",
}
"""The first step of each query's plan, which says how many rows it reads."""


@pytest.mark.parametrize("query", PLANS)
def test_a_page_begins_where_its_index_says(query: str) -> None:
    steps = plan_of(query)
    assert steps[0] == PLANS[query]
    assert not [step for step in steps if step.startswith("USE TEMP B-TREE")]


def test_new_tasks_of_a_run_are_found_in_its_index_alone() -> None:
    steps = plan_of("sizes_of_new_tasks")
    assert any("USING COVERING INDEX sqlite_autoindex_tasks_2 (run_no=?)" in step for step in steps), steps


def test_ends_of_runs_are_counted_without_the_hours_before() -> None:
    steps = plan_of("count_ended_runs")
    assert "SEARCH r USING PRIMARY KEY (job_no=? AND hour>? AND hour<?)" in steps, steps


async def fill(storage: Storage, count: int) -> Seed:
    """Store as many runs of one job that ended well, each with the number of its event."""
    seed = await sow(storage)
    await storage.write(_run, "give_status", RunStatus.SUCCESS, 1, None, 1, 1)
    await storage.write(_run, "fill_events", count, seed.environment_no)
    await storage.write(_run, "fill_runs", seed.job_no, seed.version_no)
    return seed


async def _run(tx: Session, query: str, *args: Value) -> int:
    return await tx.run(query, *args)


async def give(storage: Storage, status: RunStatus, *numbers: int) -> None:
    completed_at, available_at = 1 if status.is_final else None, 1 if status is RunStatus.QUEUED else None
    for number in numbers:
        await storage.write(_run, "give_status", status, completed_at, available_at, number, number)


async def every_page(
    storage: Storage, seed: Seed, *statuses: RunStatus, limit: int = 3, is_of_one_job: bool = False
) -> tuple[list[int], int]:
    """The numbers of all runs, page after page, and how many pages there were."""
    numbers: list[int] = []
    pages = 0
    first: int | None = NEWEST
    while first is not None:
        page = Wanted(seed.environment_no, (seed.job_no,), is_of_one_job, statuses, first, limit)
        found, first = await storage.scan(run_pages.list_page, page)
        assert len(found) <= limit
        numbers += [run.run_no for run in found]
        pages += 1
    return numbers, pages


@pytest.mark.parametrize("is_of_one_job", [False, True])
async def test_few_runs_of_very_many_are_found(values: Storage, is_of_one_job: bool) -> None:
    seed = await fill(values, LOOK + 20)
    await give(values, RunStatus.FAILURE, 4, 9, LOOK, LOOK + 10)
    await give(values, RunStatus.WAITING_TO_CONTINUE, 6, LOOK + 5)
    await give(values, RunStatus.QUEUED, 2, LOOK + 7)

    async def pages(*statuses: RunStatus) -> tuple[list[int], int]:
        return await every_page(values, seed, *statuses, is_of_one_job=is_of_one_job)

    # An index knows these, so they fill their pages.
    assert await pages(RunStatus.FAILURE) == ([LOOK + 10, LOOK, 9, 4], 2)
    assert await pages(RunStatus.QUEUED) == ([LOOK + 7, 2], 1)
    assert await pages(RunStatus.TIMED_OUT, RunStatus.EXECUTING) == ([], 1)
    # For these the runs are looked through.
    assert await pages(RunStatus.WAITING_TO_CONTINUE) == ([LOOK + 5, 6], 2)
    both, _ = await pages(RunStatus.FAILURE, RunStatus.WAITING_TO_CONTINUE, RunStatus.QUEUED)
    assert both == [LOOK + 10, LOOK + 7, LOOK + 5, LOOK, 9, 6, 4, 2]


async def test_a_long_line_is_listed_from_its_newest_run_on(values: Storage) -> None:
    seed = await fill(values, SHORT_LINE + 100)
    await values.write(_run, "give_status", RunStatus.QUEUED, None, 1, 11, SHORT_LINE + 50)
    numbers, _ = await every_page(values, seed, RunStatus.QUEUED, limit=50)
    assert numbers == list(range(SHORT_LINE + 50, 10, -1))


async def test_every_run_stands_on_one_page(values: Storage) -> None:
    seed = await fill(values, 100)
    for is_of_one_job in (False, True):
        numbers, pages = await every_page(values, seed, limit=7, is_of_one_job=is_of_one_job)
        assert (numbers, pages) == (list(range(100, 0, -1)), 15)


async def test_runs_of_another_environment_are_on_no_page(values: Storage) -> None:
    seed = await fill(values, 10)
    for number, environment_no in ((3, seed.environment_no + 1), (7, -seed.environment_no)):
        await give(values, RunStatus.FAILURE, number)
        await values.write(_run, "give_environment", environment_no, number)
    assert await every_page(values, seed, RunStatus.FAILURE) == ([], 1)
    for is_of_one_job in (False, True):
        numbers, _ = await every_page(values, seed, is_of_one_job=is_of_one_job)
        assert numbers == [10, 9, 8, 6, 5, 4, 2, 1]
    other = Wanted(seed.environment_no + 1, (seed.job_no,), False, (), NEWEST, 5)
    page, _ = await values.scan(run_pages.list_page, other)
    assert [run.run_no for run in page] == [3]


async def test_few_events_of_very_many_are_found(values: Storage) -> None:
    seed = await fill(values, LOOK + 20)

    async def pages(filter: EventFilter) -> list[int]:
        numbers: list[int] = []
        first: int | None = NEWEST
        while first is not None:
            found, first = await values.scan(
                event_pages.list_page, seed.environment_no, filter, first=first, limit=50_000
            )
            numbers += [event.event_no for event in found]
        return numbers

    assert await pages(EventFilter(name="rare")) == [2]
    assert await pages(EventFilter(is_pending=True)) == []
    assert len(await pages(EventFilter(internal=True))) == LOOK + 20
    assert (await pages(EventFilter()))[:3] == [LOOK + 20, LOOK + 18, LOOK + 16]


async def test_what_a_page_holds_is_bounded(values: Storage) -> None:
    seed = await fill(values, 6)
    await values.write(_run, "give_outputs", MOST_BYTES // 4)
    assert await every_page(values, seed, limit=50) == ([6, 5, 4, 3, 2, 1], 2)

    await values.write(_run, "give_payloads", MOST_BYTES // 3)
    found, first = await values.scan(
        event_pages.list_page, seed.environment_no, EventFilter(internal=True), first=NEWEST, limit=50
    )
    assert ([event.event_no for event in found], first) == ([6, 5], 4)


@pytest.mark.parametrize(
    ("sizes", "taken", "rest"),
    [
        ([], [], None),
        ([100], [1], None),
        ([5, 5], [1, 2], None),
        ([5, 6], [1], 2),
        ([0, 100, 0], [1], 2),
        ([100, 0], [1], 2),
    ],
)
def test_one_row_is_read_whatever_it_holds(sizes: list[int], taken: list[int], rest: int | None) -> None:
    assert take_fitting([(number, size, None) for number, size in enumerate(sizes, 1)], most=10) == (taken, rest)
