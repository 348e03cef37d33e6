"""The end of a run: whoever waits for it or is to be told of it learns of it in the transaction that ends the run.

Every transition that gives a run a final status ends with `tell_end`, or with `conclude` where the run may have been
in line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.engine.notifications import describe_end
from perdure.engine.places import fill_place
from perdure.engine.run_waits import settle_runs_waits
from perdure.engine.waits import Woken
from perdure.storage import awaited_runs, concurrency, notifications

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


class Ending(Struct, frozen=True):
    """What else came of a run's end.

    Attributes:
        woken: The runs that waited for it.
        is_to_be_told: Whether notifications of it were written.
        has_brought_back: Whether a run that stood aside is in line now, since a place is free.
    """

    woken: list[Woken] = []
    is_to_be_told: bool = False
    has_brought_back: bool = False


NOTHING = Ending()


async def tell_end(tx: Session, run_no: int, *, now: datetime) -> Ending:
    """Wake the runs that wait for a run that has just ended, and write down whom it is to be told."""
    is_awaited = await awaited_runs.is_awaited(tx, run_no)
    recipients = await notifications.list_recipients(tx, run_no)
    if not is_awaited and not recipients:
        return NOTHING
    run, body = await describe_end(tx, run_no)
    for url in recipients:
        await notifications.insert_notification(tx, run_no, url=url, body=body, now=now, run=run)
    woken: list[Woken] = []
    if is_awaited:
        woken = await settle_runs_waits(tx, await awaited_runs.end_awaited(tx, run_no, body), now=now)
    return Ending(woken, bool(recipients))


async def conclude(tx: Session, run_no: int, *, now: datetime) -> Ending:
    """Do what `tell_end` does, and bring a run back for the place that this one may have taken."""
    ending = await tell_end(tx, run_no, now=now)
    limit_no = await concurrency.find_limit_of_run(tx, run_no)
    if limit_no is None or not await fill_place(tx, limit_no):
        return ending
    return Ending(ending.woken, ending.is_to_be_told, True)
