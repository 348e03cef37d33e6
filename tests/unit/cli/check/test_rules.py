from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from perdure.cli.check.files import check_file, python_files
from perdure.errors import InvalidArgumentError
from tests.contracts.tree import ROOT

HEAD = """
import asyncio
import datetime as dt
import os, random, secrets, time, uuid
from datetime import datetime
from time import time as clock
from perdure import IO, Client, SyncIO
client = Client(id="shop")
"""


def rules(
    folder: Path, body: str, *, head: str = "async def welcome(payload, io, ctx):", job: bool = True
) -> list[str]:
    """Give the rules that a job with this body breaks, each with the line of the body."""
    decorator = '@client.job(id="welcome", name="Welcome", version="1.0.0", trigger=trigger)\n' if job else ""
    before = f"{HEAD}\n{decorator}{head}\n"
    file = folder / "jobs.py"
    file.write_text(before + indent(dedent(body).strip("\n"), "    ") + "\n", encoding="utf-8")
    above = before.count("\n")
    return [f"{finding.rule}:{finding.line - above}" for finding in check_file(file)]


@pytest.mark.parametrize(
    "body",
    [
        'await io.wait("a", 1)\nawait io.run_task("a", work)',
        'await io.wait("a", 1)\nif payload:\n    pass\nawait io.wait("a", 1)',
        'await io.wait(["a", "b"], 1)\nawait io.wait("a:b", 1)',
        'await io.wait(key="a", seconds=1)\nawait io.wait("a", 1)',
        'await io.store.env.get("a", "x")\nawait io.store.job.set("a", "x", 1)',
        'if payload:\n    await io.wait("a", 1)\nawait io.wait("a", 1)',
        'try:\n    await io.wait("a", 1)\nexcept Exception:\n    await io.wait("a", 1)',
    ],
)
def test_a_literal_key_used_twice_is_found(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == [f"repeated-key:{len(body.splitlines())}"]


@pytest.mark.parametrize(
    "body",
    [
        'for one in payload:\n    await io.wait("a", 1)',
        'while True:\n    await io.wait("a", 1)',
        'await asyncio.gather(*[io.run_task("a", one) for one in payload])',
        'async for one in payload:\n    if one:\n        await io.wait("a", 1)',
    ],
)
def test_a_literal_key_in_a_loop_is_found(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == [f"repeated-key:{len(body.splitlines())}"]


@pytest.mark.parametrize(
    "body",
    [
        'if payload:\n    await io.wait("a", 1)\nelse:\n    await io.wait("a", 2)',
        'if payload:\n    await io.wait("a", 1)\nelif ctx:\n    await io.wait("a", 2)',
        'x = await io.wait("a", 1) if payload else await io.wait("a", 2)',
        'match payload:\n    case 1:\n        await io.wait("a", 1)\n    case _:\n        await io.wait("a", 2)',
        'if payload:\n    await io.wait("a", 1)\n    return\nawait io.wait("a", 1)',
        'for one in payload:\n    await io.wait(["a", one], 1)',
        'for one in await io.run_task("a", find):\n    pass',
        'while True:\n    await io.wait("a", 1)\n    break',
        'for one in payload:\n    if one:\n        await io.wait("a", 1)\n        return',
        'await io.logger.info("a")\nawait io.logger.info("a")',
        'await io.wait("a", 1)\nasync def body(task, io):\n    await io.wait("a", 1)\nawait io.run_task("b", body)',
        "await io.wait(seconds=1)\nawait io.wait(seconds=1)",
    ],
)
def test_keys_that_no_execution_asks_for_twice_are_left_alone(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == []


@pytest.mark.parametrize(
    "body",
    [
        'io.wait("a", 1)',
        'user = io.run_task("a", find)',
        'user: str = io.run_task("a", find)',
        'if io.store.env.get("a", "flag"):\n    pass',
        'name = io.run_task("a", find).name',
        'x = 1 + io.random("a")',
        "x = f\"{io.uuid('a')}\"",
        'io.logger.info("a")',
        'return io.run_task("a", find)',
    ],
)
def test_a_forgotten_await_is_found(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == ["forgotten-await:1"]


@pytest.mark.parametrize(
    "body",
    [
        'await io.wait("a", 1)',
        'first = io.run_task("a", find)\nawait asyncio.gather(first)',
        'waiting = asyncio.create_task(io.wait("a", 1))',
        'await asyncio.gather(io.wait("a", 1), io.wait("b", 1))',
        'x = [await io.wait(["a", one], 1) for one in payload]',
    ],
)
def test_calls_that_are_awaited_or_handed_on_are_left_alone(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == []


def test_plain_functions_await_nothing(tmp_path: Path) -> None:
    assert rules(tmp_path, 'io.wait("a", 1)', head="def welcome(payload, io, ctx):") == []


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.gather(io.wait(seconds=1), work())",
        "await asyncio.gather(*(io.run_task(fn=one) for one in payload))",
        "async with asyncio.TaskGroup() as group: group.create_task(io.run_task(fn=find))",
        "await asyncio.gather(io.wait(None, 1))",
    ],
)
def test_an_automatic_key_in_a_concurrent_branch_is_found(body: str, tmp_path: Path) -> None:
    assert rules(tmp_path, body) == ["automatic-key:1"]


def test_an_automatic_key_that_is_awaited_first_is_no_branch(tmp_path: Path) -> None:
    assert rules(tmp_path, "await asyncio.gather(work(await io.run_task(fn=find)))") == []


@pytest.mark.parametrize(
    "call",
    [
        "time.time()", "clock()", "time.monotonic()", "time.sleep(1)", "random.random()", "random.choice(payload)",
        "uuid.uuid4()", "datetime.now()", "dt.datetime.now(dt.UTC)", "dt.date.today()", "os.urandom(4)",
        "secrets.token_hex()",
    ],
)  # fmt: skip
def test_a_value_that_differs_each_time_is_found_outside_of_tasks(call: str, tmp_path: Path) -> None:
    assert rules(tmp_path, f"x = {call}") == ["unrecorded-value:1"]
    assert rules(tmp_path, f"await io.run_task('a', lambda: {call})") == []
    assert rules(tmp_path, f"def work():\n    return {call}\nawait io.run_task('a', work)") == []


def test_what_only_looks_so_is_left_alone(tmp_path: Path) -> None:
    assert rules(tmp_path, "x = payload.time.time()\ny = ctx.random()\nz = datetime.fromisoformat(payload)") == []


def test_helpers_that_take_io_are_checked_and_other_functions_are_not(tmp_path: Path) -> None:
    assert rules(tmp_path, "x = time.time()", head="async def helper(steps: IO):", job=False) == ["unrecorded-value:1"]
    assert rules(tmp_path, "x = time.time()", head='def helper(steps: "SyncIO"):', job=False) == ["unrecorded-value:1"]
    assert rules(tmp_path, "x = time.time()", head="async def helper(a):", job=False) == []
    assert rules(tmp_path, "x = time.time()", head="async def body(task, io):", job=False) == []


def test_a_line_may_be_left_alone(tmp_path: Path) -> None:
    assert rules(tmp_path, "x = time.time()  # perdure: ignore") == []
    assert rules(tmp_path, "x = time.time()  # perdure: ignore[unrecorded-value]") == []
    assert rules(tmp_path, "x = time.time()  # perdure: ignore[repeated-key]") == ["unrecorded-value:1"]


def test_what_is_no_python_is_found_with_its_line(tmp_path: Path) -> None:
    for source in ("x =\n", "a\x00b", "(" * 500, "def f(:\n", "# coding: nonsense\n"):
        file = tmp_path / "jobs.py"
        file.write_text(source)
        (finding,) = check_file(file)
        assert (finding.rule, finding.line) == ("syntax-error", 1)


def test_code_that_is_nested_too_deep_for_the_parser_is_found_and_ends_nothing(tmp_path: Path) -> None:
    file = tmp_path / "jobs.py"
    file.write_text(f"x = {'-' * 100_000}1\n")
    (finding,) = check_file(file)
    assert finding.message == "This is no Python: it is nested too deep."


def test_folders_are_searched_without_what_is_not_the_apps(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py", ".venv/d.py", "node_modules/e.py", "b/__pycache__/f.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "nowhere.py").symlink_to("gone")
    assert [file.relative_to(tmp_path).as_posix() for file in python_files([str(tmp_path)])] == ["a.py", "b/c.py"]


def test_a_file_that_is_not_there_is_refused_and_the_nearest_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").touch()
    with pytest.raises(InvalidArgumentError, match=r"Did you mean 'jobs.py'"):
        python_files([str(tmp_path / "job.py")])


def test_the_examples_of_the_project_have_no_mistakes() -> None:
    assert [
        finding.place
        for file in python_files([str(ROOT / "examples"), str(ROOT / "demo")])
        for finding in check_file(file)
    ] == []
