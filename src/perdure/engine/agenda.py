"""What lies ahead of a node: when the next thing is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage import notifications, run_queue, timers

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


async def find_next_due(tx: Session) -> datetime | None:
    """When the next run, timer or notification is due; in the past, if nobody has acted on it yet."""
    found = [await look(tx) for look in (run_queue.next_due, timers.next_due, notifications.next_due)]
    return min((due for due in found if due is not None), default=None)
