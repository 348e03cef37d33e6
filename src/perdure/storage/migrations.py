"""Numbered, forward-only changes of the schema, and which of them a database still needs.

A migration that has been released is never edited: its checksum is kept in every database it was applied to. Each
driver applies its own, in one transaction each.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from perdure.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.resources.abc import Traversable


class Migration(NamedTuple):
    """One change of the schema.

    Attributes:
        number: Its place in the order, from 1.
        name: Its file's name.
        sql: The statements.
        checksum: The SHA-256 of the statements, in hexadecimal.
    """

    number: int
    name: str
    sql: str
    checksum: str


def load_migrations(folder: Traversable) -> list[Migration]:
    """Read the migrations of a folder, ``0001_first.sql`` and so on.

    Raises:
        MigrationError: The numbers are not 1, 2, 3 ….
    """
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    migrations = [_read(file) for file in files]
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise MigrationError(f"The migrations in {folder} are not numbered 1, 2, 3 ….")
    return migrations


def pending_migrations(known: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Say which migrations a database still needs.

    Args:
        known: Every migration of this version of perdure, in order.
        applied: The checksums of those the database has had, by number.

    Raises:
        MigrationError: The database is newer than this version of perdure, or was made by other migrations.
    """
    newest = max(applied, default=0)
    if newest > len(known):
        raise MigrationError(
            f"The database was last opened by a newer perdure: its schema has number {newest}, and this version knows "
            f"{len(known)}. Install the newer version again; a schema is never taken back."
        )
    for migration in known[:newest]:
        if applied.get(migration.number) != migration.checksum:
            raise MigrationError(
                f"The database was made by another {migration.name} than the one of this version, which happens with "
                "unreleased versions of perdure. Use the version that made it, or start with a new database."
            )
    return list(known[newest:])


def _read(file: Traversable) -> Migration:
    numbered = re.match(r"(\d{4})_", file.name)
    if numbered is None:
        raise MigrationError(f"The migration {file.name} has no number.")
    sql = file.read_text(encoding="utf-8")
    return Migration(int(numbered[1]), file.name, sql, hashlib.sha256(sql.encode()).hexdigest())
