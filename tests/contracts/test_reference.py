"""The reference of calls and results: every parameter and field as it is, every example with what it prints."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

import perdure
from perdure import testing
from perdure.sdk import records
from perdure.sdk.io.body import RunningTask
from perdure.sdk.io.logger import Logger
from perdure.sdk.io.store import RunValues
from perdure.sdk.store import EnvironmentValues
from perdure.testing import Env, EnvRun
from tests.contracts.markdown import CodeBlock, code_blocks
from tests.contracts.tree import ROOT, relative

REFERENCE = ROOT / "docs" / "reference"
LIBRARY = sorted((REFERENCE / "task-library").glob("*.md"))
CLIENT = REFERENCE / "client.md"
TESTING = REFERENCE / "testing.md"
CALLS = [*LIBRARY, CLIENT, TESTING]
RESULTS = REFERENCE / "results.md"

PRINTING = re.compile(r"^ *(?:await show|print)\(.*\)  # (.*)$", re.MULTILINE)
"""A line of an example that prints, with what it prints."""

WITH_EXAMPLES = [
    page
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if any(PRINTING.search(block.text) for block in code_blocks(page, language="python"))
]

OWNERS: dict[str, type] = {
    "io": perdure.IO,
    "io.logger": Logger,
    "io.store.job": RunValues,
    "status": perdure.Status,
    "schedule": perdure.DynamicSchedule,
    "trigger": perdure.DynamicTrigger,
    "client.store.env": EnvironmentValues,
    "client": perdure.Client,
    "handle": perdure.RunHandle,
    "job": perdure.Job,
    "env": Env,
    "run": EnvRun,
}


def _sections(page: Path) -> dict[str, list[list[str]]]:
    """The rows of the tables of each section whose heading is one name in code."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            name = re.fullmatch(r"#+ `([\w.]+)`", line)
            rows = [] if name is None else found.setdefault(name[1], [])
        elif line.startswith("| `"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def _callables() -> Iterator[tuple[str, Callable[..., Any], list[list[str]]]]:
    for page in CALLS:
        for name, rows in _sections(page).items():
            owner, _, member = name.rpartition(".")
            if name == "io.logger":
                continue
            found = getattr(OWNERS[owner] if owner else testing if page == TESTING else perdure, member)
            if inspect.isfunction(found) or inspect.isclass(found):
                yield name, found, rows


CALLABLES = list(_callables())


@pytest.mark.parametrize(("name", "call", "rows"), CALLABLES, ids=[name for name, _, _ in CALLABLES])
def test_a_section_lists_every_parameter_with_its_default(
    name: str, call: Callable[..., Any], rows: list[list[str]]
) -> None:
    parameters = [one for one in inspect.signature(call).parameters.values() if one.name != "self"]
    assert [row[:2] for row in rows] == [[f"`{one.name}`", _shown(one.default)] for one in parameters]


def test_every_call_of_the_task_library_has_a_section() -> None:
    calls = {name for name, _ in inspect.getmembers(perdure.IO, inspect.isfunction) if not name.startswith("_")}
    listed = {
        name.removeprefix("io.") for page in LIBRARY for name in _sections(page) if re.fullmatch(r"io\.\w+", name)
    }
    assert listed == calls | {"logger", "store"}


@pytest.mark.parametrize("owner", ["io.store.job", "client.store.env"])
def test_every_call_of_a_store_has_a_section(owner: str) -> None:
    calls = {f"{owner}.{name}" for name, _ in inspect.getmembers(OWNERS[owner], inspect.isfunction) if name[0] != "_"}
    assert calls <= {name for page in CALLS for name in _sections(page)}


def test_every_call_of_the_client_and_of_handles_has_a_section() -> None:
    listed = set(_sections(CLIENT))
    for owner, cls in (("client", perdure.Client), ("handle", perdure.RunHandle)):
        calls = {
            name
            for name, _ in inspect.getmembers(cls)
            if not name.startswith("_") and name not in {"id", "connected", "output_codec"}
        }
        assert {f"{owner}.{name}" for name in calls} <= listed


@pytest.mark.parametrize("name", [name for name in _sections(RESULTS) if hasattr(records, name)])
def test_a_result_is_listed_with_every_field_in_order(name: str) -> None:
    fields = msgspec.structs.fields(getattr(records, name))
    assert [row[0] for row in _sections(RESULTS)[name]] == [f"`{field.name}`" for field in fields]


def test_every_result_that_a_call_gives_is_listed() -> None:
    given = {
        "EventRecord",
        "Run",
        "RunTask",
        "LogLine",
        "ErrorInfo",
        "Event",
        "EventDetails",
        "RunStatus",
        "RunStatuses",
        "RunPage",
        "CancelResult",
        "ScheduledPayload",
        "ScheduleRegistration",
    }
    assert given <= set(_sections(RESULTS))


def test_what_a_body_is_given_is_listed() -> None:
    (rows,) = [rows for name, rows in _sections(RESULTS).items() if name == RunningTask.__name__]
    assert {row[0].strip("`") for row in rows} == set(RunningTask.__slots__)


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=relative)
def test_the_examples_of_a_page_print_what_stands_beside_them(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("examples")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    expected: list[str] = []
    printed: list[str] = []
    for block in code_blocks(page, language="python"):
        _run(block, module)
        expected += [f"line {block.line}: {text}" for text in PRINTING.findall(block.text)]
        printed += [f"line {block.line}: {text}" for text in capsys.readouterr().out.splitlines()]
    assert expected
    assert printed == expected


def _run(block: CodeBlock, module: ModuleType) -> None:
    """Run an example as if it followed the earlier ones of its page; one that awaits runs in a loop of its own."""
    code = compile(
        block.text, f"example, line {block.line}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    made = eval(code, vars(module))
    if inspect.iscoroutine(made):
        asyncio.run(_within_a_minute(made))


async def _within_a_minute(work: Any) -> None:
    async with asyncio.timeout(60):
        await work


def _shown(default: object) -> str:
    return "" if default is inspect.Parameter.empty else f"`{default!r}`".replace("'", '"')
