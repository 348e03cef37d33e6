from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT

PROMISED_WAIT = 'await io.wait("⏰", 10)'
SHORTER_WAIT = 'await io.wait("⏰", 1)'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (block,) = code_blocks(ROOT / "README.md", language="python")
    assert PROMISED_WAIT in block.text
    path = tmp_path / "welcome.py"
    path.write_text(block.text.replace(PROMISED_WAIT, SHORTER_WAIT), encoding="utf-8")
    return path


def test_the_job_of_the_readme_goes_on_after_it_was_killed(program: Path) -> None:
    with _started(program) as first:
        assert _next_line(first) == "Welcome, ada@example.com"
        first.kill()
        assert first.stdout is not None
        assert first.stdout.read() == ""

    # Had the run started over, or the second event started another, the welcome would come first.
    with _started(program) as second:
        assert _next_line(second) == "Some advice for ada@example.com"
        second.kill()


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    commands = [
        line.split("#")[0].split() for line in code_blocks(ROOT / "README.md", language="sh")[0].text.splitlines()
    ]
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert commands == [["make", "demo"], ["make", "test"]]
    assert all(f"make {target} " in listed for _, target in commands)


def _started(program: Path) -> subprocess.Popen[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    return subprocess.Popen(
        [sys.executable, "-u", program.name],
        cwd=program.parent,
        env={**ours, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")
