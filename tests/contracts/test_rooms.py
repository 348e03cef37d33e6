from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.tree import PACKAGE, ROOT

BREACHES = {
    "rooms": ("janitor/__init__.py", ""),
    "sdk-stands-alone": ("sdk/breach.py", "import perdure.storage.sqlite\n"),
    "engine-stands-alone": ("engine/breach.py", "import perdure.storage.sqlite\n"),
    "one-door-to-drivers": ("storage/breach.py", "import perdure.storage.sqlite\n"),
    "database-libraries": ("engine/breach.py", "import apsw\n"),
    "http-client-library": ("engine/breach.py", "import aiohttp\n"),
    "protocol-is-pure": ("protocol/breach.py", "import time\n"),
    "engine-has-injected-sources": ("engine/breach.py", "import random\n"),
}


def test_imports_between_rooms_go_one_way() -> None:
    finished = _lint(ROOT)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_of_the_rooms_is_caught(contract: str, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "src" / "perdure", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    name, text = BREACHES[contract]
    breach = tmp_path / "src" / "perdure" / name
    breach.parent.mkdir(exist_ok=True)
    breach.write_text(text, encoding="utf-8")

    finished = _lint(tmp_path, "--contract", contract)

    assert finished.returncode == 1, finished.stdout
    assert re.search(r"\bBROKEN\b", finished.stdout), finished.stdout + finished.stderr


def test_every_contract_has_a_breach_that_is_tried() -> None:
    declared = re.findall(r'^id = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(declared) == sorted(BREACHES)


def _lint(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", *options],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
