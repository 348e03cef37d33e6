from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import perdure
from tests.contracts.markdown import CodeBlock, code_blocks
from tests.contracts.tree import ROOT, project_files, relative

PAGES = [page for page in project_files(".md") if page.is_relative_to(ROOT / "docs") or page.name == "README.md"]
TUTORIALS = [page for page in PAGES if page.is_relative_to(ROOT / "docs" / "tutorial")]
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


@pytest.mark.parametrize("page", TUTORIALS, ids=relative)
def test_the_programs_of_a_tutorial_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    for program in code_blocks(page, language="python"):
        name = program.text.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(program.text, encoding="utf-8")

    consoles = [block.text for block in code_blocks(page, language="console")]
    commands = [re.findall(r"^\$ python (.+)$", console, re.MULTILINE) for console in consoles]
    assert all(commands)
    printed = ["".join(_type(command, folder=tmp_path) for command in typed) for typed in commands]
    assert printed == consoles


def _type(command: str, *, folder: Path) -> str:
    """Run a program and return what the console then shows."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PERDURE_", "TRIGGER_"))}
    finished = subprocess.run(
        [sys.executable, *command.split()],
        cwd=folder,
        env={**ours, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    # The console would show a traceback too.
    return f"$ python {command}\n{finished.stdout}{finished.stderr}"
