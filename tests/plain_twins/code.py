"""Which async functions of a module are code of jobs, and wait for nothing but the task library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Function = ast.FunctionDef | ast.AsyncFunctionDef


class NotPlainError(Exception):
    """Code has no plain twin; says why."""


class NoJobError(NotPlainError):
    """It needs none: it declares no job that is async."""


@dataclass(eq=False)
class Code:
    """A function.

    Attributes:
        node: The function itself.
        outer: The function it is written in.
        inner: Those that are written in it, by name.
        is_job: Whether it is the function of a job.
        library: Names in it that hold the task library or what its calls have given, such as a status.
        stays: Why it stays as it is; empty if it becomes plain.
    """

    node: Function
    outer: Code | None = None
    inner: dict[str, Code] = field(default_factory=dict)
    is_job: bool = False
    library: set[str] = field(default_factory=set)
    stays: str = ""

    @cached_property
    def own(self) -> list[ast.AST]:
        """What is written in it, but for the functions in it; these are named only."""
        return list(_walk(self.node.body))

    @cached_property
    def names(self) -> set[str]:
        """The names in it and in its decorators."""
        decorators = (node for one in self.node.decorator_list for node in ast.walk(one))
        return {node.id for node in (*self.own, *decorators) if isinstance(node, ast.Name)}

    @property
    def is_job_code(self) -> bool:
        """Whether it is a job's function, or does part of its work."""
        outer = self.outer
        return self.is_job or self._has_io or (outer is not None and outer.is_job_code)

    @cached_property
    def _has_io(self) -> bool:
        names = (node.id for node in self.own if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        return "io" in {*names, *(one.arg for one in self.node.args.args)}

    @property
    def all(self) -> Iterator[Code]:
        """It and every function in it."""
        yield self
        for one in self.inner.values():
            yield from one.all

    def find(self, name: str) -> Code | None:
        """The function that a name means in it, if it is written in one of those around it."""
        return self.inner.get(name) or (self.outer.find(name) if self.outer is not None else None)

    def knows(self, name: str) -> bool:
        """Whether a name means the task library in it, or what a call of it has given."""
        return name == "io" or name in self.library or (self.outer is not None and self.outer.knows(name))


class Source:
    """The functions at the top level of a module, with all in them.

    Attributes:
        schedules: The names of dynamic schedules, which have blocking calls of their own.
        clients: The statements at the top level that make clients.
    """

    def __init__(self, text: str) -> None:
        body = ast.parse(text).body
        self._top = _read(ast.FunctionDef("", ast.arguments([], [], None, [], [], None, []), body, []), None)
        codes = list(self._top.all)
        self.clients = [node for node in body if isinstance(node, ast.Assign) and _makes_client(node.value)]
        self.schedules = {name for code in codes for name in _schedules(code)}
        for code in codes:
            _mark_jobs(code)
        for code in codes:
            code.stays = "" if code.is_job_code and isinstance(code.node, ast.AsyncFunctionDef) else "it is no job's"
            if not code.stays:
                code.library |= self.schedules
                _learn_names(code)
        while _keep_more(codes):
            pass

    @property
    def names(self) -> list[str]:
        """The functions at its top level."""
        return list(self._top.inner)

    def used_by(self, name: str) -> list[Code]:
        """A function and those of the module that it uses, if they have a plain twin together.

        Jobs at the top level belong to a client there, and come with all others of it.

        Raises:
            NotPlainError: They have none.
        """
        used = self._reach([name])
        jobs = [code for one in used for code in one.all if code.is_job and isinstance(code.node, ast.AsyncFunctionDef)]
        if not jobs:
            raise NoJobError("it declares no job that is async")
        for job in jobs:
            if job.stays:
                raise NotPlainError(job.stays)
        if any(one.is_job for one in used):
            return self._reach([name, *(key for key, one in self._top.inner.items() if one.is_job)])
        return used

    def _reach(self, names: list[str]) -> list[Code]:
        found = [self._top.inner[name] for name in names]
        for one in found:
            used = set().union(*(code.names for code in one.all))
            found += [other for key, other in self._top.inner.items() if key in used and other not in found]
        return found


def _keep_more(codes: list[Code]) -> bool:
    """Find functions that stay as they are on account of others, or of what they wait for; whether there were any."""
    found = False
    for code in codes:
        if not code.stays:
            code.stays = _obstacle(code)
            found |= bool(code.stays)
        if code.stays and isinstance(code.node, ast.AsyncFunctionDef):
            for called in _called(code):
                if not called.stays:
                    called.stays = f"{code.node.name}, which stays async, calls {called.node.name}"
                    found = True
    return found


def _read(node: Function, outer: Code | None) -> Code:
    code = Code(node, outer)
    code.inner = {one.name: _read(one, code) for one in code.own if isinstance(one, Function)}
    return code


def _walk(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.decorator_list if isinstance(node, Function) else ast.iter_child_nodes(node)


def _mark_jobs(code: Code) -> None:
    for one in code.inner.values():
        one.is_job |= any(_is_declaration(decorator) for decorator in one.node.decorator_list)
    for node in code.own:
        if isinstance(node, ast.Call) and _is_declaration(node.func):
            for argument in node.args:
                found = code.find(argument.id) if isinstance(argument, ast.Name) else None
                if found is not None:
                    found.is_job = True


def _schedules(code: Code) -> Iterator[str]:
    for node in code.own:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made = node.value.func
            if isinstance(made, ast.Attribute) and made.attr == "define_dynamic_schedule":
                yield from (one.id for one in node.targets if isinstance(one, ast.Name))


def _is_declaration(node: ast.expr) -> bool:
    """Whether it is ``app.job``, or ``app.job(…)``, or ``job(…)``."""
    while isinstance(node, ast.Call):
        node = node.func
    return (node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "") == "job"


def _makes_client(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Client"


def _learn_names(code: Code) -> None:
    before = -1
    while len(code.library) > before:
        before = len(code.library)
        for node in code.own:
            if isinstance(node, ast.Assign | ast.For | ast.comprehension | ast.NamedExpr):
                given = node.value if isinstance(node, ast.Assign | ast.NamedExpr) else node.iter
                if any(isinstance(one, ast.Name) and code.knows(one.id) for one in ast.walk(given)):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    code.library |= {
                        one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)
                    }


def _called(code: Code) -> list[Code]:
    names = [one.func.id for one in code.own if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    return [found for name in names if (found := code.find(name)) is not None]


def _obstacle(code: Code) -> str:
    """What keeps a function from being plain; empty if nothing does."""
    for node in code.own:
        if isinstance(node, ast.AsyncFor | ast.AsyncWith) or (isinstance(node, ast.comprehension) and node.is_async):
            return f"{code.node.name} uses {type(node).__name__}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "asyncio":
            return f"{code.node.name} uses asyncio.{node.attr}"
        if isinstance(node, ast.Await) and not _is_of_library(node.value, code):
            return f"{code.node.name} awaits {ast.unparse(node.value)}"
    return ""


def _is_of_library(awaited: ast.expr, code: Code) -> bool:
    """Whether it is a call of the task library, or of what one has given, or of a function that becomes plain."""
    node = awaited
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute) and node.attr == "io":
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = code.find(node.func.id)
            if called is not None:
                return not called.stays
            # What a test is handed, such as a lambda that makes a call.
            if any(_is_library(one, code) for one in node.args):
                return True
        if not isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
            return False
        node = node.func if isinstance(node, ast.Call) else node.value
    return code.knows(node.id)


def _is_library(node: ast.expr, code: Code) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and code.knows(node.id)
