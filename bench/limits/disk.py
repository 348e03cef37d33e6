"""How often a second this disk makes bytes durable, alone and under SQLite.

``python -m bench.limits.disk [FOLDER]``; the folder must be on the disk to be measured.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from bench.limits.rates import emit, measure_rate
from bench.limits.rows import CREATE, INSERT, Rows
from bench.settings import DATA, fresh_folder

PREALLOCATED = 64 * 2**20


def measure_fdatasync(folder: Path, size: int) -> None:
    """Write and sync blocks, over a file that has its size already and at the end of one that grows.

    Args:
        folder: An empty folder.
        size: Bytes in a block.
    """
    block = b"x" * size
    file = os.open(folder / "preallocated", os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(PREALLOCATED), 0)
    os.fsync(file)
    offset = 0

    def overwrite() -> None:
        nonlocal offset
        os.pwrite(file, block, offset % PREALLOCATED)
        offset += size
        os.fdatasync(file)

    emit(f"fdatasync_preallocated_{size}", per_s=measure_rate(overwrite))
    os.close(file)
    growing = os.open(folder / "growing", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def append() -> None:
        os.write(growing, block)
        os.fdatasync(growing)

    emit(f"fdatasync_append_{size}", per_s=measure_rate(append))
    os.close(growing)


def measure_commits(folder: Path, *, journal: str, synchronous: str, batch: int) -> None:
    """Commit rows to SQLite.

    Args:
        folder: An empty folder.
        journal: The journal mode.
        synchronous: The level of durability.
        batch: Rows in a transaction.
    """
    database = sqlite3.connect(folder / "rows.db", isolation_level=None)
    database.execute(f"PRAGMA journal_mode = {journal}")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.execute(CREATE)
    rows = Rows()

    def commit() -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany(INSERT, [rows.make() for _ in range(batch)])
        database.execute("COMMIT")

    rate = measure_rate(commit)
    emit(f"sqlite_{journal}_{synchronous}_batch{batch}", commits_per_s=rate, rows_per_s=rate * batch)
    database.close()


def main() -> None:
    """Measure both."""
    base = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    for size in (4096, 16384):
        with fresh_folder(base) as folder:
            measure_fdatasync(folder, size)
    for journal, synchronous in (("wal", "full"), ("wal", "normal"), ("wal", "off"), ("delete", "full")):
        for batch in (1, 200):
            with fresh_folder(base) as folder:
                measure_commits(folder, journal=journal, synchronous=synchronous, batch=batch)


if __name__ == "__main__":
    main()
