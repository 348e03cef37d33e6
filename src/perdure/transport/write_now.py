"""Writing to a connection at once: an event loop may do it only when it has nothing else to do, and a step waits."""

from __future__ import annotations

import os
from typing import Any


def write_now(transport: Any, data: bytes) -> None:
    """Write to a transport of asyncio's, without waiting for the loop's turn where nothing is in the way.

    Args:
        transport: The transport.
        data: What to write; what the system does not take now goes the usual way.
    """
    if transport.get_write_buffer_size() or transport.get_extra_info("sslcontext") is not None:
        transport.write(data)
        return
    try:
        taken = os.write(transport.get_extra_info("socket").fileno(), data)
    except OSError:
        # It is full, or gone, which the transport finds out.
        taken = 0
    if taken < len(data):
        transport.write(data[taken:])
