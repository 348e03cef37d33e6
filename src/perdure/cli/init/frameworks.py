"""Which web framework an app uses, by what it declares and what its modules import."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Framework = Literal["django", "fastapi", "flask", "starlette"]

_ORDER: Final[tuple[Framework, ...]] = ("django", "fastapi", "flask", "starlette")
_REQUIREMENT: Final = re.compile(r"^\s*[\"']?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)")
_IMPORT: Final = re.compile(r"^(?:from|import)\s+(?P<name>\w+)", re.MULTILINE)
_LARGEST: Final = 1024 * 1024


def find_framework(folder: Path) -> Framework | None:
    """Find the web framework of the app in a folder; ``None``: it uses none that is known."""
    if (folder / "manage.py").is_file():
        return "django"
    names = {name.lower().replace("_", "-") for name in (*_required(folder), *_imported(folder))}
    return next((framework for framework in _ORDER if framework in names), None)


def _required(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("requirements*.txt")):
        for line in _read(file).splitlines():
            yield from _name(line)
    try:
        project: dict[str, Any] = tomllib.loads(_read(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return
    yield from _names_in(_table(project, "project").get("dependencies"))
    for group in (_table(project, "project", "optional-dependencies"), _table(project, "dependency-groups")):
        for requirements in group.values():
            yield from _names_in(requirements)
    yield from _table(project, "tool", "poetry", "dependencies")


def _imported(folder: Path) -> Iterator[str]:
    for file in sorted([*folder.glob("*.py"), *folder.glob("*/*.py")])[:200]:
        if not file.parent.name.startswith("."):
            yield from (found["name"] for found in _IMPORT.finditer(_read(file)))


def _names_in(requirements: Any) -> Iterator[str]:
    if isinstance(requirements, (list, tuple)):
        for requirement in cast("list[Any]", requirements):
            if isinstance(requirement, str):
                yield from _name(requirement)


def _name(requirement: str) -> Iterator[str]:
    found = _REQUIREMENT.match(requirement)
    if found is not None:
        yield found["name"]


def _table(project: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        found: Any = project.get(name)
        project = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
    return project


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8") if file.stat().st_size <= _LARGEST else ""
    except (OSError, UnicodeDecodeError):
        return ""
