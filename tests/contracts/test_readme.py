from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT

WAIT = 'await io.wait("⏰", 10)'

# The line after a task runs once the task's result is on disk: from there on a kill must not repeat it.
MARKED_WAIT = 'print("waiting"); await io.wait("⏰", 1)'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (block,) = code_blocks(ROOT / "README.md", language="python")
    assert WAIT in block.text
    path = tmp_path / "welcome.py"
    path.write_text(block.text.replace(WAIT, MARKED_WAIT), encoding="utf-8")
    return path


def test_the_job_of_the_readme_goes_on_after_it_was_killed(program: Path) -> None:
    assert _lines_until(program, "waiting") == ["Welcome, ada@example.com", "waiting"]
    # Had the run started over, or the same event started another, there would be a second welcome.
    assert _lines_until(program, "Some advice for ada@example.com") == ["waiting", "Some advice for ada@example.com"]


def test_the_picture_of_the_readme_shows_its_program_killed_and_its_run_at_the_end() -> None:
    text = "\n".join(ElementTree.parse(ROOT / "docs" / "images" / "run.svg").getroot().itertext())
    (block,) = code_blocks(ROOT / "README.md", language="python")
    keys = re.findall(r'await io\.\w+\("([^"]+)"', block.text)
    assert [key for key in keys if key not in text] == []
    assert text.count("COMPLETED") == len(keys) == 3
    assert [text.count(said) for said in ("$ python welcome.py", "Welcome, ", "Some advice for ", "SUCCESS")] == [
        2,
        1,
        1,
        1,
    ]


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    (block,) = code_blocks(ROOT / "README.md", language="sh")
    commands = [line.split("#")[0].split() for line in block.text.splitlines()]
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert commands == [["make", "demo"], ["make", "test"]]
    assert all(f"make {target} " in listed for _, target in commands)


def _lines_until(program: Path, last: str) -> list[str]:
    """Start the program, kill it once it has printed a line, and return what it had printed by then."""
    lines: list[str] = []
    with _started(program) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == last:
                process.kill()
    return lines


@contextlib.contextmanager
def _started(program: Path) -> Iterator[subprocess.Popen[str]]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    process = subprocess.Popen(
        [sys.executable, "-u", program.name],
        cwd=program.parent,
        env={**ours, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    # A program that never prints the line is killed too; the test then fails on what it did print.
    deadline = threading.Timer(30, process.kill)
    deadline.start()
    try:
        with process:
            yield process
    finally:
        deadline.cancel()
