"""Plain twins of async code: the same functions, with the code of their jobs as ``def`` instead of ``async def``.

What `tools.sync_io` does to the task library is done here, in memory, to code that uses it; so a scenario is written
once and holds for jobs of both kinds. ``async def`` becomes ``def``, ``await io.wait(…)`` becomes ``io.wait(…)``, and
an `IO` a `SyncIO`.

What must be awaited for other reasons stays as it is: a test's own code, and async bodies of tasks that wait for
something else than the task library. A job that does so itself has no plain twin.

`code` finds out what can be plain, `writing` makes it so; `async_only` lists the scenarios that are not run so.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from perdure import SyncIO
from tests.plain_twins.code import NoJobError, NotPlainError, Source
from tests.plain_twins.writing import write_twins

__all__ = ["NoJobError", "NotPlainError", "make_twin", "read_source"]

F = TypeVar("F", bound=Callable[..., Any])


@cache
def make_twin(function: F) -> F:
    """Give the plain twin of a function at the top level of a module, such as a test, that declares jobs.

    Raises:
        NotPlainError: It declares no job that is async, or one that waits for what plain code cannot wait for.
    """
    path = inspect.getsourcefile(function)
    assert path is not None
    space = {**function.__globals__, "SyncIO": SyncIO}
    source = read_source(path)
    twins = write_twins(source.used_by(function.__name__), source)
    if function.__name__.startswith("test_"):
        _show_asserts(twins, path)
    # The lines stay those of the source, which is what an error shows.
    exec(compile(twins, path, "exec", dont_inherit=True), space)
    twin: F = space[function.__name__]
    return twin


def _show_asserts(twins: ast.Module, path: str) -> None:
    """Have failing asserts show their values, as those of modules do that pytest imports."""
    from _pytest.assertion.rewrite import rewrite_asserts

    rewrite_asserts(twins, Path(path).read_bytes(), path)


@cache
def read_source(path: str) -> Source:
    """Read a file once."""
    return Source(Path(path).read_text(encoding="utf-8"))
