"""Lines that a process is sent on its standard input."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator


async def read_lines() -> AsyncIterator[bytes]:
    """Give the lines as they come, until the input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        yield line
