"""The pages on testing: their modules pass in a session of pytest, and what they show of it is what it shows."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from perdure import testing
from perdure.testing import Env, EnvRun
from tests.contracts.markdown import CodeBlock, code_blocks, table_rows
from tests.contracts.tree import ROOT, relative

_NAME = re.compile(r"# (\w+\.py)\n")

INTERNAL = {"open", "close", "lives", "update", "shows"}
"""What the plugin uses."""

LEFT_OUT = ("asyncio", "cacheprovider", "hypothesispytest", "schemathesis")
"""Plugins that these pages do not speak of."""

PAGES = [ROOT / "docs" / "how-to" / "test-a-job.md", ROOT / "docs" / "reference" / "testing.md"]


def _modules(page: Path) -> dict[str, str]:
    """The modules of a page: a block that names none goes on with the one before."""
    modules: dict[str, str] = {}
    name = ""
    for block in code_blocks(page, language="python"):
        found = _NAME.match(block.text)
        name = name if found is None else found[1]
        modules[name] = modules.get(name, "") + block.text
    return modules


def _consoles(page: Path) -> list[tuple[str, list[str]]]:
    """What a page types, each with the lines that it shows."""
    return [_typed(block) for block in code_blocks(page, language="console")]


def _typed(block: CodeBlock) -> tuple[str, list[str]]:
    command, *lines = block.text.splitlines()
    return command.removeprefix("$ pytest -q "), lines


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_the_tests_of_a_page_pass_unless_it_shows_how_they_fail(page: Path, pytester: pytest.Pytester) -> None:
    modules = _modules(page)
    shown = dict(_consoles(page))
    for name, text in modules.items():
        pytester.path.joinpath(name).write_text(text, encoding="utf-8")
    failing = [name for name, lines in shown.items() if "1 failed" in lines]
    tests = [name for name in modules if name.startswith("test_") and name not in failing]
    assert tests
    result = _run(pytester, *tests)
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] == sum(modules[name].count("def test_") for name in tests)

    for name, lines in shown.items():
        output = _run(pytester, name).stdout.str()
        assert [line for line in lines if line not in output] == []


def test_the_reference_lists_what_an_environment_and_its_runs_offer() -> None:
    page = PAGES[1].read_text(encoding="utf-8")
    listed = {row[0].strip("`") for row in table_rows(PAGES[1])}
    sections = set(re.findall(r"^#+ `(?:env|run)\.(\w+)`$", page, re.MULTILINE))
    for cls, attributes in ((Env, {"patience", "fakes", "force_replay"}), (EnvRun, set())):
        public = {name for name in vars(cls) if not name.startswith("_")} - INTERNAL
        calls = {name for name in public if inspect.isfunction(getattr(cls, name))}
        assert calls - sections == set()
        assert (public - calls | attributes) - listed == set()


def test_everything_that_the_room_exports_is_on_the_page() -> None:
    page = PAGES[1].read_text(encoding="utf-8")
    assert [name for name in testing.__all__ if f"`{name}`" not in page and f"`{name.lower()}" not in page] == []


def _run(pytester: pytest.Pytester, *modules: str) -> pytest.RunResult:
    left_out = [option for name in LEFT_OUT for option in ("-p", f"no:{name}")]
    return pytester.runpytest_subprocess("-q", *left_out, "-W", "error", *modules)
