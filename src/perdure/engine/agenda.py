"""What lies ahead of a node: when the next thing is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.storage import notifications, operations, request_deliveries, run_queue, timers

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.storage.interface import Session


async def find_next_due(tx: Session) -> datetime | None:
    """When the next thing of any kind is due; in the past, if nobody has acted on it yet."""
    looks = (
        run_queue.next_due,
        timers.next_due,
        operations.next_due,
        notifications.next_due,
        request_deliveries.next_due,
    )
    found = [await look(tx) for look in looks]
    return min((due for due in found if due is not None), default=None)
