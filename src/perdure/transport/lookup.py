"""Finding the addresses of a name, in threads that nothing else waits for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

Lookup: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Gives every address of a name, as text; raises ``OSError`` if it has none."""

_THREADS: Final = 16


class SystemLookup:
    """Asks the system's resolver, which blocks, in threads of its own.

    A resolver that hangs would otherwise occupy the threads that the program shares.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="perdure-lookup")

    async def __call__(self, host: str) -> Sequence[str]:
        """Give every IPv4 and IPv6 address of a name."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses_of, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Give up what is being looked up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses_of(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
