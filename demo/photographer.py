"""The photographer: takes pictures, and calls back when one is developed."""

from __future__ import annotations

import asyncio

from aiohttp import ClientError, ClientSession, web

from demo.logs import SyncedLog
from demo.plans import seconds_to_develop

_TRY_EVERY = 0.2
_MOST_TRIES = 300
_LAST_SECONDS = 10


class Photographer:
    """Takes pictures, and calls back with each: again and again, until somebody says that it is there.

    Args:
        log: Its log.
        session: Calls back.
    """

    def __init__(self, log: SyncedLog, session: ClientSession) -> None:
        self._log = log
        self._session = session
        self._taken = 0
        self._calling: set[asyncio.Task[None]] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Answer ``POST /pictures``."""
        asked = await request.json()
        self._taken += 1
        picture = f"picture {self._taken}"
        self._log.append(asked=asked["order"], picture=picture, webhook=asked["webhook"])
        calling = asyncio.create_task(self._call_back(asked["order"], picture, asked["webhook"]))
        self._calling.add(calling)
        calling.add_done_callback(self._calling.discard)
        return web.json_response({"picture": picture}, status=202)

    async def finish(self) -> None:
        """Wait until everybody has been called back, as long as that may take."""
        if self._calling:
            await asyncio.wait(self._calling, timeout=_LAST_SECONDS)

    async def _call_back(self, order: int, picture: str, webhook: str) -> None:
        await asyncio.sleep(seconds_to_develop(order))
        for _ in range(_MOST_TRIES):
            status = await self._post(webhook, {"order": order, "picture": picture})
            self._log.append(called_back=picture, status=status)
            if 200 <= status < 300:
                return
            await asyncio.sleep(_TRY_EVERY)

    async def _post(self, url: str, body: object) -> int:
        """Send it; the status of the answer, or 0 if there is none."""
        try:
            async with self._session.post(url, json=body) as response:
                return response.status
        except (ClientError, TimeoutError):
            return 0
