"""W5M: a process starts on a database in which 1,000,000 runs are asleep.

1,000 runs are put to sleep by the engine; their rows are then copied in SQL, each copy under keys and ids of its own.
``python -m bench.workloads.w5m DATABASE`` is the process that is timed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from bench.commands import time_command
from bench.measures import measure_memory, measure_sqlite_bytes, now
from bench.processes import poll_until
from bench.settings import run_on_loop
from bench.workloads.jobs import client, run_in_order, sleep_an_hour
from bench.workloads.ledger import SLEEPERS, SUCCESSES, TIMERS, open_ledger
from bench.workloads.repetition import repeat, write_url

if TYPE_CHECKING:
    from bench.result import Figures, Result
    from bench.settings import Settings

SEED = 1000
WATCHED_S = 5
LISTS = 9

# The tables in which a sleeping run has rows, and the columns that must differ between copies: those that name a row
# of the seed by number, with the table that counts them, and those that are unique text.
NUMBERED = {
    "events": {"event_no": "events"},
    "runs": {"run_no": "runs", "event_no": "events"},
    "executions": {"run_no": "runs"},
    "run_log": {"run_no": "runs"},
    "tasks": {"task_no": "tasks", "run_no": "runs"},
    "timers": {"subject_no": "tasks"},
}
NUMBERS = {"events": "event_no", "runs": "run_no", "tasks": "task_no"}


async def run(settings: Settings) -> Result:
    """Measure how long a process takes from its start until it is at work among all these sleepers.

    Args:
        settings: How to run it.

    Returns:
        ``start_up_s`` until the node has started, ``first_run_s`` until a new run of one step has ended in it,
        ``list_ms`` for the whole command ``perdure runs list``, ``rss_mb``, ``idle_cpu_pct``, ``db_bytes_per_run``.
    """
    sleepers = max(SEED, settings.count(1_000_000) // SEED * SEED)

    async def measure(path: Path) -> Figures:
        await put_to_sleep(path)
        await asyncio.to_thread(multiply, path, sleepers // SEED)
        figures = await asyncio.to_thread(time_start_up, path)
        with open_ledger(path) as ledger:
            asleep, timers, ended = (ledger.read(query) for query in (SLEEPERS, TIMERS, SUCCESSES))
        if (asleep, timers, ended) != (sleepers, sleepers, 1):
            raise RuntimeError(f"{asleep} asleep and {timers} timers instead of {sleepers}; {ended} ended instead of 1")
        return figures | {"db_bytes_per_run": measure_sqlite_bytes(path) / sleepers}

    return await repeat("W5M", measure, settings, times=1, sleepers=sleepers, rows=f"{SEED} runs copied in SQL")


async def put_to_sleep(path: Path) -> None:
    """Start the seed: runs that the engine itself puts to sleep.

    Args:
        path: A database that does not exist yet.
    """
    async with client.start(database_url=write_url(path)):
        await asyncio.gather(*(client.invoke(sleep_an_hour, {}) for _ in range(SEED)))
        with open_ledger(path) as ledger:
            await poll_until(lambda: ledger.read(SLEEPERS) == SEED)


def multiply(path: Path, times: int) -> None:
    """Copy the seed's rows until there are so many times as many.

    Args:
        path: The database; nobody else has it open.
        times: How many times as many runs there are to be.
    """
    database = apsw.Connection(str(path))
    database.execute("PRAGMA synchronous = OFF").fetchall()
    spans = {table: database.execute(f"SELECT max({column}) FROM {table}").get for table, column in NUMBERS.items()}
    database.execute("CREATE TEMP TABLE copies (number INTEGER PRIMARY KEY)").fetchall()
    database.executemany("INSERT INTO copies VALUES (?)", [(number,) for number in range(1, times)])
    with database:
        for table, numbered in NUMBERED.items():
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            first, counted = next(iter(numbered.items()))
            # The database writes the first log row of each copied run itself: hence the limit, and OR IGNORE.
            seed = f"SELECT * FROM {table} WHERE {first} <= {spans[counted]}"
            values = ", ".join(write_copied(column, numbered, spans) for column in columns)
            database.execute(f"INSERT OR IGNORE INTO {table} SELECT {values} FROM ({seed}), copies").fetchall()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.close()


def write_copied(column: str, numbered: dict[str, str], spans: dict[str, int]) -> str:
    """Write the SQL of one column of a copy.

    Args:
        column: Its name.
        numbered: The table's columns that name a row of the seed.
        spans: How far apart copies are, by the table that is numbered.

    Returns:
        An expression over the seed's row and ``copies.number``.
    """
    if column in numbered:
        return f"{column} + {spans[numbered[column]]} * number"
    return "id || 'c' || number" if column == "id" else column


def time_start_up(path: Path) -> Figures:
    """Start the process on the database.

    Args:
        path: The database.

    Returns:
        What it measured, its instants counted from before its start.
    """
    started_at = now()
    command = [sys.executable, "-m", "bench.workloads.w5m", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600)
    figures: Figures = json.loads(done.stdout)
    figures["start_up_s"] -= started_at
    figures["first_run_s"] -= started_at
    return figures


async def start_up(path: Path) -> Figures:
    """Start a node, run one new run, and watch the process.

    Args:
        path: The database.

    Returns:
        The figures; ``start_up_s`` and ``first_run_s`` are instants of ``now``.
    """
    async with client.start(database_url=write_url(path)):
        start_up_at = now()
        handle = await client.invoke(run_in_order, {"steps": 1})
        await handle.result(timeout=60)
        first_run_at = now()
        await asyncio.sleep(1)
        cpu = time.process_time()
        await asyncio.sleep(WATCHED_S)
        used = time.process_time() - cpu
        listed = await time_command("runs", "list", "--database-url", write_url(path), times=LISTS)
        return {
            "list_ms": listed,
            "start_up_s": start_up_at,
            "first_run_s": first_run_at,
            "rss_mb": measure_memory(),
            "idle_cpu_pct": used / WATCHED_S * 100,
        }


if __name__ == "__main__":
    print(json.dumps(run_on_loop(start_up(Path(sys.argv[1])))))
