"""The customs office: a slow API that is too busy at first, and wants to know who asks."""

from __future__ import annotations

import asyncio
from collections import Counter

from aiohttp import web

from demo.logs import SyncedLog
from demo.plans import pending_looks_at, refusals_of

_RESET = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "200ms"}
_SECONDS = 0.25


class CustomsOffice:
    """Takes applications for papers, and shows how far they are.

    Args:
        log: Its log.
        token: What whoever asks has to know.
    """

    def __init__(self, log: SyncedLog, token: str) -> None:
        self._log = log
        self._token = token
        self._applications: Counter[str] = Counter()
        self._looks: dict[str, str] = {}
        self._pending: Counter[int] = Counter()

    async def apply(self, request: web.Request) -> web.Response:
        """Answer ``POST /papers``: 429 a few times for each key, then 202."""
        order, key = (await request.json())["order"], request.headers["Idempotency-Key"]
        status = 202
        if not self._knows(request):
            status = 401
        elif self._applications[key] < refusals_of(order):
            self._applications[key] += 1
            status = 429
        self._log.append(applied=order, key=key, status=status)
        await asyncio.sleep(_SECONDS)
        return web.json_response({"order": order}, status=status, headers=_RESET if status == 429 else None)

    async def look(self, request: web.Request) -> web.Response:
        """Answer ``GET /papers/{order}``: pending a few times; a look that is repeated sees the same."""
        order, key = int(request.match_info["order"]), request.headers["Idempotency-Key"]
        if not self._knows(request):
            self._log.append(looked=order, key=key, found="401")
            return web.json_response({}, status=401)
        if key not in self._looks:
            self._looks[key] = "PENDING" if self._pending[order] < pending_looks_at(order) else "SUCCESS"
            self._pending[order] += 1
        found = self._looks[key]
        self._log.append(looked=order, key=key, found=found)
        await asyncio.sleep(_SECONDS)
        return web.json_response({"order": order, "status": found})

    def _knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self._token}"
