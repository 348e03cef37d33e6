"""What one statement costs in each driver of PostgreSQL, inside an open transaction: nothing is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from bench.limits.rates import emit, measure_each
from bench.limits.rows import COLUMNS, CREATE, INSERT, SELECT, Rows
from bench.measures import now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TIMES = 4000
RESET = f"DROP TABLE IF EXISTS steps; {CREATE}"


async def measure_drivers(server: str) -> None:
    """Time inserts and selects in each driver.

    Args:
        server: The database's URL.
    """
    await measure_asyncpg(server)
    await measure_psycopg(server)
    measure_blocking_psycopg(server)
    for driver in ("asyncpg", "psycopg"):
        await measure_sqlalchemy(server, driver)


async def measure_awaited(
    name: str, insert: Callable[[tuple[Any, ...]], Awaitable[Any]], select: Callable[[str], Awaitable[Any]]
) -> None:
    """Time a driver that is awaited."""
    rows = Rows()
    start = now()
    for _ in range(TIMES):
        await insert(rows.make())
    inserted = now()
    ids = rows.cycle_ids(TIMES)
    for _ in range(TIMES):
        await select(next(ids))
    selected = now()
    emit(f"driver_{name}", insert_us=(inserted - start) / TIMES * 1e6, select_us=(selected - inserted) / TIMES * 1e6)


async def measure_asyncpg(server: str) -> None:
    """Time asyncpg."""
    connection = await asyncpg.connect(server)
    await connection.execute(RESET)
    insert, select = "INSERT INTO steps VALUES ($1, $2, $3, $4, $5, $6)", SELECT.replace("?", "$1")
    async with connection.transaction():
        await measure_awaited(
            "asyncpg", lambda row: connection.execute(insert, *row), lambda row_id: connection.fetchrow(select, row_id)
        )
    await connection.close()


async def measure_psycopg(server: str) -> None:
    """Time psycopg's async connection."""
    insert, select = INSERT.replace("?", "%s"), SELECT.replace("?", "%s")
    async with await psycopg.AsyncConnection.connect(server) as connection:
        for statement in RESET.split(";"):
            await connection.execute(statement)

        async def read(row_id: str) -> None:
            await (await connection.execute(select, (row_id,))).fetchone()

        await measure_awaited("psycopg_async", lambda row: connection.execute(insert, row), read)


def measure_blocking_psycopg(server: str) -> None:
    """Time psycopg's blocking connection."""
    insert, select, rows = INSERT.replace("?", "%s"), SELECT.replace("?", "%s"), Rows()
    with psycopg.connect(server) as connection:
        for statement in RESET.split(";"):
            connection.execute(statement)
        insert_us = measure_each(lambda: connection.execute(insert, rows.make()), TIMES)
        ids = rows.cycle_ids(TIMES)
        select_us = measure_each(lambda: connection.execute(select, (next(ids),)).fetchone(), TIMES)
    emit("driver_psycopg_blocking", insert_us=insert_us, select_us=select_us)


async def measure_sqlalchemy(server: str, driver: str) -> None:
    """Time SQLAlchemy Core over an async driver."""
    kinds = [sa.Column("id", sa.Text, primary_key=True), *(sa.Column(name, sa.Text) for name in COLUMNS[1:5])]
    table = sa.Table("steps", sa.MetaData(), *kinds, sa.Column("at", sa.Float))
    engine = create_async_engine(server.replace("postgresql://", f"postgresql+{driver}://"))
    async with engine.connect() as connection:
        for statement in RESET.split(";"):
            await connection.exec_driver_sql(statement)

        async def insert(row: tuple[Any, ...]) -> None:
            await connection.execute(sa.insert(table).values(**dict(zip(COLUMNS, row, strict=True))))

        async def select(row_id: str) -> None:
            (await connection.execute(sa.select(table).where(table.c.id == row_id))).fetchone()

        await measure_awaited(f"sqlalchemy_core_{driver}", insert, select)
    await engine.dispose()
