from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contracts.tree import PACKAGE, package_files, project_files, relative

LONGEST_FILE = 600
LONGEST_FUNCTION = 60

# Written in halves, so that this file does not hold what it looks for.
PLACES_OF_ONE_MACHINE = ["/wo" + "rk/", "../sha" + "red", "/ro" + "ot/", "/opt/py" + "pi"]


@pytest.mark.parametrize("path", project_files(".py"), ids=relative)
def test_no_file_is_too_long_to_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_every_module_says_what_it_is_and_postpones_annotations(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    only_a_docstring = len(tree.body) == 1
    assert only_a_docstring or "from __future__ import annotations" in text


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_no_function_is_too_long_to_hold_in_mind(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or 0) - _first_line_of_code(node) + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", project_files(".py"), ids=relative)
def test_files_are_named_after_a_thing(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "common", "core", "manager", "misc"}


def test_no_file_names_a_place_of_one_machine() -> None:
    found = [
        f"{relative(path)}: {place}"
        for path in project_files()
        for place in PLACES_OF_ONE_MACHINE
        if place in path.read_bytes().decode("utf-8", errors="replace")
    ]
    assert found == []


def test_no_file_of_the_package_leaves_work_for_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
    found = [
        f"{relative(path)}: {word}"
        for path in package_files()
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def _first_line_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    # A docstring explains a function; it does not make it longer.
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[0].lineno if body else node.end_lineno or 0
