"""Digests of jobs' code, by which it is known whether a run goes on with other code than it began with."""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.sdk.job import Job

_MOST = 10_000
"""How many functions and classes are looked into for one job."""


def fingerprint(job: Job[Any, Any], folder: Path) -> str:
    """Digest the code of a job's function, and of every function and class of the app that it names.

    What a name stands for is looked up where the function was defined, so what is called only by way of values is not
    seen. Remarks, and where lines stand, do not count.

    Args:
        job: The job.
        folder: The app's folder: code elsewhere is not looked into.
    """
    digest = hashlib.sha256()
    seen: set[int] = set()
    waiting: list[object] = [inspect.unwrap(job.run)]
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, types.FunctionType):
            if Path(one.__code__.co_filename).is_relative_to(folder):
                for part in _parts(one.__code__):
                    digest.update(part.encode("utf-8", "surrogatepass"))
                waiting += _named(one)
        elif isinstance(one, type):
            waiting += _members(one, folder)
        elif isinstance(one, (staticmethod, classmethod)):
            wrapped: object = getattr(cast("object", one), "__func__", None)
            waiting.append(wrapped)
        elif isinstance(one, property):
            waiting += [one.fget, one.fset]
    return digest.hexdigest()


def _parts(code: types.CodeType) -> Iterator[str]:
    """What of a code object decides what it does."""
    yield repr((code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _parts(constant)
        else:
            yield _shown(constant)


def _shown(constant: object) -> str:
    if isinstance(constant, frozenset):
        # The order of a set's members differs between processes.
        return repr(sorted(map(repr, cast("frozenset[object]", constant))))
    return repr(constant)


def _named(function: types.FunctionType) -> list[object]:
    """What the names in a function stand for, in an order that does not depend on the process."""
    found: list[object] = []
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        for name in code.co_names:
            value = function.__globals__.get(name)
            found.append(value)
            if isinstance(value, types.ModuleType):
                found += [vars(value).get(other) for other in code.co_names]
    return [*found, *_enclosed(function)]


def _enclosed(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            # It is not set yet.
            continue


def _members(cls: type, folder: Path) -> list[object]:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or not Path(file).is_relative_to(folder):
        return []
    return [value for _, value in sorted(vars(cls).items()) if value is not None]
