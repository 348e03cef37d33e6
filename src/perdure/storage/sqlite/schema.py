"""Brings a database to the schema of this version."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import apsw

from perdure.errors import MigrationError
from perdure.storage.migrations import Migration, load_migrations, pending_migrations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.storage.sqlite.connections import Connection

MIGRATIONS = files("perdure.storage.sqlite") / "migrations"

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
  number     INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  checksum   TEXT NOT NULL,
  applied_at INTEGER NOT NULL
)
"""


def migrate(connection: Connection, migrations: Sequence[Migration] | None = None) -> None:
    """Apply every migration the database has not had, then have foreign keys checked from now on.

    Args:
        connection: The only connection that writes.
        migrations: Every migration there is, in order; ``None``: those of this version.

    Raises:
        MigrationError: The database is newer than this version, was made by others, or a migration failed; it is as
            the last migration that succeeded left it.
        apsw.Error: The database cannot be read or written.
    """
    known = load_migrations(MIGRATIONS) if migrations is None else migrations
    # A table that is rebuilt is dropped for a moment; each migration checks its references itself, before its commit.
    connection.pragma("foreign_keys", False)
    for migration in pending_migrations(known, _applied(connection)):
        _apply(connection, migration)
    connection.pragma("foreign_keys", True)


def _applied(connection: Connection) -> dict[int, str]:
    if not connection.table_exists("main", "migrations"):
        return {}
    rows: list[Any] = connection.execute("SELECT number, checksum FROM migrations").fetchall()
    return dict(rows)


def _apply(connection: Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLE)
        connection.execute(migration.sql).fetchall()
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise MigrationError(f"The migration {migration.name} leaves a row of {broken[0]} that refers to nothing.")
        connection.execute(
            "INSERT INTO migrations VALUES (?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            (migration.number, migration.name, migration.checksum),
        )
        connection.execute("COMMIT")
    except (apsw.SQLError, apsw.ConstraintError) as error:
        raise MigrationError(f"The migration {migration.name} failed: {error}.") from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
