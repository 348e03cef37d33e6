"""The files of the project, without what tools and runs leave between them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "perdure"

_KEPT = {".ci", ".gitignore"}
_MADE = {"__pycache__", "node_modules", "dist", "build"}


def project_files(*suffixes: str) -> list[Path]:
    """Return every file of the project, or those with one of the suffixes, sorted."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if _is_ours(name))
        found.extend(Path(folder) / name for name in names if _is_ours(name))
    return sorted(path for path in found if not suffixes or path.suffix in suffixes)


def package_files() -> list[Path]:
    """Return every Python file of the package, sorted."""
    return [path for path in project_files(".py") if path.is_relative_to(PACKAGE)]


def relative(path: Path) -> str:
    """Return a project file's path as it is written in the documents."""
    return path.relative_to(ROOT).as_posix()


def _is_ours(name: str) -> bool:
    if name in _MADE or name.endswith(".egg-info"):
        return False
    return name in _KEPT or not name.startswith(".")
