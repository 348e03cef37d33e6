from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contracts.tree import ROOT, relative

LOCKS = [ROOT / "requirements" / "runtime.txt", ROOT / "requirements" / "dev.txt"]

PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
REASON = re.compile(r"^    # +(via)?( [a-z0-9-]+( \(pyproject\.toml(:dev)?\))?)?$")


@pytest.mark.parametrize("lock", LOCKS, ids=relative)
def test_a_lock_holds_versions_hashes_and_reasons_only(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not any(shape.match(line) for shape in (PIN, HASH, REASON))] == []


@pytest.mark.parametrize("lock", LOCKS, ids=relative)
def test_every_pin_of_a_lock_is_followed_by_a_hash(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    pins = [number for number, line in enumerate(lines) if PIN.match(line)]
    assert pins
    assert [lines[number] for number in pins if not HASH.match(lines[number + 1])] == []


def test_the_locks_satisfy_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = _runtime_requirements(project)
    assert _unsatisfied(runtime, _pins(LOCKS[0])) == []
    assert _unsatisfied([*runtime, *project["dependency-groups"]["dev"]], _pins(LOCKS[1])) == []


def test_both_locks_pin_the_same_versions() -> None:
    runtime, dev = _pins(LOCKS[0]), _pins(LOCKS[1])
    assert {name: dev.get(name) for name in runtime} == runtime


def _runtime_requirements(project: dict[str, Any]) -> list[str]:
    extras = project["project"].get("optional-dependencies", {})
    return [*project["project"]["dependencies"], *(text for texts in extras.values() for text in texts)]


def _pins(lock: Path) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := PIN.match(line))}


def _unsatisfied(requirements: list[str], pins: dict[str, str]) -> list[str]:
    asked = [Requirement(text) for text in requirements]
    return [
        str(requirement)
        for requirement in asked
        if (pin := pins.get(canonicalize_name(requirement.name))) is None or pin not in requirement.specifier
    ]
