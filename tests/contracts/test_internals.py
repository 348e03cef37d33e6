"""The pages about the inside: the tests and modules they name exist, and the invariants are those of the list."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.contracts.markdown import table_rows
from tests.contracts.tree import ROOT, project_files, relative

PAGES = [page for page in project_files(".md") if page.is_relative_to(ROOT / "docs" / "internals")]
INVARIANTS = ROOT / "docs" / "internals" / "invariants.md"
LISTED = {row[0]: row for row in table_rows(INVARIANTS)}

ROOMS = sorted(path.name for path in (ROOT / "src" / "perdure").iterdir() if path.is_dir() and path.name[0] != "_")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(ROOMS)})\.[\w.]+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not _exists(f"perdure.{name}")] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != INVARIANTS], ids=relative)
def test_the_invariants_a_page_keeps_are_on_the_list(page: Path) -> None:
    kept = set(re.findall(r"\bI\d+\b", page.read_text(encoding="utf-8")))
    assert kept <= set(LISTED)


@pytest.mark.parametrize("invariant", LISTED)
def test_an_invariant_on_the_list_is_shown_by_tests(invariant: str) -> None:
    assert re.findall(r"`tests/[\w/]+\.py`", LISTED[invariant][-1])


def test_every_number_an_acceptance_test_speaks_of_is_on_the_page() -> None:
    spoken = {
        number
        for path in project_files(".py")
        if path.is_relative_to(ROOT / "tests" / "acceptance")
        for number in re.findall(r"\bI\d+\b", path.read_text(encoding="utf-8"))
    }
    assert spoken <= set(re.findall(r"\bI\d+\b", INVARIANTS.read_text(encoding="utf-8")))


def _exists(name: str) -> bool:
    """Say whether a dotted name is a module, or something in one."""
    module, _, member = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return _exists(module) and hasattr(importlib.import_module(module), member) if "." in module else False
    return True
