"""Apps are asked anew from time to time, also one after another has not answered."""

from __future__ import annotations

import asyncio
from datetime import datetime

from perdure.engine.reindexing import FRESH, LOOK_INTERVAL, ask_from_time_to_time
from perdure.errors import FetchFailedError
from tests.engine.clock import START, ManualClock


class Apps:
    """Two apps, the first of which does not answer."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked = {"down": START, "up": START}
        self.log: list[tuple[str, float]] = []
        self.has_asked = asyncio.Event()

    async def list_stale(self, since: datetime) -> list[str]:
        return [name for name, at in self.asked.items() if at <= since]

    async def ask_anew(self, endpoint_id: str) -> None:
        self.log.append((endpoint_id, (self.clock.now() - START).total_seconds()))
        if endpoint_id == "down":
            raise FetchFailedError("Could not connect")
        self.asked[endpoint_id] = self.clock.now()
        self.has_asked.set()


async def test_an_app_is_asked_anew_when_it_has_not_been_asked_for_a_while() -> None:
    clock = ManualClock()
    apps = Apps(clock)
    asking = asyncio.create_task(ask_from_time_to_time(clock, apps))
    for _ in range(4):
        for _ in range(5):
            await asyncio.sleep(0)
        clock.advance(LOOK_INTERVAL.total_seconds())
    await apps.has_asked.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    fresh = FRESH.total_seconds()
    assert [at for name, at in apps.log if name == "up"] == [fresh, fresh * 2]
    assert len([at for name, at in apps.log if name == "down"]) == 3
