"""Which classes need a blocking twin, and what types become in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tools.sync_io.sources import Class, Function, Method, Module, find_class, read_module

PACKAGE = "perdure.sdk.sync_io"
ROOT = ("perdure.sdk.io", "IO")
_AWAITED = {"Coroutine", "Awaitable"}


@dataclass(frozen=True)
class Twin:
    """A class that gets a blocking twin.

    Attributes:
        source: The class.
        is_part: Whether it is a base of `IO`, so that its twin speaks to the whole of it.
    """

    source: Class
    is_part: bool

    @property
    def name(self) -> str:
        """What the twin is called."""
        return f"Sync{self.source.name}"

    @property
    def module(self) -> str:
        """The module that the twin is written to."""
        name = self.source.module.name
        return PACKAGE if name == ROOT[0] else f"{PACKAGE}.{name.rpartition('.')[2]}"


def find_twins() -> list[Twin]:
    """List all classes that need a twin: `IO`, its bases, and what they give or hold."""
    found: dict[tuple[str, str], Twin] = {}
    root = find_class(read_module(ROOT[0]), ROOT[1])
    assert root is not None
    _add(root, found, is_part=True)
    return list(found.values())


def _add(cls: Class, found: dict[tuple[str, str], Twin], *, is_part: bool) -> None:
    key = (cls.module.name, cls.name)
    if key in found:
        return
    found[key] = Twin(cls, is_part)
    if is_part:
        for base in parts_of(cls):
            _add(base, found, is_part=True)
    for owner in [cls] if is_part else cls.lineage:
        held = owner.attributes.values() if not is_part or key == ROOT else ()
        for name in [name for annotation in (*_given(owner), *held) for name in names_in(annotation)]:
            met = find_class(owner.module, name)
            if met is not None and needs_twin(met):
                _add(met, found, is_part=False)


def parts_of(cls: Class) -> list[Class]:
    """The bases of a part of `IO` that have calls themselves."""
    bases = [find_class(cls.module, name) for name in cls.base_names()]
    return [base for base in bases if base is not None and needs_twin(base)]


def needs_twin(cls: Class, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a class has calls to await, itself, in a base, in an attribute or in a property."""
    if not cls.module.name.startswith("perdure.sdk") or cls.name in seen:
        return False
    if any(is_awaited(method.node) for method in cls.methods):
        return True
    held = [*cls.attributes.values(), *(result_of(one.node) for one in cls.methods if one.is_property)]
    names = [*cls.base_names(), *(name for one in held for name in names_in(one))]
    inner = [find_class(cls.module, name) for name in names]
    return any(one is not None and needs_twin(one, seen | {cls.name}) for one in inner)


def is_awaited(node: Function) -> bool:
    """Whether what a method gives is awaited."""
    return isinstance(node, ast.AsyncFunctionDef) or _awaited(node.returns) is not None


def result_of(node: Function) -> ast.expr:
    """The annotation of what a method gives once it is awaited, if it is."""
    assert node.returns is not None, f"{node.name} has no return annotation"
    inner = None if isinstance(node, ast.AsyncFunctionDef) else _awaited(node.returns)
    return node.returns if inner is None else inner


def names_in(annotation: ast.AST) -> list[str]:
    """The names that an annotation uses."""
    return [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]


def twin_of(module: Module, annotation: ast.expr, twins: list[Twin]) -> Twin | None:
    """The twin of the class that an annotation is, parameters aside."""
    head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    if not isinstance(head, ast.Name):
        return None
    cls = find_class(module, head.id)
    return next((one for one in twins if cls is not None and one.source.node is cls.node and not one.is_part), None)


def _given(cls: Class) -> list[ast.expr]:
    return [result_of(one) for method in cls.methods for one in _signatures(method)]


def _signatures(method: Method) -> list[Function]:
    return [method.node, *method.overloads]


def _awaited(annotation: ast.expr | None) -> ast.expr | None:
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.value, ast.Name):
        return None
    if annotation.value.id not in _AWAITED:
        return None
    inner = annotation.slice
    return inner.elts[-1] if isinstance(inner, ast.Tuple) else inner
