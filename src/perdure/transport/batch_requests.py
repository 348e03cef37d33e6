"""Batches of tasks as requests to a platform of perdure's: asked for as long as it may take to start a server anew."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from msgspec import Raw, Struct

from perdure.errors import NotConnectedError, PerdureError
from perdure.protocol.task_batches import BATCH_TYPE, BatchAnswer, BatchOutcome, pack, unpack
from perdure.transport.wire_refusals import KeyRefusedError, RateLimitedError
from perdure.transport.wire_request import WireRequest

if TYPE_CHECKING:
    from perdure.transport.wire_link import WireLink
    from perdure.transport.wire_request import WireReply

LONGEST_PAUSE: Final = 10.0
"""How many seconds are waited, once, for a platform that says that it is asked too often."""

KEEP_SECONDS: Final = 60.0
"""For how long a batch is sent again, while the platform does not answer."""

_PATH: Final = "/api/task-batches"


class PackedBatch(Struct, gc=False):
    """A `TaskBatch` whose items are written already."""

    items: list[Raw]


class BatchRequests:
    """Sends batches by a link; for one event loop.

    Args:
        link: The way to the platform.
        outlives_servers: Whether a batch is sent again while the platform is started anew.
    """

    def __init__(self, link: WireLink, *, outlives_servers: bool) -> None:
        self._link = link
        self._outlives_servers = outlives_servers
        self._loop = asyncio.get_running_loop()

    async def send(self, items: list[Raw]) -> list[BatchOutcome | None]:
        """Send a batch; what became of each item.

        Raises:
            NotConnectedError: The platform does not answer, or is asked too often.
            PerdureError: It refuses the batch, or its answer is none.
        """
        request = WireRequest("POST", _PATH, pack(PackedBatch(items)), content_type=BATCH_TYPE, on_line=True)
        try:
            reply = await self._ask(request)
        except RateLimitedError as error:
            # What was done is done again if it is not stored, so it is worth to wait a little.
            pause = error.reset / 1000 - time.time()
            if pause > LONGEST_PAUSE:
                raise
            await asyncio.sleep(max(pause, 0))
            reply = await self._ask(request)
        return read_outcomes(reply.body, len(items))

    async def _ask(self, request: WireRequest) -> WireReply:
        """Ask for as long as it may take to start a server anew: what waits is done, and would be done again."""
        until = self._loop.time() + (KEEP_SECONDS if self._outlives_servers else 0)
        while True:
            try:
                return await self._link.ask(request)
            except (RateLimitedError, KeyRefusedError):
                raise
            except NotConnectedError:
                if self._loop.time() >= until:
                    raise


def read_outcomes(body: bytes, count: int) -> list[BatchOutcome | None]:
    """Read the answer to a batch of so many items.

    Raises:
        PerdureError: It is none.
    """
    outcomes = unpack(body, BatchAnswer).outcomes
    if len(outcomes) != count:
        raise PerdureError(f"{count} items were sent, and the server has answered {len(outcomes)}.")
    return outcomes
