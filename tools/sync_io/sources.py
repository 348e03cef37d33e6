"""Classes as they are written, read from the sources of the package."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file.

    Attributes:
        name: Its dotted name.
        imported: For each name it imports, wherever in the file: the module and the name there.
        classes: Its classes by name.
        type_variables: The source of each ``T = TypeVar("T")``.
        defined: Other names that are assigned at its top level.
    """

    name: str
    imported: dict[str, tuple[str, str]]
    classes: dict[str, ast.ClassDef]
    type_variables: dict[str, str]
    defined: frozenset[str]


@dataclass
class Method:
    """A public method or property, with its overloads."""

    name: str
    node: Function
    overloads: list[Function] = field(default_factory=list)

    @property
    def is_property(self) -> bool:
        """Whether it is read like an attribute."""
        return any(isinstance(one, ast.Name) and one.id == "property" for one in self.node.decorator_list)


@dataclass(frozen=True)
class Class:
    """A class and where it is defined."""

    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name

    @property
    def methods(self) -> list[Method]:
        """Its own public methods, in the order in which they are written."""
        found: dict[str, Method] = {}
        stubs: dict[str, list[Function]] = {}
        for node in self.node.body:
            if not isinstance(node, Function) or node.name.startswith("_"):
                continue
            if any(isinstance(one, ast.Name) and one.id == "overload" for one in node.decorator_list):
                stubs.setdefault(node.name, []).append(node)
            else:
                found[node.name] = Method(node.name, node, stubs.get(node.name, []))
        return list(found.values())

    @property
    def aliases(self) -> dict[str, str]:
        """Further names of its methods."""
        names = {method.name for method in self.methods}
        return {
            target.id: node.value.id
            for node in self.node.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in names
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    @property
    def attributes(self) -> dict[str, ast.expr]:
        """The annotations of its own public attributes: of the class, or of what ``__init__`` assigns.

        Raises:
            SystemExit: An attribute has no annotation, nor a value that tells its type.
        """
        found = {
            node.target.id: node.annotation
            for node in self.node.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        for node in self.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                for name, annotation in _assigned(node).items():
                    found.setdefault(name, annotation)
        return {name: annotation for name, annotation in found.items() if not name.startswith("_")}

    @property
    def lineage(self) -> list[Class]:
        """The class and its bases that belong to the package, the nearest first."""
        found = [self]
        for name in self.base_names():
            base = find_class(self.module, name)
            if base is not None:
                found += base.lineage
        return found

    def base_names(self) -> list[str]:
        """The names of its bases, without their parameters."""
        return [ast.unparse(one.value if isinstance(one, ast.Subscript) else one) for one in self.node.bases]


def _assigned(init: ast.FunctionDef) -> dict[str, ast.expr]:
    parameters = {one.arg: one.annotation for one in (*init.args.args, *init.args.kwonlyargs)}
    found: dict[str, ast.expr] = {}
    for node in ast.walk(init):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Attribute) or target.attr.startswith("_"):
            continue
        annotation: ast.expr | None = None
        if isinstance(node, ast.AnnAssign):
            annotation = node.annotation
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            annotation = parameters.get(node.value.id)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            annotation = node.value.func
        if annotation is None:
            raise SystemExit(f"line {node.lineno}: say which type self.{target.attr} has: self.{target.attr}: … = …")
        found[target.attr] = annotation
    return found


@cache
def read_module(name: str) -> Module:
    """Read a module of the package.

    Args:
        name: Its dotted name.
    """
    path = SOURCES.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            imported |= {one.asname or one.name: (node.module, one.name) for one in node.names}
        elif isinstance(node, ast.Import):
            imported |= {one.asname or one.name: (one.name, "") for one in node.names}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    variables: dict[str, str] = {}
    defined: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "TypeVar":
                variables[node.targets[0].id] = ast.unparse(node)
            else:
                defined.add(node.targets[0].id)
    return Module(name, imported, classes, variables, frozenset(defined))


def find_class(module: Module, name: str) -> Class | None:
    """Find the class of the package that a name means in a module; ``None`` if it means something else."""
    while True:
        if name in module.classes:
            return Class(module, module.classes[name])
        origin = module.imported.get(name)
        if origin is None or not origin[0].startswith("perdure") or not origin[1]:
            return None
        module, name = read_module(origin[0]), origin[1]


def import_of(module: Module, name: str) -> tuple[str, str] | None:
    """Say from where another module imports what a name means in this one; ``None`` for builtins."""
    if name in module.imported:
        return module.imported[name]
    if name in module.classes or name in module.defined:
        return (module.name, name)
    return None
