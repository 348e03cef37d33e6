from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contracts.tree import ROOT


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH without apt-get, so that nothing is installed on the machine that runs the tests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    found = shutil.which("id")
    assert found is not None
    (folder / "id").symlink_to(found)
    return folder


def test_a_python_that_is_too_old_is_refused_with_what_to_type(bare_path: Path) -> None:
    _write_python(bare_path, answers="exit 1")
    finished = _install(bare_path)
    assert finished.returncode == 1
    assert "needs Python 3.11 or newer" in finished.stderr
    assert "make PYTHON=" in finished.stderr


def test_a_python_that_cannot_make_environments_is_refused_with_what_to_type(bare_path: Path) -> None:
    _write_python(bare_path, answers='case "$*" in *ensurepip*) exit 1 ;; esac')
    finished = _install(bare_path)
    assert finished.returncode == 1
    assert "apt-get install -y python3-venv" in finished.stderr


def test_nothing_is_made_before_the_python_is_known_to_be_good(bare_path: Path, tmp_path: Path) -> None:
    _write_python(bare_path, answers="exit 1")
    _install(bare_path)
    assert not (tmp_path / ".venv").exists()


def _write_python(folder: Path, *, answers: str) -> None:
    stub = folder / "python3"
    stub.write_text(f"#!/bin/sh\n{answers}\n", encoding="utf-8")
    stub.chmod(0o755)


def _install(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "requirements" / "install.sh"), "python3"],
        cwd=path.parent,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
