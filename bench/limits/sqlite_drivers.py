"""What one statement costs in each driver of SQLite, inside an open transaction: nothing is committed in between."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import aiosqlite
import apsw
import sqlalchemy as sa

from bench.limits.rates import emit, measure_each
from bench.limits.rows import COLUMNS, CREATE, INSERT, SELECT, Rows
from bench.measures import now
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMES = 20_000
HOPS = 5000


def measure_driver(name: str, insert: Callable[[tuple[Any, ...]], Any], select: Callable[[str], Any]) -> None:
    """Time inserts, then selects of the same rows.

    Args:
        name: The driver.
        insert: Inserts a row.
        select: Reads a row by its id.
    """
    rows = Rows()
    insert_us = measure_each(lambda: insert(rows.make()), TIMES)
    ids = rows.cycle_ids(TIMES)
    emit(f"driver_{name}", insert_us=insert_us, select_us=measure_each(lambda: select(next(ids)), TIMES))


def measure_sqlite3(path: Path) -> None:
    """Time the standard library's driver."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(CREATE)
    database.execute("BEGIN")
    measure_driver(
        "sqlite3",
        lambda row: database.execute(INSERT, row),
        lambda row_id: database.execute(SELECT, (row_id,)).fetchone(),
    )
    database.close()


def measure_apsw(path: Path) -> None:
    """Time apsw."""
    database = apsw.Connection(str(path))
    for statement in ("PRAGMA journal_mode = WAL", CREATE, "BEGIN"):
        database.execute(statement).fetchall()
    measure_driver(
        "apsw",
        lambda row: database.execute(INSERT, row),
        lambda row_id: database.execute(SELECT, (row_id,)).fetchone(),
    )
    database.close()


def measure_sqlalchemy(path: Path) -> None:
    """Time three layers of SQLAlchemy, each over the standard library's driver."""
    kinds = [sa.Column("id", sa.Text, primary_key=True), *(sa.Column(name, sa.Text) for name in COLUMNS[1:5])]
    table = sa.Table("steps", sa.MetaData(), *kinds, sa.Column("at", sa.Float))
    insert = sa.text(f"INSERT INTO steps VALUES ({', '.join(f':{name}' for name in COLUMNS)})")
    select = sa.text(SELECT.replace("?", ":id"))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as database:
        database.exec_driver_sql(CREATE)
        measure_driver(
            "sqlalchemy_core_sqlite",
            lambda row: database.execute(sa.insert(table).values(**dict(zip(COLUMNS, row, strict=True)))),
            lambda row_id: database.execute(sa.select(table).where(table.c.id == row_id)).fetchone(),
        )
        database.exec_driver_sql("DELETE FROM steps")
        measure_driver(
            "sqlalchemy_text_sqlite",
            lambda row: database.execute(insert, dict(zip(COLUMNS, row, strict=True))),
            lambda row_id: database.execute(select, {"id": row_id}).fetchone(),
        )
        database.exec_driver_sql("DELETE FROM steps")
        measure_driver(
            "sqlalchemy_exec_driver_sqlite",
            lambda row: database.exec_driver_sql(INSERT, row),
            lambda row_id: database.exec_driver_sql(SELECT, (row_id,)).fetchone(),
        )


async def measure_aiosqlite(path: Path) -> None:
    """Time aiosqlite, whose every call crosses to a thread and back."""
    rows = Rows()
    async with aiosqlite.connect(path, isolation_level=None) as database:
        for statement in ("PRAGMA journal_mode = WAL", CREATE, "BEGIN"):
            await database.execute(statement)
        start = now()
        for _ in range(HOPS):
            await database.execute(INSERT, rows.make())
        inserted = now()
        for row_id, _ in zip(rows.cycle_ids(HOPS), range(HOPS), strict=False):
            async with database.execute(SELECT, (row_id,)) as cursor:
                await cursor.fetchone()
        selected = now()
    emit("driver_aiosqlite", insert_us=(inserted - start) / HOPS * 1e6, select_us=(selected - inserted) / HOPS * 1e6)


async def measure_hops() -> None:
    """Time a call in another thread that does nothing: what an async program pays for each blocking call."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        await loop.run_in_executor(pool, int)
        start = now()
        for _ in range(HOPS):
            await loop.run_in_executor(pool, int)
        emit("run_in_executor_round_trip", us=(now() - start) / HOPS * 1e6)
    start = now()
    for _ in range(HOPS):
        await asyncio.to_thread(int)
    emit("asyncio_to_thread_round_trip", us=(now() - start) / HOPS * 1e6)


def main() -> None:
    """Measure each driver."""
    for measure in (measure_sqlite3, measure_apsw, measure_sqlalchemy):
        with fresh_folder(DATA) as folder:
            measure(folder / "rows.db")
    with fresh_folder(DATA) as folder:
        asyncio.run(measure_aiosqlite(folder / "rows.db"))
    asyncio.run(measure_hops())


if __name__ == "__main__":
    main()
