from __future__ import annotations

import ast
from pathlib import Path

import pytest

import perdure
from tests.contracts.markdown import CodeBlock, code_blocks
from tests.contracts.tree import ROOT, project_files, relative

PAGES = [page for page in project_files(".md") if page.is_relative_to(ROOT / "docs") or page.name == "README.md"]
PYTHON = [(page, block) for page in PAGES for block in code_blocks(page, language="python")]


def _place(value: object) -> str:
    return relative(value) if isinstance(value, Path) else f"line {value.line}" if isinstance(value, CodeBlock) else ""


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=_place)
def test_every_python_block_is_python(page: Path, block: CodeBlock) -> None:
    compile(block.text, relative(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=_place)
def test_every_name_that_a_block_imports_from_perdure_is_public(page: Path, block: CodeBlock) -> None:
    imported = [
        alias.name
        for node in ast.walk(ast.parse(block.text))
        if isinstance(node, ast.ImportFrom) and node.module == "perdure"
        for alias in node.names
    ]
    assert set(imported) <= set(perdure.__all__)
