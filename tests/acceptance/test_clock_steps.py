"""The machine's clock is set while runs wait: no timer fires before its time, and every run ends.

Covers I5 and I7 under F49. A timer's time is that of the database's rows, by the clock that the engine is given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from perdure import IO, Client, Context, Retry, event_trigger, invoke_trigger
from perdure.engine.clock import SystemClock
from perdure.sdk.host import Host
from perdure.sdk.node import Node
from perdure.sdk.records import Run
from perdure.server.embedded import start_embedded

HOUR = timedelta(hours=1)
WAIT = 0.3
LONGEST = 60.0
"""A step of the clock is noticed within a second."""


class SteppedClock:
    """The machine's clock, which tests set."""

    def __init__(self) -> None:
        self._offset_ns = 0

    def wall_ns(self) -> int:
        return time.time_ns() + self._offset_ns

    def step(self, by: timedelta) -> None:
        self._offset_ns += by // timedelta(microseconds=1) * 1000


class Shop:
    """A client whose job waits, and what its runs told."""

    def __init__(self) -> None:
        self.client = client = Client(id="clock")
        self.waiting: asyncio.Queue[str] = asyncio.Queue()

        @client.job(id="wait", name="Wait", version="1.0.0", trigger=event_trigger("wait"))
        async def wait(payload: dict[str, int], io: IO, ctx: Context) -> str:
            def fail_once(task: object) -> str:
                if getattr(task, "attempt", 0) == 1:
                    raise ConnectionError("not yet")
                return "done"

            await io.run_task("begin", lambda: self.waiting.put_nowait(ctx.run.id))
            await io.wait("wait", WAIT)
            return await io.run_task("retried", fail_once, retry=Retry(limit=2, min_timeout=WAIT))

    @asynccontextmanager
    async def at_work(self, clock: SteppedClock, database_url: str, *, force_replay: bool) -> AsyncIterator[None]:
        host = Host(self.client, force_replay=force_replay)
        embedded = await start_embedded(
            host, database_url=database_url, clock=SystemClock(clock.wall_ns), connect=host.connect
        )
        self.client.node = node = Node(embedded, host)
        try:
            yield
        finally:
            self.client.node = None
            await node.stop()

    async def begin(self, event_id: str) -> str:
        """Start a run; its id, when it has begun."""
        await self.client.send_event(id=event_id, name="wait")
        return await self.waiting.get()

    async def when(self, run_id: str, condition: Callable[[Run], bool]) -> Run:
        """Look at a run until a condition holds."""
        async with asyncio.timeout(LONGEST):
            while True:
                run = await self.client.get_run(run_id, take=50)
                if condition(run):
                    return run
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("force_replay", [False, True], ids=["sticky", "replay"])
async def test_a_clock_set_forward_ends_waits_by_its_own_time(force_replay: bool) -> None:
    clock, shop = SteppedClock(), Shop()
    async with shop.at_work(clock, "sqlite://", force_replay=force_replay):
        run_id = await shop.begin("one")
        await shop.when(run_id, _waits)
        clock.step(HOUR)
        _check_ended(await shop.when(run_id, _has_ended))


@pytest.mark.parametrize("force_replay", [False, True], ids=["sticky", "replay"])
async def test_a_clock_set_back_fires_nothing_early_and_holds_up_no_work(force_replay: bool) -> None:
    clock, shop = SteppedClock(), Shop()
    async with shop.at_work(clock, "sqlite://", force_replay=force_replay):
        before = await shop.begin("before")
        await shop.when(before, _waits)
        clock.step(-HOUR)
        # What needs no timer is not held up; what waits is still waiting, though by the old clock it is due.
        after = await shop.begin("after")
        await shop.when(after, _waits)
        elapsed = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * WAIT, elapsed.set)
        await elapsed.wait()
        assert _waits(await shop.client.get_run(before))
        clock.step(HOUR)
        for run_id in (before, after):
            _check_ended(await shop.when(run_id, _has_ended))


async def test_a_clock_set_back_between_two_processes_fires_nothing_early(tmp_path: Path) -> None:
    clock, shop, url = SteppedClock(), Shop(), f"sqlite:///{tmp_path}/perdure.db"
    async with shop.at_work(clock, url, force_replay=False):
        run_id = await shop.begin("one")
        await shop.when(run_id, _waits)
    clock.step(-HOUR)
    async with shop.at_work(clock, url, force_replay=False):
        other = await shop.begin("other")
        # The new run's timers are of the new time: it ends; the old run's wait is due in an hour.
        _check_ended(await shop.when(other, _has_ended))
        assert _waits(await shop.client.get_run(run_id))
        clock.step(HOUR)
        _check_ended(await shop.when(run_id, _has_ended))


@pytest.mark.parametrize("offset", [HOUR, -HOUR], ids=["ahead", "behind"])
async def test_a_node_whose_clock_is_off_on_purpose_dates_by_it_and_waits_as_long(
    offset: timedelta, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PERDURE_CLOCK_OFFSET", str(offset.total_seconds()))
    client = Client(id="clock", database_url="sqlite://")

    @client.job(id="tell", name="Tell", version="1.0.0", trigger=invoke_trigger())
    async def tell(payload: dict[str, int], io: IO) -> datetime:
        await io.wait("wait", WAIT)
        return await io.now("after the wait")

    earliest = SystemClock().now() + offset
    async with client.start():
        handle = await client.invoke(tell)
        told = await handle.result(timeout=LONGEST)
        run = await client.get_run(handle.id)
    latest = SystemClock().now() + offset

    assert run.started_at is not None
    assert run.completed_at is not None
    assert earliest <= run.started_at <= told - timedelta(seconds=WAIT) <= told <= run.completed_at <= latest
    assert "PERDURE_CLOCK_OFFSET" in caplog.text


def _waits(run: Run) -> bool:
    return run.status == "WAITING_TO_CONTINUE"


def _has_ended(run: Run) -> bool:
    return run.completed_at is not None


def _check_ended(run: Run) -> None:
    assert (run.status, run.output) == ("SUCCESS", "done")
    timed = [task for task in run.tasks if task.delay_until is not None]
    assert [task.key for task in timed if task.operation == "wait"] == ["wait"]
    for task in timed:
        assert task.delay_until is not None
        assert task.completed_at is not None
        assert task.completed_at >= task.delay_until
