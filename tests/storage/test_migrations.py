"""The schema of a database, over the versions of perdure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from perdure.errors import MigrationError, StorageError
from perdure.storage.migrations import Migration, load_migrations, pending_migrations
from perdure.storage.sqlite.schema import MIGRATIONS, migrate
from tests.storage.values import keys, open_values, pragma, put

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = load_migrations(MIGRATIONS)

TABLES = "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent INTEGER REFERENCES parents);"


@pytest.fixture
def database() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    yield connection
    connection.close()


def migration(number: int, sql: str) -> Migration:
    return Migration(number, f"{number:04}_test.sql", sql, f"checksum of {sql}")


def schema_of(connection: apsw.Connection) -> list[tuple[object, ...]]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name <> 'migrations' ORDER BY 1, 2")
    return list(rows.fetchall())


def test_a_new_database_has_the_schema_that_the_migrations_make(database: apsw.Connection) -> None:
    plain = apsw.Connection(":memory:")
    for known in KNOWN:
        plain.execute(known.sql).fetchall()

    migrate(database)

    assert schema_of(database) == schema_of(plain)
    assert len(schema_of(database)) > 20
    plain.close()


def test_a_database_remembers_what_was_applied(database: apsw.Connection) -> None:
    migrate(database)

    rows = database.execute("SELECT number, name, checksum FROM migrations").fetchall()
    assert rows == [(known.number, known.name, known.checksum) for known in KNOWN]
    assert database.execute("SELECT applied_at > 1700000000000, typeof(applied_at) FROM migrations").fetchone() == (
        1,
        "integer",
    )


async def test_opening_a_database_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    storage = open_values(path)
    await storage.write(put, "a")
    await storage.close()
    before = path.read_bytes()

    storage = open_values(path)
    assert await storage.read(keys) == ["a"]
    await storage.close()

    assert path.read_bytes() == before


def test_only_what_is_missing_is_applied(database: apsw.Connection) -> None:
    migrate(database, [migration(1, "CREATE TABLE a (x)")])
    database.execute("INSERT INTO a VALUES (1)").fetchall()

    migrate(database, [migration(1, "CREATE TABLE a (x)"), migration(2, "ALTER TABLE a ADD COLUMN y DEFAULT 2")])

    assert database.execute("SELECT x, y FROM a").fetchall() == [(1, 2)]


def test_a_database_newer_than_the_code_is_refused_with_what_to_do(database: apsw.Connection) -> None:
    migrate(database, [migration(1, "CREATE TABLE a (x)"), migration(2, "CREATE TABLE b (x)")])

    with pytest.raises(MigrationError, match=r"has number 2, and this version knows 1\. Install the newer version"):
        migrate(database, [migration(1, "CREATE TABLE a (x)")])


def test_a_migration_that_was_edited_is_refused(database: apsw.Connection) -> None:
    migrate(database, [migration(1, "CREATE TABLE a (x)")])

    with pytest.raises(MigrationError, match=r"another 0001_test\.sql"):
        migrate(database, [migration(1, "CREATE TABLE a (x, y)")])


def test_a_gap_in_what_was_applied_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"another 0001_test\.sql"):
        pending_migrations([migration(1, "a"), migration(2, "b")], {2: migration(2, "b").checksum})


def test_a_migration_that_fails_leaves_the_last_one_that_succeeded(database: apsw.Connection) -> None:
    broken = "CREATE TABLE b (x); INSERT INTO b VALUES (1); CREATE TABLE a (x);"

    with pytest.raises(MigrationError, match=r"0002_test\.sql failed: table a already exists"):
        migrate(
            database, [migration(1, "CREATE TABLE a (x)"), migration(2, broken), migration(3, "CREATE TABLE c (x)")]
        )

    assert [name for _, name, _ in schema_of(database)] == ["a"]
    assert database.execute("SELECT number FROM migrations").fetchall() == [(1,)]
    assert not database.in_transaction


def test_a_migration_that_breaks_a_reference_is_undone(database: apsw.Connection) -> None:
    with pytest.raises(MigrationError, match="a row of children that refers to nothing"):
        migrate(database, [migration(1, TABLES), migration(2, "INSERT INTO children VALUES (7)")])

    assert database.execute("SELECT count(*) FROM children").fetchone() == (0,)


def test_a_migration_may_rebuild_a_table_that_others_refer_to(database: apsw.Connection) -> None:
    migrate(database, [migration(1, TABLES)])
    database.execute("INSERT INTO parents VALUES (7); INSERT INTO children VALUES (7)").fetchall()
    rebuild = """
    CREATE TABLE rebuilt (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO rebuilt (id) SELECT id FROM parents;
    DROP TABLE parents;
    ALTER TABLE rebuilt RENAME TO parents;
    """

    migrate(database, [migration(1, TABLES), migration(2, rebuild)])

    assert database.execute("SELECT * FROM parents").fetchall() == [(7, None)]
    with pytest.raises(apsw.ConstraintError):
        database.execute("DELETE FROM parents").fetchall()


def test_statements_are_not_split_where_a_trigger_has_a_semicolon(database: apsw.Connection) -> None:
    sql = """
    CREATE TABLE a (x TEXT);
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
      UPDATE a SET x = x || ';'; UPDATE a SET x = x || '!';
    END;
    INSERT INTO a VALUES ('-- ; not a comment');
    """

    migrate(database, [migration(1, sql)])

    assert database.execute("SELECT x FROM a").fetchall() == [("-- ; not a comment;!",)]


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["a.sql"]]
)
def test_migrations_are_numbered_without_gaps(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;", encoding="utf-8")

    with pytest.raises(MigrationError):
        load_migrations(tmp_path)


def test_a_database_refused_for_its_schema_is_not_left_locked(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    connection = apsw.Connection(str(path))
    migrate(connection, [*KNOWN, migration(len(KNOWN) + 1, "CREATE TABLE later (x)")])
    connection.close()

    for _ in range(2):
        with pytest.raises(MigrationError, match="newer perdure"):
            open_values(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE runs (a)").fetchall()
    connection.close()

    with pytest.raises(MigrationError, match="already exists"):
        open_values(path)


async def test_a_row_may_not_refer_to_nothing(tmp_path: Path) -> None:
    storage = open_values(tmp_path / "values.db")

    with pytest.raises(StorageError, match="FOREIGN KEY"):
        await storage.write(pragma, "insert_orphan")

    await storage.close()
