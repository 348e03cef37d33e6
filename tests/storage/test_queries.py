"""The named queries."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import apsw.ext
import pytest

import perdure.storage
from perdure.errors import StorageError
from perdure.storage.queries import PORTABLE, load_queries
from perdure.storage.sqlite.opening import named_queries
from perdure.storage.sqlite.schema import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = named_queries()
METHODS = {"one", "all", "run"}


@pytest.fixture(scope="module")
def database() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    migrate(connection)
    yield connection
    connection.close()


def folder(path: Path, name: str, **files: str) -> Path:
    made = path / name
    made.mkdir()
    for stem, text in files.items():
        (made / f"{stem}.sql").write_text(text, encoding="utf-8")
    return made


def test_queries_of_several_files_are_found_by_name(tmp_path: Path) -> None:
    portable = folder(
        tmp_path, "portable", a="-- name: first\n-- One.\nSELECT 1;\n", b="-- name: second\nSELECT\n  :x;\n"
    )
    (portable / "notes.txt").write_text("-- name: third\nSELECT 3;\n", encoding="utf-8")

    assert load_queries(portable) == {"first": "SELECT 1", "second": "SELECT\n  :x"}


def test_a_name_stands_once_in_all_files(tmp_path: Path) -> None:
    portable = folder(tmp_path, "portable", a="-- name: first\nSELECT 1;\n", b="-- name: first\nSELECT 2;\n")

    with pytest.raises(StorageError, match="are named first"):
        load_queries(portable)


def test_a_name_stands_once_in_one_file(tmp_path: Path) -> None:
    portable = folder(tmp_path, "portable", a="-- name: first\nSELECT 1;\n\n-- name: first\nSELECT 2;\n")

    with pytest.raises(StorageError, match="are named first"):
        load_queries(portable)


def test_a_dialect_replaces_a_query_by_name_and_says_why(tmp_path: Path) -> None:
    portable = folder(tmp_path, "portable", a="-- name: first\nSELECT 1;\n\n-- name: second\nSELECT 2;\n")
    dialect = folder(tmp_path, "dialect", b="-- name: second\n-- It has no 2.\nSELECT 1 + 1;\n")

    assert load_queries(portable, dialect) == {"first": "SELECT 1", "second": "SELECT 1 + 1"}
    assert load_queries(portable, tmp_path / "missing") == {"first": "SELECT 1", "second": "SELECT 2"}


@pytest.mark.parametrize("text", ["-- name: second\nSELECT 2;\n", "-- name: third\n-- Why.\nSELECT 3;\n"])
def test_a_dialect_may_not_replace_without_a_reason_or_add_a_query(tmp_path: Path, text: str) -> None:
    portable = folder(tmp_path, "portable", a="-- name: second\nSELECT 2;\n")
    dialect = folder(tmp_path, "dialect", b=text)

    with pytest.raises(StorageError, match="replaces none, or has no comment"):
        load_queries(portable, dialect)


@pytest.mark.parametrize("name", NAMED)
def test_every_query_is_one_statement_that_fits_the_schema(database: apsw.Connection, name: str) -> None:
    info = apsw.ext.query_info(database, NAMED[name])
    assert info.query_remaining is None or not info.query_remaining.strip()


@pytest.mark.parametrize("name", NAMED)
def test_parameters_are_numbered_as_they_first_appear(database: apsw.Connection, name: str) -> None:
    text = re.sub(r"'(?:[^']|'')*'|--[^\n]*", "", NAMED[name])
    appearing = list(dict.fromkeys(re.findall(r"(?<!:):([a-z_]\w*)", text)))

    info = apsw.ext.query_info(database, NAMED[name])

    assert list(info.bindings_names) == appearing
    assert info.bindings_count == len(appearing)


def test_every_query_that_is_run_exists_and_is_given_its_arguments(database: apsw.Connection) -> None:
    calls = list(_calls())
    assert {name for name, _ in calls} - set(NAMED) == set()
    wrong = [
        (name, given)
        for name, given in calls
        if given is not None and given != apsw.ext.query_info(database, NAMED[name]).bindings_count
    ]
    assert wrong == []


def test_every_query_is_named_by_a_module_of_the_room() -> None:
    named = {
        node.value
        for tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(load_queries(PORTABLE)) - named == set()


def _modules() -> list[ast.Module]:
    room = Path(perdure.storage.__path__[0])
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(room.glob("*.py"))]


def _calls() -> Iterator[tuple[str, int | None]]:
    """The queries that the modules of the room run, each with its number of arguments unless some are starred."""
    for node in (node for tree in _modules() for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            starred = any(isinstance(argument, ast.Starred) for argument in node.args)
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value, None if starred else len(node.args) - 1
