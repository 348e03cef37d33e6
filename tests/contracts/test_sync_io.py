"""The library for plain functions is that of `perdure.IO`, written anew from it, and typed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import perdure
from tests.contracts.tree import ROOT
from tools.sync_io import sources, twins
from tools.sync_io.twins import find_twins
from tools.sync_io.writing import TwinFile

CALLS = [name for name, _ in inspect.getmembers(perdure.IO, inspect.isfunction) if not name.startswith("_")]


def test_what_is_written_from_the_sources_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.sync_io", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_both_libraries_have_the_same_calls() -> None:
    ours = [name for name, _ in inspect.getmembers(perdure.SyncIO, inspect.isfunction) if not name.startswith("_")]
    assert ours == CALLS


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_the_same_and_gives_no_coroutine(name: str) -> None:
    awaited, blocking = getattr(perdure.IO, name), getattr(perdure.SyncIO, name)
    assert _shape(blocking) == _shape(awaited)
    assert not inspect.iscoroutinefunction(blocking)
    assert "Coroutine" not in str(inspect.signature(blocking).return_annotation)
    assert inspect.getdoc(blocking) == inspect.getdoc(awaited)


def _shape(call: Any) -> list[tuple[str, Any, Any]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(call).parameters.values()]


LIBRARY = '''
"""A task library."""

from collections.abc import Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from perdure.sdk.io.store import Store
from perdure.sdk.io.statuses import StatusCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 5


class IO(StatusCalls):
    """The library.

    Attributes:
        store: Keeps values.
        id: The run's id.
    """

    def __init__(self, execution: Any) -> None:
        self.store = Store(execution)
        self._execution = execution

    async def first(self, items: Sequence[int], *more: int, limit: int = LIMIT, **rest: Any) -> int:
        """Give one."""

    def second(self) -> Coroutine[Any, Any, datetime | None]:
        """Give the other."""

    third = second

    def plain(self) -> str:
        """Give something at once."""
'''
STORE = '''
"""Values."""

from __future__ import annotations

from typing import Any


class Store:
    """Keeps values.

    Attributes:
        env: For all.
    """

    def __init__(self, execution: Any) -> None:
        self.env = Shelf(execution, "env")


class Shelf:
    """Values of one kind."""

    def __init__(self, execution: Any, scope: str) -> None:
        self._execution = execution

    async def get(self, key: str) -> Any:
        """Get one."""
'''
STATUSES = '''
"""Statuses."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


class Status:
    """A status.

    Attributes:
        key: Its key.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    async def update(self, data: Any) -> Status:
        """Change it."""


class StatusCalls:
    """Statuses."""

    def create_status(self, key: str) -> Coroutine[Any, Any, Status]:
        """Make one."""
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The sources of a small library, in place of ours."""
    folder = tmp_path / "perdure" / "sdk" / "io"
    folder.mkdir(parents=True)
    for name, text in (("__init__", LIBRARY), ("store", STORE), ("statuses", STATUSES)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sources, "SOURCES", tmp_path)
    sources.read_module.cache_clear()
    yield folder
    sources.read_module.cache_clear()


def _write() -> dict[str, str]:
    every = find_twins()
    modules = {twin.module for twin in every}
    return {module: TwinFile([twin for twin in every if twin.module == module], every).text for module in modules}


@pytest.mark.usefixtures("library")
def test_groups_of_calls_and_results_with_calls_get_twins_of_their_own() -> None:
    assert [twin.name for twin in find_twins()] == ["SyncIO", "SyncStatusCalls", "SyncStatus", "SyncStore", "SyncShelf"]
    written = _write()
    assert set(written) == {twins.PACKAGE, f"{twins.PACKAGE}.store", f"{twins.PACKAGE}.statuses"}
    library, store, statuses = (written[f"{twins.PACKAGE}{name}"] for name in ("", ".store", ".statuses"))
    assert "self.store = SyncStore(io.store, run)" in library
    assert "def first(self, items: Sequence[int], *more: int, limit: int=LIMIT, **rest: Any) -> int:" in library
    assert "return self._run(self._io.first(items, *more, limit=limit, **rest))" in library
    assert "from perdure.sdk.io import LIMIT" in library
    assert "-> datetime | None:" in library
    assert "third = second" in library
    assert "return self._io.plain()" in library
    assert "self.env = SyncShelf(inner.env, run)" in store
    assert "return SyncStatus(self._run(self._io.create_status(key)), self._run)" in statuses
    assert "return SyncStatus(self._run(self._inner.update(data)), self._run)" in statuses
    assert '"""Its key."""' in statuses


def test_an_attribute_whose_type_nobody_says_is_asked_for(library: Path) -> None:
    text = STATUSES.replace("self.key = key", "self.key = key + key")
    (library / "statuses.py").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"say which type self\.key has"):
        find_twins()
