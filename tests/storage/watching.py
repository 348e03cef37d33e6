"""What tests watch while a storage works on its own."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

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


def keys_in_file(path: Path) -> list[str]:
    """The keys that a database's file holds without its write-ahead log; none while it is being written."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(f"file:{path}?immutable=1", flags=flags)) as connection:
        try:
            return [str(key) for (key,) in connection.execute("SELECT key FROM key_values ORDER BY key").fetchall()]
        except apsw.Error:
            return []
