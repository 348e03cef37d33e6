"""The functions of a module that call ``io``, and the calls in each."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_ANNOTATIONS = ("IO", "SyncIO")


@dataclass(frozen=True)
class IoCall:
    """A call on ``io``.

    Attributes:
        node: The call.
        path: What is called, such as ``run_task`` or ``store.env.set``.
    """

    node: ast.Call
    path: str

    @property
    def key(self) -> ast.expr | None:
        """Its cache key; ``None``: it is left out, so it is an automatic one."""
        if self.node.args:
            first = self.node.args[0]
            return None if isinstance(first, ast.Constant) and first.value is None else first
        return next((keyword.value for keyword in self.node.keywords if keyword.arg in ("key", None)), None)

    @property
    def is_log(self) -> bool:
        """Whether it writes a line of the log, whose keys are never a problem."""
        return self.path.startswith("logger.")


@dataclass(frozen=True)
class JobFunction:
    """A job, a function that a job hands its ``io`` to, or the body of a task that has tasks of its own.

    Attributes:
        node: The function.
        io: What its ``io`` is called; ``None``: it takes none.
        is_job: Whether it is decorated as a job.
        imports: The full names of what the module has imported, by the names that they have in it.
        parents: What each node of the module is in.
    """

    node: Function
    io: str | None
    is_job: bool
    imports: dict[str, str] = field(repr=False)
    parents: dict[ast.AST, ast.AST] = field(repr=False)

    @property
    def is_async(self) -> bool:
        """Whether its calls on ``io`` are to be awaited."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_body(self) -> bool:
        """Whether it is the body of a task: what it comes to is recorded as a whole."""
        arguments = self.node.args
        first = [*arguments.posonlyargs, *arguments.args][:1]
        return not self.is_job and bool(first) and first[0].arg == "task"

    def own_nodes(self) -> Iterator[ast.AST]:
        """Give the nodes of its body in their order, without those of functions and classes in it."""
        pending: list[ast.AST] = list(reversed(self.node.body))
        while pending:
            node = pending.pop()
            yield node
            if not isinstance(node, _NESTED):
                pending.extend(reversed(list(ast.iter_child_nodes(node))))

    def io_calls(self) -> Iterator[IoCall]:
        """Give its calls on ``io``, in their order."""
        for node in self.own_nodes():
            if isinstance(node, ast.Call):
                path = dotted(node.func)
                if path is not None and self.io is not None and path.startswith(f"{self.io}."):
                    yield IoCall(node, path.removeprefix(f"{self.io}."))

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Give what a node is in, from the inside out up to this function, each with the node in it."""
        while node is not self.node:
            parent = self.parents[node]
            yield parent, node
            node = parent


def job_functions(module: ast.Module) -> list[JobFunction]:
    """Find the functions that call ``io``, and the jobs that do not."""
    imports = _imports(module)
    parents = {child: parent for parent in ast.walk(module) for child in ast.iter_child_nodes(parent)}
    found: list[JobFunction] = []
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            is_job = any(_is_job_decorator(decorator, imports) for decorator in node.decorator_list)
            io = _io_of(node, is_job=is_job)
            if is_job or io is not None:
                found.append(JobFunction(node, io, is_job, imports, parents))
    return found


def dotted(node: ast.expr) -> str | None:
    """Give a chain of attributes as it is written, ``a.b.c``; ``None``: it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def full_name(node: ast.expr, imports: dict[str, str]) -> str | None:
    """Give the full name of what a chain of attributes refers to, if it begins with something imported."""
    path = dotted(node)
    if path is None:
        return None
    first, mark, rest = path.partition(".")
    return f"{imports[first]}{mark}{rest}" if first in imports else None


def _imports(module: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _is_job_decorator(decorator: ast.expr, imports: dict[str, str]) -> bool:
    if not isinstance(decorator, ast.Call):
        return False
    if full_name(decorator.func, imports) in ("perdure.job", "perdure.sdk.job_declaration.job"):
        return True
    return isinstance(decorator.func, ast.Attribute) and decorator.func.attr == "job"


def _io_of(node: Function, *, is_job: bool) -> str | None:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    for argument in arguments:
        if argument.annotation is not None and _is_io(argument.annotation):
            return argument.arg
    if is_job and len(arguments) >= 2:
        return arguments[1].arg
    return next((argument.arg for argument in arguments if argument.arg == "io"), None)


def _is_io(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.rpartition(".")[2] in _ANNOTATIONS
    path = dotted(annotation)
    return path is not None and path.rpartition(".")[2] in _ANNOTATIONS
