"""What executes a client's jobs here, one runtime for each event loop that requests are answered on."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from perdure.adapters.refusal import Refusal
from perdure.errors import NotConnectedError

if TYPE_CHECKING:
    from perdure.adapters.runtime import Runtime
    from perdure.sdk.client import Client


class Runtimes:
    """Begins a runtime on an event loop with the first request that needs one there.

    Args:
        client: The client.
        keeps_runs: Whether suspended runs stay in memory for a while.
        outlives_servers: Whether an execution waits for a server that is started anew.
    """

    def __init__(self, client: Client, *, keeps_runs: bool, outlives_servers: bool) -> None:
        self._client = client
        self._keeps_runs = keeps_runs
        self._outlives_servers = outlives_servers
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime] = weakref.WeakKeyDictionary()

    def here(self) -> Runtime | None:
        """Give what executes on this event loop, if anything has yet."""
        return self._by_loop.get(asyncio.get_running_loop())

    async def open(self) -> Runtime:
        """Give what executes on this event loop.

        Raises:
            Refusal: The client has no server.
        """
        loop = asyncio.get_running_loop()
        runtime = self._by_loop.get(loop)
        if runtime is None:
            # Large, and not before the first run.
            from perdure.adapters.runtime import Runtime

            try:
                runtime = self._by_loop[loop] = Runtime(
                    self._client, keeps_runs=self._keeps_runs, outlives_servers=self._outlives_servers
                )
            except NotConnectedError as error:
                raise Refusal(500, error.message, has_versions=True) from error
            await runtime.begin()
        return runtime

    async def close(self) -> None:
        """End what executes on this event loop; a further request begins anew."""
        runtime = self._by_loop.pop(asyncio.get_running_loop(), None)
        if runtime is not None:
            await runtime.close()
