"""The examples: each is tested and listed, and the page of the task library shows parts of them."""

from __future__ import annotations

from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT
from tests.scenarios import test_examples

EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "reference" / "task-library.md"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def test_every_example_is_tested_and_listed() -> None:
    tested = {name.removeprefix("test_") for name in vars(test_examples) if name.startswith("test_")}
    assert set(NAMES) <= tested
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"({name}.py)" not in listed] == []


def test_every_snippet_of_the_page_is_part_of_an_example() -> None:
    programs = [_bare(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("*.py"))]
    snippets = code_blocks(PAGE, language="python")
    assert len(snippets) == len(NAMES)
    assert [block.line for block in snippets if not any(_bare(block.text) in program for program in programs)] == []


def _bare(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
