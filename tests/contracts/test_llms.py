"""llms.txt: what is said to language models holds like any other page."""

from __future__ import annotations

import ast
import re

import perdure
from tests.contracts.tree import ROOT

FILE = ROOT / "llms.txt"
TEXT = FILE.read_text(encoding="utf-8")


def test_every_page_that_it_names_is_there() -> None:
    named = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert named
    assert [page for page in named if not (ROOT / page).is_file()] == []


def test_it_names_every_page_of_the_reference() -> None:
    pages = sorted(ROOT.glob("docs/reference/*.md"))
    assert [page.name for page in pages if f"({page.relative_to(ROOT)})" not in TEXT] == []


def test_its_program_uses_what_is_public() -> None:
    (program,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    imported = [
        alias.name for node in ast.walk(ast.parse(program)) if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert imported
    assert set(imported) <= set(perdure.__all__)
