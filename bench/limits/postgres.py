"""What PostgreSQL does in a second through asyncpg: ``python -m bench.limits.postgres postgresql://…``."""

from __future__ import annotations

import asyncio
import statistics
import sys
from typing import Any

import asyncpg
import uvloop

from bench.limits.postgres_drivers import measure_drivers
from bench.limits.rates import emit
from bench.limits.rows import CREATE, INSERT, Rows
from bench.measures import now, summarize_latencies

SECONDS = 2
UNNEST = """
INSERT INTO steps SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[])
"""


def number_parameters(sql: str) -> str:
    """Write ``$1, $2, …`` for each question mark."""
    pieces = sql.split("?")
    return "".join(f"{piece}${number}" for number, piece in enumerate(pieces[:-1], 1)) + pieces[-1]


async def measure_commits(server: str, loop: str, connections: int) -> None:
    """Commit single rows over some connections."""
    insert, rows = number_parameters(INSERT), Rows()

    async def commit(connection: Any) -> int:
        await connection.execute(insert, *rows.make())
        return 1

    rate = await measure_inserts(server, connections, commit)
    emit(f"postgres_{loop}_commits_{connections}_connections", commits_per_s=rate)


async def measure_batches(server: str, batch: int, connections: int) -> None:
    """Insert many rows with one statement."""
    rows = Rows()

    async def insert(connection: Any) -> int:
        columns = zip(*(rows.make() for _ in range(batch)), strict=True)
        await connection.execute(UNNEST, *(list(column) for column in columns))
        return batch

    rate = await measure_inserts(server, connections, insert)
    emit(f"postgres_unnest_{batch}_{connections}_connections", rows_per_s=rate)


async def measure_inserts(server: str, connections: int, insert: Any) -> float:
    """Insert into an empty table from all connections at once, three times.

    Args:
        server: The database's URL.
        connections: How many.
        insert: Inserts over a connection and returns the number of rows.

    Returns:
        The median of rows a second.
    """
    rates: list[float] = []
    async with asyncpg.create_pool(server, min_size=connections, max_size=connections) as pool:
        await pool.execute(f"DROP TABLE IF EXISTS steps; {CREATE}")
        for _ in range(3):
            start = now()

            async def keep_inserting(start: float = start) -> int:
                count = 0
                async with pool.acquire() as connection:
                    while now() < start + SECONDS:
                        count += await insert(connection)
                return count

            counts = await asyncio.gather(*(keep_inserting() for _ in range(connections)))
            rates.append(sum(counts) / (now() - start))
    return statistics.median(rates)


async def measure_notify(server: str) -> None:
    """Send NOTIFY on one connection, and wait for it on another."""
    sender, listener = await asyncpg.connect(server), await asyncpg.connect(server)
    arrived: asyncio.Queue[float] = asyncio.Queue()
    await listener.add_listener("channel", lambda *_: arrived.put_nowait(now()))
    latencies: list[float] = []
    for _ in range(500):
        start = now()
        await sender.execute("SELECT pg_notify('channel', 'x')")
        latencies.append(await arrived.get() - start)
    emit("postgres_listen_notify", **summarize_latencies(latencies))
    await sender.close()
    await listener.close()


async def measure_loop(server: str, loop: str) -> None:
    """Measure what depends on the event loop."""
    for connections in (1, 16):
        await measure_commits(server, loop, connections)


async def measure_rest(server: str) -> None:
    """Measure what does not."""
    for batch, connections in ((10, 1), (100, 1), (200, 1), (1000, 1), (200, 4)):
        await measure_batches(server, batch, connections)
    await measure_drivers(server)
    await measure_notify(server)


def main() -> None:
    """Measure the server named on the command line."""
    server = sys.argv[1]
    asyncio.run(measure_loop(server, "asyncio"))
    uvloop.run(measure_loop(server, "uvloop"))
    asyncio.run(measure_rest(server))


if __name__ == "__main__":
    main()
