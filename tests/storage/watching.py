"""What tests watch while a storage works on its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so, for 20 seconds at most."""
    for _ in range(4000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("It did not happen in 20 seconds.")


def size_of_log(path: Path) -> int:
    """The size of a database's write-ahead log, in bytes."""
    log = Path(f"{path}-wal")
    return log.stat().st_size if log.exists() else 0
