"""Small transitions and queries over one table, for tests of drivers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.storage.queries import load_queries
from perdure.storage.sqlite.limits import Limits
from perdure.storage.sqlite.opening import named_queries, open_file, open_memory

if TYPE_CHECKING:
    from perdure.storage.interface import Session
    from perdure.storage.sqlite.database import SqliteFile, SqliteMemory

QUERIES = dict(named_queries()) | load_queries(Path(__file__).with_name("queries"))

NO_TIME = timedelta(0)


def open_values(path: Path, *, limits: Limits | None = None, lock_timeout: timedelta = NO_TIME) -> SqliteFile:
    return open_file(path, lock_timeout=lock_timeout, queries=QUERIES, limits=Limits() if limits is None else limits)


def open_values_in_memory() -> SqliteMemory:
    return open_memory(queries=QUERIES)


async def insert(tx: Session, key: str, value: str = "", *, at: int = 0) -> str:
    await tx.run("insert_value", key, value, at)
    return key


async def put(tx: Session, key: str, value: str = "", *, at: int = 0) -> str:
    row = await tx.one("put_value", key, value, at)
    assert row is not None
    return str(row[0])


async def append(tx: Session, key: str, text: str) -> int:
    return await tx.run("append_value", text, key)


async def increment(tx: Session, key: str) -> int:
    row = await tx.one("increment_value", key)
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


async def get(tx: Session, key: str) -> str | None:
    row = await tx.one("get_value", key)
    return None if row is None else str(row[0])


async def keys(tx: Session) -> list[str]:
    return [str(key) for (key,) in await tx.all("list_keys")]


async def count_to(tx: Session, last: int) -> tuple[int, int]:
    row = await tx.one("count_to", last)
    assert row is not None
    counted, values = row
    assert isinstance(counted, int)
    assert isinstance(values, int)
    return counted, values


async def pragma(tx: Session, query: str) -> object:
    row = await tx.one(query)
    return None if row is None else row[0]
