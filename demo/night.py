"""The night: when it is midnight for the shop, and what the shop does then."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from perdure import IO, ScheduledPayload, cron_trigger

if TYPE_CHECKING:
    from demo.logs import BodyLog
    from perdure import Client

ZONE = "Europe/Amsterdam"
BEFORE_MIDNIGHT = timedelta(seconds=10)
"""How long before midnight the shop opens."""

DAY = "the day"
"""What evidence calls that which the closing of the books is for."""


class Night(NamedTuple):
    """The next midnight in `ZONE`, and how many seconds the shop's clock is ahead, so that this is near."""

    midnight: datetime
    clock_offset: float


def night_near(now: datetime) -> Night:
    """Let it be shortly before midnight."""
    midnight = midnight_after(now)
    return Night(midnight, (midnight - BEFORE_MIDNIGHT - now).total_seconds())


def midnight_after(moment: datetime) -> datetime:
    """The first midnight after a moment, in UTC."""
    day = moment.astimezone(ZoneInfo(ZONE)).date() + timedelta(days=1)
    return datetime.combine(day, time_of_day(), ZoneInfo(ZONE)).astimezone(UTC)


def add_closing(client: Client, bodies: BodyLog) -> None:
    """Let the shop close its books each night.

    Args:
        client: The shop.
        bodies: Where the task's body says that it has begun, and when by the machine's clock.
    """

    @client.job(
        id="close-books",
        name="Close the books of the day",
        version="1.0.0",
        trigger=cron_trigger(cron="0 0 * * *", timezone=ZONE),
    )
    async def close_books(payload: ScheduledPayload, io: IO) -> datetime:
        def close(task: Any) -> None:
            bodies.note_now(DAY, "close the books", task, at=time.time())

        await io.run_task("close the books", close)
        return payload.ts
