"""What is being done about apps in the background, one thing for each at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Errands:
    """Tasks by the ids of the apps that they are about; each is forgotten when it is done."""

    def __init__(self) -> None:
        self._by_app: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, endpoint_id: str) -> bool:
        return endpoint_id in self._by_app

    def __len__(self) -> int:
        return len(self._by_app)

    def begin(self, endpoint_id: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin something about an app of which nothing is being done."""
        task = self._by_app[endpoint_id] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._forget(endpoint_id, done))

    async def cancel(self, endpoint_id: str) -> None:
        """End what is being done about an app: it is gone, or elsewhere."""
        task = self._by_app.pop(endpoint_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """End all of it."""
        for endpoint_id in list(self._by_app):
            await self.cancel(endpoint_id)

    def _forget(self, endpoint_id: str, task: asyncio.Task[None]) -> None:
        if self._by_app.get(endpoint_id) is task:
            del self._by_app[endpoint_id]
