"""DBOS on one of three storages, launched afresh for each repetition."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dbos import DBOS
from dbos import _dbos as internals

from bench.measures import measure_sqlite_bytes
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

# ``sqlite`` is DBOS's default, a rollback journal. ``sqlite-wal`` has the durability that perdure has.
STORAGES = ("sqlite", "sqlite-wal", "postgres")


@dataclass(frozen=True, kw_only=True)
class Database:
    """One DBOS system database.

    Attributes:
        storage: One of ``STORAGES``.
        url: The database's URL, as SQLAlchemy writes it.
    """

    storage: str
    url: str

    @property
    def engine(self) -> sa.Engine:
        """The engine of the launched DBOS."""
        return internals._get_dbos_instance()._sys_db.engine  # noqa: SLF001

    def read(self, query: str) -> Any:
        """Read one value, on a connection of DBOS's own."""
        with self.engine.connect() as connection:
            return connection.execute(sa.text(query)).scalar()

    def count_outputs(self, condition: str = "true") -> int:
        """Count recorded step results."""
        schema = "dbos." if self.storage == "postgres" else ""
        return int(self.read(f"SELECT count(*) FROM {schema}operation_outputs WHERE {condition}"))

    def measure_bytes(self) -> int:
        """Measure the database on disk."""
        if self.storage == "postgres":
            return int(self.read("SELECT pg_database_size(current_database())"))
        return measure_sqlite_bytes(Path(self.url.removeprefix("sqlite:///")))

    def describe_durability(self) -> dict[str, Any]:
        """Read the durability that DBOS's own connections have."""
        if self.storage == "postgres":
            return {name: self.read(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
        return {name: self.read(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")}


@contextmanager
def fresh_database(storage: str, *, server: str | None) -> Iterator[Database]:
    """Make an empty database for the length of a block.

    Args:
        storage: One of ``STORAGES``.
        server: The URL of a PostgreSQL server, without a database; needed for ``postgres`` only.

    Yields:
        The database; DBOS has not been launched on it.
    """
    if storage == "postgres":
        # DBOS creates the database itself.
        yield Database(storage=storage, url=f"{server}/dbos_{uuid.uuid4().hex[:12]}")
        return
    with fresh_folder(DATA) as folder:
        yield Database(storage=storage, url=f"sqlite:///{folder / 'dbos.sqlite'}")


@contextmanager
def launched(database: Database) -> Iterator[Database]:
    """Keep DBOS running on a database for the length of a block.

    Args:
        database: From ``fresh_database``, or one that was used before a crash.

    Yields:
        The same database.
    """
    logging.disable(logging.WARNING)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": database.url,
            "log_level": "ERROR",
            "run_admin_server": False,
            "application_version": "v1",
            "executor_id": "local",
        }
    )
    if database.storage == "sqlite-wal":
        sa.event.listen(sa.Engine, "connect", use_write_ahead_log)
    DBOS.launch()
    try:
        yield database
    finally:
        DBOS.destroy()


def use_write_ahead_log(connection: Any, _: object) -> None:
    """Give a new connection the journal and the durability that perdure's connections have."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
